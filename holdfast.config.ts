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
  // A trial: every class is kept for one day. Take the default days, and GOVERNANCE until you are sure.
  vault: {
    lockMode: 'COMPLIANCE',
    confirmCompliance: 'nobody can delete these backups before their date',
    retentionDays: { hourly: 1, daily: 1, weekly: 1, monthly: 1, yearly: 1 },
    packBytes: 16 * 1024 * 1024,
    schedules: { restoreTest: 'cron(30 10 * * ? *)' },
  },
});
