// The S3 server of a run: versitygw over a folder of the same disk, so that every tool speaks to the same one.
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import type { S3Place } from './tool.ts';
import { findPrograms } from './tools-peers.ts';

const [accessKey, secretKey, region] = ['bench', 'bench-secret-key', 'us-east-1'];
const [startMs, pollMs, ticksPerSecond] = [20_000, 100, 100];

export class S3Server {
  readonly #child: ChildProcess;
  readonly #endpoint: string;
  readonly #client: S3Client;
  readonly root: string;

  private constructor(child: ChildProcess, endpoint: string, root: string) {
    this.#child = child;
    this.#endpoint = endpoint;
    this.root = root;
    this.#client = new S3Client({ endpoint, region, forcePathStyle: true, credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } });
  }

  /** @returns null where there is no versitygw in HOLDFAST_VERSITYGW, HOLDFAST_PEERS or PATH */
  static async start(folder: string): Promise<S3Server | null> {
    const program = findServer();
    if (program === null) return null;
    const [root, versions] = [join(folder, 's3'), join(folder, 's3-versions')];
    for (const each of [root, versions]) mkdirSync(each, { recursive: true });
    const port = await freePort();
    const child = spawn(
      program,
      ['--access', accessKey, '--secret', secretKey, '--region', region, '--port', `127.0.0.1:${port}`, '--keep-alive', '--quiet', 'posix', '--versioning-dir', versions, root],
      {
        stdio: 'ignore',
        env: { PATH: process.env['PATH'] ?? '' },
      },
    );
    const endpoint = `http://127.0.0.1:${port}`;
    for (let waitedMs = 0; waitedMs < startMs; waitedMs += pollMs) {
      if (child.exitCode !== null) break;
      try {
        await fetch(endpoint);
        return new S3Server(child, endpoint, root);
      } catch {
        await setTimeout(pollMs);
      }
    }
    child.kill();
    throw new Error(`${program} did not answer at ${endpoint} within ${startMs / 1000} s`);
  }

  async newBucket(name: string): Promise<S3Place> {
    await this.#client.send(new CreateBucketCommand({ Bucket: name }));
    return { kind: 's3', endpoint: this.#endpoint, bucket: name, region, accessKey, secretKey };
  }

  /** CPU seconds of the server so far; null where the system does not say. */
  cpuSeconds(): number | null {
    try {
      const fields = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
    } catch {
      return null;
    }
  }

  stop(): void {
    this.#client.destroy();
    this.#child.kill();
  }
}

function findServer(): string | null {
  const named = process.env['HOLDFAST_VERSITYGW'];
  if (named === undefined) return findPrograms('versitygw')[0] ?? null;
  accessSync(named, constants.X_OK);
  return named;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => (typeof address === 'object' && address !== null ? resolve(address.port) : reject(new Error('no free port'))));
    });
  });
}
