// The lab keeps the contract of fenced documents.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { WorkloadLab } from '../../src/workload/testing/workload-lab.ts';
import { fencedDocumentsContract } from './fenced-documents.ts';

const lab = new WorkloadLab({ tables: { orders: { partitionKey: 'id' } }, fenceShards: 2 });

fencedDocumentsContract('in memory', () => ({ client: () => new DynamoDBClient(lab.client), settings: lab.settings, region: lab.region, change: async (change) => lab.change(change) }));
