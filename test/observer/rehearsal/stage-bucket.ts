// A vault bucket of the stage: one pack and one manifest, locked, and the few S3 calls that the observer makes. It refuses what a locked bucket
// refuses, or, played badly, says that it does and lets the version go.
import type http from 'node:http';

interface Reply {
  readonly status: number;
  readonly body?: string;
}

const UNTIL = '2099-01-01T00:00:00Z';
const VERSION = 'v1';
const refusal = (code: string, status = 403): Reply => ({ status, body: `<Error><Code>${code}</Code><Message>refused by the stage</Message></Error>` });

export class StageBucket {
  readonly #objects = new Map(['packs/ab/abab', 'points/orders.c/p-full-1'].map((key) => [key, `the bytes of ${key}`]));
  /** Whether a version goes although its deletion was refused. */
  isYielding = false;

  handle(request: http.IncomingMessage, body: string): Reply {
    const url = new URL(request.url ?? '/', 'http://stage');
    const [, , ...rest] = url.pathname.split('/');
    const key = decodeURIComponent(rest.join('/'));
    const asked = url.searchParams;
    const method = request.method ?? '';
    if (key === '') return this.#handleWhole(method, asked, body);
    if (method === 'GET') return asked.has('retention') ? this.#retention(key) : this.#read(key);
    if (method === 'DELETE' && asked.has('versionId')) return this.#delete(key);
    if (method === 'DELETE') return { status: 204 };
    return asked.has('retention') ? refusal('AccessDenied') : { status: 200 };
  }

  #handleWhole(method: string, asked: URLSearchParams, body: string): Reply {
    if (method === 'GET') return this.#versions(asked.get('prefix') ?? '');
    if (method === 'POST') {
      const key = /<Key>([^<]*)<\/Key>/.exec(body)?.[1] ?? '';
      this.#delete(key);
      return { status: 200, body: `<DeleteResult><Error><Key>${key}</Key><VersionId>${VERSION}</VersionId><Code>AccessDenied</Code><Message>locked</Message></Error></DeleteResult>` };
    }
    return method === 'DELETE' ? refusal('BucketNotEmpty', 409) : refusal('InvalidBucketState', 409);
  }

  #versions(prefix: string): Reply {
    const versions = [...this.#objects.keys()]
      .filter((key) => key.startsWith(prefix))
      .map((key) => `<Version><Key>${key}</Key><VersionId>${VERSION}</VersionId><LastModified>2026-01-01T00:00:00.000Z</LastModified></Version>`);
    return { status: 200, body: `<ListVersionsResult><IsTruncated>false</IsTruncated>${versions.join('')}</ListVersionsResult>` };
  }

  #read(key: string): Reply {
    const bytes = this.#objects.get(key);
    return bytes === undefined ? refusal('NoSuchVersion', 404) : { status: 200, body: bytes };
  }

  #retention(key: string): Reply {
    return this.#objects.has(key) ? { status: 200, body: `<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>${UNTIL}</RetainUntilDate></Retention>` } : refusal('NoSuchVersion', 404);
  }

  #delete(key: string): Reply {
    if (this.isYielding) this.#objects.delete(key);
    return refusal('AccessDenied');
  }
}
