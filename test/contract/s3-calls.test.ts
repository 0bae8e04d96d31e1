// What a server may do to a call of S3 that no good server can be made to do: fail once, conflict, cut a body short, stop in the middle of one, ignore a range or a lock.
import { once } from 'node:events';
import http from 'node:http';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { readBody } from '../../src/drivers/aws/s3-body.ts';
import { type S3Limits, usualLimits } from '../../src/drivers/aws/s3-calls.ts';
import { createS3 } from '../../src/drivers/aws/s3-client.ts';
import { S3Site } from '../../src/drivers/aws/s3-site.ts';
import { bytesOf, shaOf } from './vault-site.ts';

type Seen = { readonly method: string; readonly url: string; readonly headers: http.IncomingHttpHeaders; readonly body: Buffer };
type Respond = (seen: Seen, response: http.ServerResponse, number: number) => void;

let close: (() => void) | undefined;
afterEach(() => close?.());

async function serve(respond: Respond, limits: Partial<S3Limits> = {}) {
  const seen: Seen[] = [];
  const server = http.createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece) => pieces.push(piece));
    request.on('end', () => {
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(pieces) };
      seen.push(one);
      respond(one, response, seen.length);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  process.env['AWS_ACCESS_KEY_ID'] = 'test';
  process.env['AWS_SECRET_ACCESS_KEY'] = 'test';
  const client = createS3('us-east-1', `http://127.0.0.1:${address.port}`);
  return { seen, site: new S3Site({ name: 'far', client, bucket: 'bucket', prefix: 'p/', limits: { ...usualLimits, callTimeoutMs: 700, retryDelayMs: 5, ...limits } }) };
}

const refuse = (response: http.ServerResponse, status: number, code: string, message = code) => {
  response.writeHead(status, { 'content-type': 'application/xml' });
  response.end(`<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`);
};
const accept = (response: http.ServerResponse) => {
  response.writeHead(200, { 'x-amz-version-id': 'v1' });
  response.end();
};
const text = 'some bytes';
const put = { sha256: shaOf(bytesOf(text)), lock: null };

describe('putting', () => {
  test('sends the bytes once, under the hash that is known, only if the name is free', async () => {
    const { seen, site } = await serve((_seen, response) => accept(response));
    expect(await site.put('packs/x', bytesOf(text), put)).toEqual({ kind: 'stored', versionId: 'v1' });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatchObject({ method: 'PUT', url: expect.stringMatching(/^\/bucket\/p\/packs\/x/), body: Buffer.from(text) });
    expect(seen[0]?.headers).toMatchObject({ 'if-none-match': '*', 'x-amz-content-sha256': put.sha256, 'x-amz-checksum-sha256': Buffer.from(put.sha256, 'hex').toString('base64') });
    expect(Object.keys(seen[0]?.headers ?? {}).filter((name) => /crc|trailer|expect|sdk-checksum/.test(name))).toEqual([]);
  });

  test('the hash is the caller’s, not one made anew: it is for the server to say that it is wrong', async () => {
    const { seen, site } = await serve((_seen, response) => refuse(response, 400, 'XAmzContentSHA256Mismatch'));
    const wrong = shaOf(bytesOf('other bytes'));
    await expect(site.put('x', bytesOf(text), { sha256: wrong, lock: null })).rejects.toMatchObject({ name: 'DamagedError' });
    expect(seen[0]?.headers['x-amz-content-sha256']).toBe(wrong);
  });

  test.each([
    [503, 'SlowDown'],
    [500, 'InternalError'],
    [409, 'ConditionalRequestConflict'],
  ])('tries again after %i %s', async (status, code) => {
    const { seen, site } = await serve((_seen, response, number) => (number === 1 ? refuse(response, status, code) : accept(response)));
    expect((await site.put('x', bytesOf(text), put)).kind).toBe('stored');
    expect(seen).toHaveLength(2);
    expect(seen[1]?.body.toString()).toBe(text);
  });

  test('tries again after a broken connection, and takes "it is there" for an answer', async () => {
    const { seen, site } = await serve((_seen, response, number) => (number === 1 ? response.destroy() : refuse(response, 412, 'PreconditionFailed')));
    expect(await site.put('x', bytesOf(text), put)).toEqual({ kind: 'exists' });
    expect(seen).toHaveLength(2);
  });

  test('gives up after three attempts, and says what it was', async () => {
    const { seen, site } = await serve((_seen, response) => refuse(response, 503, 'SlowDown', 'Please reduce your request rate.'));
    await expect(site.put('x', bytesOf(text), put)).rejects.toMatchObject({ name: 'SlowDown', message: expect.stringMatching(/^put of x in far \(bucket bucket\): Please reduce/) });
    expect(seen).toHaveLength(3);
  });

  test.each([
    [403, 'AccessDenied'],
    [501, 'NotImplemented'],
    [400, 'InvalidRequest'],
  ])('does not try again after %i %s', async (status, code) => {
    const { seen, site } = await serve((_seen, response) => refuse(response, status, code));
    await expect(site.put('x', bytesOf(text), put)).rejects.toMatchObject({ name: code });
    expect(seen).toHaveLength(1);
  });

  test('a replacement is not tried again: it would be one more version', async () => {
    const { seen, site } = await serve((_seen, response) => refuse(response, 503, 'SlowDown'));
    await expect(site.replace('x', bytesOf(text), put)).rejects.toMatchObject({ name: 'SlowDown' });
    expect(seen).toHaveLength(1);
    expect(seen[0]?.headers['if-none-match']).toBeUndefined();
  });

  test('a server that never answers costs one time limit, not three', async () => {
    const { seen, site } = await serve(() => undefined);
    const startedAt = performance.now();
    await expect(site.put('x', bytesOf(text), put)).rejects.toMatchObject({ name: 'TimeoutError', message: expect.stringMatching(/^put of x in far .* unknown/) });
    expect([seen.length, performance.now() - startedAt < 1_100]).toEqual([1, true]);
  });

  test('a large body has more time than a small one', async () => {
    const { site } = await serve((_seen, response) => setTimeout(() => accept(response), 900), { bytesPerSecondMin: 10_000 });
    await expect(site.put('small', bytesOf(text), put)).rejects.toMatchObject({ name: 'TimeoutError' });
    const large = new Uint8Array(10_000);
    expect((await site.put('large', large, { sha256: shaOf(large), lock: null })).kind).toBe('stored');
  });

  test('a lock is not asked of a server that would ignore it', async () => {
    const { seen, site } = await serve((one, response) => (one.url.includes('object-lock') ? refuse(response, 501, 'NotImplemented') : accept(response)));
    await expect(site.put('x', bytesOf(text), { ...put, lock: { mode: 'COMPLIANCE', untilMs: Date.now() + 1e6 } })).rejects.toMatchObject({
      name: 'InvalidConfigError',
      message: expect.stringContaining('Object Lock'),
    });
    expect(seen.map((one) => one.method)).toEqual(['GET']);
  });

  test('who may not read the lock configuration may put all the same', async () => {
    const { seen, site } = await serve((one, response) => (one.url.includes('object-lock') ? refuse(response, 403, 'AccessDenied') : accept(response)));
    for (const name of ['x', 'y']) await site.put(name, bytesOf(text), { ...put, lock: { mode: 'COMPLIANCE', untilMs: 1_800_000_000_001 } });
    expect(seen.map((one) => one.method)).toEqual(['GET', 'PUT', 'PUT']);
    expect(seen[1]?.headers).toMatchObject({ 'x-amz-object-lock-mode': 'COMPLIANCE', 'x-amz-object-lock-retain-until-date': '2027-01-15T08:00:01Z' });
  });
});

describe('getting', () => {
  test('a body that ends early is asked for again, and never given as it is', async () => {
    const cut = (response: http.ServerResponse) => {
      response.writeHead(200, { 'content-length': text.length });
      response.write(text.slice(0, 4));
      setTimeout(() => response.destroy(), 20);
    };
    const once = await serve((_seen, response, number) => (number === 1 ? cut(response) : response.end(text)));
    expect(new TextDecoder().decode((await once.site.get('x')) ?? new Uint8Array())).toBe(text);
    close?.();
    const always = await serve((_seen, response) => cut(response));
    await expect(always.site.get('x')).rejects.toThrow(/get of x in far .*4 of 10 bytes/);
    expect(always.seen).toHaveLength(3);
  });

  test('a body that stops in the middle costs the time limit', async () => {
    const { site } = await serve((_seen, response) => {
      response.writeHead(200, { 'content-length': text.length });
      response.write(text.slice(0, 4));
    });
    const startedAt = performance.now();
    await expect(site.get('x')).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test('a whole object where a part was asked for is cut', async () => {
    const { seen, site } = await serve((_seen, response) => response.writeHead(200, { 'content-length': text.length }).end(text));
    expect(new TextDecoder().decode((await site.get('x', { offset: 2, bytes: 5 })) ?? new Uint8Array())).toBe('me by');
    expect(seen[0]?.headers.range).toBe('bytes=2-6');
  });

  test('a body that is shorter or longer than was promised is an error', async () => {
    for (const promised of [text.length - 1, text.length + 1]) await expect(readBody(Readable.from([Buffer.from(text)]), promised)).rejects.toThrow(`of ${promised} bytes`);
    expect(new TextDecoder().decode(await readBody(Readable.from([Buffer.from('some '), Buffer.from('bytes')]), text.length))).toBe(text);
    expect(await readBody(Readable.from([]), 0)).toEqual(new Uint8Array(0));
    await expect(readBody(undefined, 1)).rejects.toThrow('without a readable body');
  });

  test('a body of unknown length is read to its end', async () => {
    const { site } = await serve((_seen, response) => {
      response.writeHead(200, { 'transfer-encoding': 'chunked' });
      response.write('some ');
      response.end('bytes');
    });
    expect(new TextDecoder().decode((await site.get('x')) ?? new Uint8Array())).toBe(text);
  });
});

describe('listing', () => {
  const object = (tag: string, key: string) => `<${tag}><Key>p/${key}</Key><VersionId>v</VersionId><IsLatest>true</IsLatest><Size>1</Size></${tag}>`;
  const names = async (site: S3Site) => {
    const found: string[] = [];
    for await (const { name } of site.list('')) found.push(name);
    return found;
  };

  test('a server without versions is listed by names', async () => {
    const { seen, site } = await serve((one, response) =>
      one.url.includes('versions') ? refuse(response, 501, 'NotImplemented') : response.end(`<ListBucketResult>${object('Contents', 'a')}${object('Contents', 'b')}</ListBucketResult>`),
    );
    expect([await names(site), await names(site)]).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ]);
    expect(seen).toHaveLength(3); // it is not asked for versions again
  });

  test('a list that says it goes on, but not where, is an error and not the end', async () => {
    const { site } = await serve((_seen, response) => response.end(`<ListVersionsResult><IsTruncated>true</IsTruncated>${object('Version', 'a')}</ListVersionsResult>`));
    await expect(names(site)).rejects.toThrow(/not all/);
    close?.();
    const circle = await serve((_seen, response) =>
      response.end(`<ListVersionsResult><IsTruncated>true</IsTruncated><NextKeyMarker>p/a</NextKeyMarker><NextVersionIdMarker>v</NextVersionIdMarker>${object('Version', 'a')}</ListVersionsResult>`),
    );
    await expect(names(circle.site)).rejects.toThrow(/not all/);
  });
});
