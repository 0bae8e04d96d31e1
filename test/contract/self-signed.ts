// A certificate that nobody else signed, as a power controller has one: made anew for each run, so that no key lies in the repository.
import { generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto';

export type SelfSigned = { readonly key: string; readonly cert: string; readonly sha256: string };

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? [body.length] : body.length < 256 ? [0x81, body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

const [sequence, set, integer, bits, oid, utf8, time] = [0x30, 0x31, 0x02, 0x03, 0x06, 0x0c, 0x17];
const ecdsaWithSha256 = der(sequence, der(oid, Buffer.from('2a8648ce3d040302', 'hex')));
const commonName = Buffer.from('550403', 'hex');

export function selfSigned(name: string): SelfSigned {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const who = der(sequence, der(set, der(sequence, der(oid, commonName), der(utf8, Buffer.from(name)))));
  const validity = der(sequence, der(time, Buffer.from('200101000000Z')), der(time, Buffer.from('491231235959Z')));
  const serial = der(integer, Buffer.concat([Buffer.from([1]), randomBytes(15)]));
  const body = der(sequence, der(0xa0, der(integer, Buffer.from([2]))), serial, ecdsaWithSha256, who, validity, who, publicKey.export({ type: 'spki', format: 'der' }));
  const signature = der(bits, Buffer.from([0]), sign('sha256', body, privateKey));
  const certificate = new X509Certificate(der(sequence, body, ecdsaWithSha256, signature));
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), cert: certificate.toString(), sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase() };
}
