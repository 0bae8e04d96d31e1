// Why: this is what a team adds to its own stack, once in each region: the region's vote, its governor, and in a candidate its gate, its
// failover runbook and its change log.
import { CfnOutput, RemovalPolicy } from 'aws-cdk-lib';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { HoldfastConfig } from '../../src/config/holdfast-config.ts';
import { toRuntimeConfig, type RuntimeConfig } from '../../src/config/runtime-config.ts';
import { BackupRunbooks } from './backup-runbooks.ts';
import { ChangeLog } from './change-log.ts';
import { FailoverRunbook } from './failover-runbook.ts';
import { Governor, onlyByTls } from './governor.ts';
import { FENCED_WRITER } from './permissions.ts';
import { IntegrityChecks } from './integrity-checks.ts';
import { RecoveryTables } from './recovery-tables.ts';
import type { ServiceEndpoint } from './service-endpoint.ts';
import { SwitchOverRunbook } from './switch-over-runbook.ts';
import { tableStatements } from './table-access.ts';
import { Vault } from './vault.ts';

export type RecoveryGroupRegionProps = {
  readonly config: HoldfastConfig;
  /** The region that this stack is deployed to; one of `config.regions`. */
  readonly region: string;
  /** Where the service answers in this region; needed in a candidate. */
  readonly service?: Pick<ServiceEndpoint, 'url' | 'target'>;
  /** The protected table, with a stream of new and old images; needed in a candidate. */
  readonly data?: Table;
};

export class RecoveryGroupRegion extends Construct {
  /** People and machines subscribe to it. */
  readonly topic: Topic;
  private readonly config: RuntimeConfig;
  private readonly region: string;

  constructor(scope: Construct, id: string, props: RecoveryGroupRegionProps) {
    super(scope, id);
    this.config = toRuntimeConfig(props.config);
    this.region = props.region;
    const { config, region } = this;
    const member = config.voters.find((voter) => voter.region === region);
    if (member === undefined) throw new Error(`'${region}' is no region of group ${config.group}; it may be ${config.voters.map((voter) => voter.region).join(', ')}`);

    this.topic = new Topic(this, 'Topic', { topicName: `holdfast-${config.group}-notify` });
    this.topic.addToResourcePolicy(onlyByTls(this.topic.topicArn, ['sns:Publish']));
    this.topic.applyRemovalPolicy(RemovalPolicy.DESTROY);
    const tables = new RecoveryTables(this, 'Tables', { config, region, role: member.role });

    if (config.vault !== undefined) new Vault(this, 'Vault', { config, region });
    const candidate = member.role === 'candidate' ? this.candidate(props, tables) : undefined;
    const governor = new Governor(this, 'Governor', {
      config,
      region,
      topic: this.topic,
      serviceUrl: props.service?.url,
      stateMachineArn: candidate?.stateMachineArn,
      dataStreamArn: props.data?.tableStreamArn,
    });
    for (const starter of [...governor.clocks, ...(candidate?.feeds ?? [])]) starter.node.addDependency(tables.rows);

    if (governor.gate !== undefined)
      this.output('GateUrl', `https://${governor.gate.host}${governor.gate.path}`, 'What Route 53 checks: 200 only while this region is active. Keep its path to yourself.');
    if (governor.gate !== undefined) this.output('GateHost', governor.gate.host);
    if (governor.gate !== undefined) this.output('GatePath', governor.gate.path);
    if (props.service !== undefined) this.output('ServiceUrl', props.service.url);
    if (props.service !== undefined) this.output('ServiceTarget', props.service.target);
  }

  /** Lets a function of the service write through the fence, and tells it the configuration. */
  protect(writer: LambdaFunction): void {
    writer.addEnvironment('HOLDFAST_CONFIG', JSON.stringify(this.config));
    for (const statement of tableStatements(this.config, this.region, FENCED_WRITER)) writer.addToRolePolicy(statement);
  }

  private candidate(props: RecoveryGroupRegionProps, tables: RecoveryTables) {
    const { config, region, topic } = this;
    if (props.service === undefined || props.data === undefined)
      throw new Error(`'${region}' is a candidate, so RecoveryGroupRegion needs 'service' and 'data' there; give both, or make it a witness`);
    const runbook = new FailoverRunbook(this, 'Failover', { config, region, topic, serviceUrl: props.service.url, serviceTarget: props.service.target, fences: props.config.fences });
    new SwitchOverRunbook(this, 'SwitchOver', { config, region, notify: runbook.notify, failover: runbook.machine.stateMachineArn });
    const changes = new ChangeLog(this, 'ChangeLog', { config, region, data: props.data, log: tables.log });
    const backups = props.config.vault === undefined ? [] : new BackupRunbooks(this, 'Backups', { config, region, notify: runbook.notify, vault: props.config.vault }).schedules;
    const checks = config.vault === undefined ? [] : new IntegrityChecks(this, 'Checks', { config, vault: config.vault, region, topic }).schedules;
    return { stateMachineArn: runbook.machine.stateMachineArn, feeds: [...changes.feeds, ...backups, ...checks] };
  }

  private output(name: string, value: string, description?: string): void {
    const output = new CfnOutput(this, name, { value, ...(description === undefined ? {} : { description }) });
    output.overrideLogicalId(name);
  }
}
