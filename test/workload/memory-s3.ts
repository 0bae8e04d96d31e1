// S3 as far as the package needs it, as the request handler of the real client: objects with ETags, If-Match and If-None-Match.
import { S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';

type Request = { readonly method: string; readonly path: string; readonly headers: Readonly<Record<string, string>>; readonly body?: unknown };
export type Trouble = { /** The put is carried out, and S3 says this all the same. */ readonly after?: number /** S3 says this and does nothing. */; readonly instead?: number } | 'never answers';

export const etagOf = (body: Buffer) => `"${createHash('md5').update(body).digest('hex')}"`;

export class MemoryS3 {
  readonly objects = new Map<string, Buffer>();
  afterPut: () => void = () => {};
  /** For the next puts, in order. */
  troubles: Trouble[] = [];

  client(region: string, maxAttempts = 1): S3Client {
    return new S3Client({
      region,
      maxAttempts,
      credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
      forcePathStyle: true,
      requestHandler: { metadata: { handlerProtocol: 'memory' }, handle: async (request: Request, options?: { readonly abortSignal?: unknown }) => this.#handle(request, options?.abortSignal) },
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    });
  }

  async #handle({ method, path, headers, body }: Request, signal: unknown) {
    const stored = this.objects.get(path);
    const wanted = headers['if-match'];
    if (method !== 'PUT') {
      if (stored === undefined) return answer(404, {}, Buffer.from('<Error><Code>NoSuchKey</Code></Error>'));
      return wanted === undefined || wanted === etagOf(stored) ? answer(200, { etag: etagOf(stored) }, stored) : answer(412);
    }
    const trouble = this.troubles.shift();
    if (trouble === 'never answers')
      return new Promise<never>((_, reject) => signal instanceof AbortSignal && signal.addEventListener('abort', () => reject(Object.assign(new Error('aborted'), { name: 'AbortError' }))));
    if (trouble?.instead !== undefined) return answer(trouble.instead);
    if (headers['if-none-match'] === '*' && stored !== undefined) return answer(412);
    if (wanted !== undefined && stored === undefined) return answer(404, {}, Buffer.from('<Error><Code>NoSuchKey</Code></Error>'));
    if (wanted !== undefined && stored !== undefined && wanted !== etagOf(stored)) return answer(412);
    const content = Buffer.from(body as Uint8Array);
    this.objects.set(path, content);
    this.afterPut();
    return trouble?.after === undefined ? answer(200, { etag: etagOf(content) }) : answer(trouble.after);
  }
}

function answer(statusCode: number, headers: Record<string, string> = {}, content: Buffer = Buffer.alloc(0)) {
  return { response: { statusCode, headers, body: Readable.from([content]) } };
}
