// Why: the DNS records, made once and before any bad day: from then on only the gates' answers move traffic, and no step of a failover calls
// Route 53. A stack of their own, because the zone is often another account's.
import { CfnParameter, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { CfnHealthCheck, CfnRecordSet } from 'aws-cdk-lib/aws-route53';
import type { Construct } from 'constructs';
import { regionIdPart } from '../../src/config/aws-regions.ts';
import type { HoldfastConfig } from '../../src/config/holdfast-config.ts';

/** Where Route 53 has checkers; those nearest to a witness first. */
const CHECKER_REGIONS = ['eu-west-1', 'us-west-1', 'ap-southeast-1', 'ap-northeast-1', 'sa-east-1', 'ap-southeast-2', 'us-east-1', 'us-west-2'] as const;
/** The least that Route 53 takes. Each checks on its own, so that a gate hears from one about every second. */
const CHECKER_REGIONS_LEAST = 3;

export type RecordsStackProps = StackProps & { readonly config: HoldfastConfig };

export class RecordsStack extends Stack {
  constructor(scope: Construct, id: string, props: RecordsStackProps) {
    super(scope, id, props);
    const { config } = props;
    const name = config.service.name;
    const active = `_active.${name}`;
    const ttl = String(Duration.seconds(config.dns.ttlSeconds).toSeconds());
    const zone = this.told('HostedZoneId', `The hosted zone of ${name}`);
    const maintenance = this.told('MaintenanceTarget', 'ServiceTarget of the witness region: what clients get while no region is active');
    const candidates = config.regions.filter((member) => member.role === 'candidate').map((member) => member.region);

    const weighted = candidates.map((region) => {
      const part = regionIdPart(region);
      const check = new CfnHealthCheck(this, `Gate${part}`, {
        healthCheckConfig: {
          type: 'HTTPS',
          fullyQualifiedDomainName: this.told(`GateHost${part}`, `GateHost of ${region}`),
          port: 443,
          resourcePath: this.told(`GatePath${part}`, `GatePath of ${region}`),
          enableSni: true,
          requestInterval: config.dns.checkIntervalSeconds,
          failureThreshold: config.dns.checkFailures,
          regions: checkersFor(candidates),
        },
      });
      return new CfnRecordSet(this, `Active${part}`, {
        hostedZoneId: zone,
        name: active,
        type: 'CNAME',
        ttl,
        setIdentifier: region,
        weight: 1,
        healthCheckId: check.attrHealthCheckId,
        resourceRecords: [this.told(`ServiceTarget${part}`, `ServiceTarget of ${region}`)],
      });
    });

    // Route 53 answers with all records of a group of which none is healthy: the outer pair turns that into the maintenance answer.
    const primary = new CfnRecordSet(this, 'Primary', {
      hostedZoneId: zone,
      name,
      type: 'CNAME',
      setIdentifier: 'active',
      failover: 'PRIMARY',
      aliasTarget: { dnsName: active, hostedZoneId: zone, evaluateTargetHealth: true },
    });
    for (const record of weighted) primary.addResourceDependency(record);
    new CfnRecordSet(this, 'Secondary', { hostedZoneId: zone, name, type: 'CNAME', ttl, setIdentifier: 'maintenance', failover: 'SECONDARY', resourceRecords: [maintenance] });
  }

  private told(id: string, description: string): string {
    return new CfnParameter(this, id, { type: 'String', description, minLength: 1 }).valueAsString;
  }
}

/** A checker in a candidate's region would die with what it watches. */
function checkersFor(candidates: readonly string[]): string[] {
  return CHECKER_REGIONS.filter((region) => !candidates.includes(region)).slice(0, CHECKER_REGIONS_LEAST);
}
