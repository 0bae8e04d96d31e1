// A region of the stage on which the observer itself is rehearsed: one process, in memory, that plays a gate, an orders service and the few
// DynamoDB calls which the observer makes, exactly as it is told to by POST /_stage. It has no idea of leases: the rehearsal tells it what a
// good or a bad product would do, and the observer must tell the two apart.
import { appendFileSync } from 'node:fs';
import http from 'node:http';
import { StageBucket } from './stage-bucket.ts';

interface StageState {
  register: { ballot: string; value: object };
  isOpen: boolean;
  epoch: number;
  divergence: { origin: string; sequence: number; id: string; theirs: string }[];
}

const [region = '', host = '', port = '', acceptedLog = '', bucketYields = ''] = process.argv.slice(2);
const state: StageState = { register: { ballot: '', value: {} }, isOpen: false, epoch: 0, divergence: [] };
type Items = Map<string, { text: string; epoch: number }>;

const items: Items = new Map();
/** Tables that a restore made. */
const restored = new Map<string, Items>();
const bucket = new StageBucket();
bucket.isYielding = bucketYields === 'true';

const answers: Record<string, (input: Record<string, unknown>) => object> = {
  GetItem: () => ({ Item: { pk: { S: 'REGISTER#orders' }, acceptedBallot: { S: state.register.ballot }, acceptedValue: { S: JSON.stringify(state.register.value) } } }),
  DescribeTable: () => ({ Table: { KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }] } }),
  Scan: (input) => ({
    Items: [...(restored.get(String(input['TableName'])) ?? items)]
      .filter((_, index) => index % Number(input['TotalSegments']) === input['Segment'])
      .map(([id, { text, epoch }]) => ({ id: { S: id }, text: { S: text }, holdfastEpoch: { N: String(epoch) } })),
  }),
  DeleteTable: (input) => ({ TableDescription: { TableName: input['TableName'], TableStatus: restored.delete(String(input['TableName'])) ? 'DELETING' : 'ACTIVE' } }),
  Query: () => ({
    Items: state.divergence.map((d) => ({
      pk: { S: 'DIVERGENCE' },
      sk: { S: `${d.origin}#1#${d.sequence}` },
      itemKey: { S: d.id },
      theirs: { S: JSON.stringify({ text: { S: d.theirs } }) },
    })),
  }),
};

/** A text that is null is a removal. */
function put(target: Items, id: string, item: { text: string | null; epoch: number }): void {
  if (item.text === null) target.delete(id);
  else target.set(id, { text: item.text, epoch: item.epoch });
}

function handle(request: http.IncomingMessage, body: string): { status: number; json?: object; retryAfter?: string } {
  const path = request.url ?? '/';
  const target =
    String(request.headers['x-amz-target'] ?? '')
      .split('.')
      .at(-1) ?? '';
  const answer = answers[target];
  if (answer !== undefined) return { status: 200, json: answer(JSON.parse(body)) };
  if (path === '/_stage') {
    const { items: applied = [], table, ...changes } = JSON.parse(body);
    Object.assign(state, changes);
    const target: Items = table === undefined ? items : new Map();
    if (table !== undefined) restored.set(table, target);
    for (const { id, ...item } of applied) put(target, id, item);
    return { status: 200, json: {} };
  }
  if (path === '/gate/token') return { status: state.isOpen ? 200 : 503 };
  if (!state.isOpen) return { status: 503, retryAfter: '1' };
  const id = path.split('/').at(-1) ?? '';
  if (request.method === 'PUT' || request.method === 'DELETE') {
    const { text } = request.method === 'PUT' ? JSON.parse(body) : { text: null };
    if (text === null && !items.has(id)) return { status: 404 };
    put(items, id, { text, epoch: state.epoch });
    appendFileSync(acceptedLog, `${JSON.stringify({ id, text, epoch: state.epoch, atMs: Date.now() })}\n`);
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
      if (request.url?.startsWith('/vault')) {
        const reply = bucket.handle(request, Buffer.concat(parts).toString('utf8'));
        response.writeHead(reply.status, { 'content-type': 'application/xml' }).end(reply.body ?? '');
        return;
      }
      const { status, json, retryAfter } = handle(request, Buffer.concat(parts).toString('utf8'));
      response.writeHead(status, { 'content-type': 'application/json', ...(retryAfter === undefined ? {} : { 'retry-after': retryAfter }) });
      response.end(json === undefined ? '' : JSON.stringify(json));
    });
  })
  .listen(Number(port), host, () => process.stdout.write('ready\n'));
