// Why: the sample's settings, and the file an owner edits: which regions vote, which may act, and how far Holdfast may go.
import { defineConfig } from './src/config/holdfast-config.ts';

export const config = defineConfig({
  group: 'orders',
  initialRegion: 'us-east-1',
  regions: [
    { region: 'us-east-1', role: 'candidate' },
    { region: 'us-west-2', role: 'candidate' },
    { region: 'eu-west-1', role: 'witness' },
  ],
  service: { name: 'api.orders.example' },
  table: { name: 'orders', partitionKey: 'id' },
  mode: 'automatic',
  isFenced: true,
  fenceShards: 2,
});
