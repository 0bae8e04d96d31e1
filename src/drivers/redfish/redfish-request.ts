// One request to a Redfish controller. The password is sent only after the controller has shown its certificate, and to no other host.
import { once } from 'node:events';
import https from 'node:https';
import tls from 'node:tls';

export type RedfishAccess = {
  /** The system's resource: https://host/redfish/v1/Systems/id. */
  readonly system: URL;
  readonly user: string;
  readonly password: () => Promise<string>;
  /** Of the controller's certificate, in hex. Undefined: a public authority must have signed it, for the host's name. */
  readonly certificateSha256: string | undefined;
};

export type RedfishCall = { readonly method: 'GET' | 'POST'; readonly path: string; readonly body?: object };

/** The controller answered, and did not do it. */
export class RedfishRefusal extends Error {
  override readonly name = 'RedfishRefusal';
}

const httpsPort = 443;
const answerBytesMax = 1024 * 1024;
const shownCharacters = 200;

/** @returns what was answered, as JSON, or null. @throws RedfishRefusal where it was refused; anything else: nobody knows */
export async function redfishRequest(access: RedfishAccess, call: RedfishCall, signal: AbortSignal): Promise<unknown> {
  const password = await access.password();
  const url = new URL(call.path, access.system);
  if (url.origin !== access.system.origin) throw new RedfishRefusal(`the controller named another host for ${call.path}: ${url.origin}`);
  const socket = await connect(access, signal);
  try {
    const body = call.body === undefined ? '' : JSON.stringify(call.body);
    const request = https.request(url, {
      method: call.method,
      signal,
      createConnection: () => socket,
      headers: {
        authorization: `Basic ${Buffer.from(`${access.user}:${password}`).toString('base64')}`,
        accept: 'application/json',
        connection: 'close',
        ...(body === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
      },
    });
    return await answerOf(request, body, call);
  } finally {
    socket.destroy();
  }
}

async function answerOf(request: ReturnType<typeof https.request>, body: string, call: RedfishCall): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  request.on('error', reject);
  request.on('response', (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('error', reject);
    response.on('data', (part: string) => {
      text += part;
      if (text.length > answerBytesMax) request.destroy(new Error(`${call.path} answered with more than ${answerBytesMax} bytes`));
    });
    response.on('end', () => {
      const status = response.statusCode ?? 0;
      const said = `${call.method} ${call.path}: HTTP ${status}${text === '' ? '' : ` ${text.slice(0, shownCharacters)}`}`;
      if (status >= 200 && status < 300) resolve(parse(text));
      // 4xx: it was understood and refused. 408, 429 and the server's own errors tell nothing.
      else reject(status >= 400 && status < 500 && status !== 408 && status !== 429 ? new RedfishRefusal(said) : new Error(said));
    });
  });
  request.end(body);
  return promise;
}

async function connect({ system, certificateSha256 }: RedfishAccess, signal: AbortSignal): Promise<tls.TLSSocket> {
  signal.throwIfAborted();
  const host = system.hostname.replace(/^\[|\]$/gu, '');
  const isPinned = certificateSha256 !== undefined;
  const isName = !/^[\d.]+$|:/u.test(host);
  const socket = tls.connect({ host, port: Number(system.port === '' ? httpsPort : system.port), rejectUnauthorized: !isPinned, ...(isName ? { servername: host } : {}) });
  const end = () => socket.destroy(new Error('its time is over'));
  signal.addEventListener('abort', end);
  try {
    await once(socket, 'secureConnect');
    const shown = socket.getPeerCertificate().fingerprint256?.replaceAll(':', '').toLowerCase();
    if (isPinned && shown !== certificateSha256) throw new RedfishRefusal(`${system.host} shows the certificate ${shown}, not ${certificateSha256}: nothing was sent to it`);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

function parse(text: string): unknown {
  if (text.trim() === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('the answer is not JSON');
  }
}
