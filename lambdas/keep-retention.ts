// KeepRetention: what no retention class needs any more is given up, and locks follow the need; each day, in the open region.
import { connectRetention } from '../src/client/connect-vault.ts';
import { readEnvironment } from '../src/config/environment.ts';
import { keepRetention, type RetentionKept } from '../src/operations/keep-retention.ts';

export async function handler(): Promise<RetentionKept> {
  return keepRetention(ports);
}

const ports = connectRetention(readEnvironment());
