// Why: what one region accepts must be in the others within seconds: the data table's stream is shipped to every other region as segments, and
// segments that arrive here are applied.
import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import type { RuntimeConfig } from '../../src/config/runtime-config.ts';
import { HoldfastFunction } from './holdfast-function.ts';

/** The handler throws when a batch failed: it is tried again, halved, for as long as the stream keeps it (24 h). Nothing is skipped. */
const NEVER_SKIP = { startingPosition: StartingPosition.TRIM_HORIZON, batchSize: 100, maxBatchingWindow: Duration.seconds(1), bisectBatchOnError: true, retryAttempts: -1 } as const;

type Streaming = { readonly tableStreamArn?: string | undefined };

export type ChangeLogProps = { readonly config: RuntimeConfig; readonly region: string; readonly data: Streaming; readonly log: Streaming };

export class ChangeLog extends Construct {
  readonly feeds: readonly EventSourceMapping[];

  constructor(scope: Construct, id: string, props: ChangeLogProps) {
    super(scope, id);
    const { config, region } = props;
    const dataStream = streamOf(props.data, `new Table(…, { stream: StreamViewType.NEW_AND_OLD_IMAGES }) for the table '${config.tables.data}'`);
    const logStream = streamOf(props.log, 'the log table');
    const ship = new HoldfastFunction(this, { config, region, name: 'ship-log', statements: [readStream(dataStream)] });
    const apply = new HoldfastFunction(this, { config, region, name: 'apply-log', statements: [readStream(logStream)] });
    // Segments only, and not those of this region's own log: there is nothing to apply of them here.
    const segments = config.voters
      .filter((voter) => voter.role === 'candidate' && voter.region !== region)
      .map((voter) => FilterCriteria.filter({ dynamodb: { Keys: { pk: { S: FilterRule.isEqual(`LOG#${voter.region}`) } } } }));
    this.feeds = [
      new EventSourceMapping(ship, 'FromData', { target: ship.function, eventSourceArn: dataStream, ...NEVER_SKIP }),
      new EventSourceMapping(apply, 'FromLog', { target: apply.function, eventSourceArn: logStream, ...NEVER_SKIP, filters: segments }),
    ];
  }
}

function streamOf(table: Streaming, what: string): string {
  if (table.tableStreamArn === undefined) throw new Error(`the table has no stream, so its changes cannot be shipped; create it with ${what}`);
  return table.tableStreamArn;
}

function readStream(streamArn: string): PolicyStatement {
  return new PolicyStatement({ actions: ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:ListStreams'], resources: [streamArn] });
}
