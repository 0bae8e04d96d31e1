// `node local/start-region.ts REGION [regions.json]`: starts a region that has ended and returns when it is ready. What regions.json names as
// a region's `start`. It asks the harness, which owns the region: so the region still ends when the harness does.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const READY_WITHIN_MS = 90_000;
const needed = z.object({ control: z.object({ url: z.url() }) });

async function main(region: string | undefined, path: string): Promise<void> {
  if (region === undefined) throw new Error('name a region: node local/start-region.ts us-east-1');
  const { control } = needed.parse(JSON.parse(readFileSync(path, 'utf8')));
  const answer = await fetch(control.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'start', region }),
    signal: AbortSignal.timeout(READY_WITHIN_MS),
  });
  if (!answer.ok) throw new Error(`the harness answered ${answer.status}: ${await answer.text()}`);
}

const [region, path = fileURLToPath(new URL('../.holdfast/local/regions.json', import.meta.url))] = process.argv.slice(2);
main(region, path).catch((error: unknown) => {
  process.stderr.write(`cannot start ${region ?? 'a region'}: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
