// The sample with its register in one strongly consistent table: a home that is not the initial region and not listed first.
import { config as sample } from '../../holdfast.config.ts';
import { defineConfig } from '../../src/config/holdfast-config.ts';

export const strongSample = defineConfig({
  ...sample,
  initialRegion: 'us-west-2',
  register: 'mrsc',
  regions: [
    { region: 'us-west-2', role: 'candidate' },
    { region: 'us-east-2', role: 'witness' },
    { region: 'us-east-1', role: 'candidate' },
  ],
});

export const strongTable = 'holdfast-orders-register-mrsc-1';
