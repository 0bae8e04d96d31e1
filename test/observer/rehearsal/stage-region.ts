// A region of the stage on which the observer itself is rehearsed: one process, in memory, that plays a gate, an orders service and the few
// DynamoDB calls which the observer makes, exactly as it is told to by POST /_stage. It has no idea of leases: the rehearsal tells it what a
// good or a bad product would do, and the observer must tell the two apart.
import { appendFileSync } from 'node:fs';
import http from 'node:http';

interface StageState {
  register: { ballot: string; value: object };
  isOpen: boolean;
  epoch: number;
  divergence: { origin: string; sequence: number; id: string; theirs: string }[];
}

const [region = '', host = '', port = '', acceptedLog = ''] = process.argv.slice(2);
const state: StageState = { register: { ballot: '', value: {} }, isOpen: false, epoch: 0, divergence: [] };
const items = new Map<string, { text: string; epoch: number }>();

const answers: Record<string, (input: Record<string, unknown>) => object> = {
  GetItem: () => ({ Item: { pk: { S: 'REGISTER#orders' }, acceptedBallot: { S: state.register.ballot }, acceptedValue: { S: JSON.stringify(state.register.value) } } }),
  DescribeTable: () => ({ Table: { KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }] } }),
  Scan: (input) => ({
    Items: [...items]
      .filter((_, index) => index % Number(input['TotalSegments']) === input['Segment'])
      .map(([id, { text, epoch }]) => ({ id: { S: id }, text: { S: text }, holdfastEpoch: { N: String(epoch) } })),
  }),
  Query: () => ({
    Items: state.divergence.map((d) => ({
      pk: { S: 'DIVERGENCE' },
      sk: { S: `${d.origin}#1#${d.sequence}` },
      itemKey: { S: d.id },
      theirs: { S: JSON.stringify({ text: { S: d.theirs } }) },
    })),
  }),
};

function handle(request: http.IncomingMessage, body: string): { status: number; json?: object; retryAfter?: string } {
  const path = request.url ?? '/';
  const target =
    String(request.headers['x-amz-target'] ?? '')
      .split('.')
      .at(-1) ?? '';
  const answer = answers[target];
  if (answer !== undefined) return { status: 200, json: answer(JSON.parse(body)) };
  if (path === '/_stage') {
    const { items: applied = [], ...changes } = JSON.parse(body);
    Object.assign(state, changes);
    for (const { id, ...item } of applied) items.set(id, item);
    return { status: 200, json: {} };
  }
  if (path === '/gate/token') return { status: state.isOpen ? 200 : 503 };
  if (!state.isOpen) return { status: 503, retryAfter: '1' };
  const id = path.split('/').at(-1) ?? '';
  if (request.method === 'PUT') {
    const { text } = JSON.parse(body);
    items.set(id, { text, epoch: state.epoch });
    appendFileSync(acceptedLog, `${JSON.stringify({ id, text, epoch: state.epoch })}\n`);
    return { status: 200, json: { id, region, epoch: state.epoch } };
  }
  return items.has(id) ? { status: 200, json: items.get(id) ?? {} } : { status: 404 };
}

// Whoever started this region holds its stdin: when they are gone, so is it.
process.stdin.on('end', () => process.exit()).resume();

http
  .createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const { status, json, retryAfter } = handle(request, Buffer.concat(parts).toString('utf8'));
      response.writeHead(status, { 'content-type': 'application/json', ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }) });
      response.end(json === undefined ? '' : JSON.stringify(json));
    });
  })
  .listen(Number(port), host, () => process.stdout.write('ready\n'));
