// Why: the tables are what Holdfast must not forget. They are kept when a stack goes, cannot be deleted by accident, and their logical ids
// are pinned by a test: a renamed construct would give CloudFormation an empty table under a new id (H3).
import { CustomResource, Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, BillingMode, CfnGlobalTable, StreamViewType, Table, type TableProps } from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import { HoldfastFunction } from './holdfast-function.ts';
import { acknowledge } from './nag-exceptions.ts';
import type { TableKind } from './permissions.ts';
import { resourcePolicy, tableName } from './table-access.ts';

const KEPT = { billingMode: BillingMode.PAY_PER_REQUEST, removalPolicy: RemovalPolicy.RETAIN, deletionProtection: true } as const;

const NEVER_RESTORED =
  'Its rows are true only now: a register, lease or fence row brought back from an earlier time would elect or admit an old epoch. A lost table is replaced by a new voter, never restored, so point-in-time recovery would only be a trap.';

export type RecoveryTablesProps = { readonly config: RuntimeConfig; readonly region: string; readonly role: 'candidate' | 'witness' };

export class RecoveryTables extends Construct {
  readonly log: Table;
  /** Present once the first rows stand; what acts on them depends on it. */
  readonly rows: CustomResource;

  constructor(scope: Construct, id: string, props: RecoveryTablesProps) {
    super(scope, id);
    const { config, region } = props;
    const sharedWith = (kind: TableKind) => {
      const policy = resourcePolicy(config, region, kind);
      return policy === undefined ? {} : { resourcePolicy: policy };
    };
    const { strongRegister: strong } = config;
    const key = { partitionKey: { name: 'pk', type: AttributeType.STRING } };
    const make = (tableId: string, kind: TableKind, name: string, more: Partial<TableProps>) => new Table(this, tableId, { tableName: name, ...KEPT, ...key, ...more, ...sharedWith(kind) });

    const register = make('Register', 'register', tableName(config, region, 'register'), {});
    const rows = make('Region', 'region', config.tables.region, { sortKey: { name: 'sk', type: AttributeType.STRING } });
    this.log = make('Log', 'log', config.tables.log, {
      sortKey: { name: 'sk', type: AttributeType.NUMBER },
      stream: StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: 'expiresAt',
      // The segments hold the only copy of what a lost region accepted: a mistake that deletes them must be undoable.
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    });
    const fences = props.role === 'candidate' ? [make('Fence', 'fence', config.tables.fence, {})] : [];
    for (const table of [register, rows, ...fences]) acknowledge(table, 'AwsSolutions-DDB3', NEVER_RESTORED);

    const createRows = new HoldfastFunction(this, { config, region, name: 'create-rows' });
    this.rows = new CustomResource(this, 'Rows', {
      serviceToken: createRows.function.functionArn,
      resourceType: 'Custom::HoldfastRows',
      serviceTimeout: Duration.minutes(2),
      removalPolicy: RemovalPolicy.RETAIN,
      properties: { Group: config.group, Region: region, RegisterTable: register.tableName, ...(strong === undefined ? {} : { StrongRegister: strong.table }) },
    });
    this.rows.node.addDependency(register, rows, this.log, ...fences);
    if (strong?.home === region) this.rows.node.addDependency(this.strongRegister(config, strong.table));
  }

  /** One global table for all three regions, made by one stack; the others know it by its name. It has no streams, no TTL and no restores. */
  private strongRegister(config: RuntimeConfig, name: string): CfnGlobalTable {
    const table = new CfnGlobalTable(this, 'StrongRegister', {
      tableName: name,
      billingMode: BillingMode.PAY_PER_REQUEST,
      keySchema: [{ attributeName: 'pk', keyType: 'HASH' }],
      attributeDefinitions: [{ attributeName: 'pk', attributeType: 'S' }],
      multiRegionConsistency: 'STRONG',
      replicas: config.voters.map((voter) => ({ region: voter.region, deletionProtectionEnabled: true })),
    });
    table.applyRemovalPolicy(RemovalPolicy.RETAIN);
    return table;
  }
}
