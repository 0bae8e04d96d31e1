// A region of the stage on which the observer itself is rehearsed: one process, in memory, that plays a gate, an orders service and the few
// DynamoDB calls which the observer makes, exactly as it is told to by POST /_stage. It has no idea of leases: the rehearsal tells it what a
// good or a bad product would do, and the observer must tell the two apart.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { StageBucket } from './stage-bucket.ts';
import type { StageDecision } from './stage-divergence.ts';

interface StageState {
  register: { ballot: string; value: object };
  isOpen: boolean;
  epoch: number;
  divergence: { origin: string; sequence: number; id: string; theirs: string | null }[];
}

const [region = '', host = '', port = '', acceptedLog = '', bucketYields = ''] = process.argv.slice(2);
const state: StageState = { register: { ballot: '', value: {} }, isOpen: false, epoch: 0, divergence: [] };
type Items = Map<string, { text: string; epoch: number }>;

const items: Items = new Map();
// A region that was killed has what it had accepted.
if (existsSync(acceptedLog)) for (const line of readFileSync(acceptedLog, 'utf8').split('\n').slice(0, -1)) put(items, JSON.parse(line).id, JSON.parse(line));
/** Tables that a restore made. */
const restored = new Map<string, Items>();
const decisions: StageDecision[] = [];
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
  Query: (input) => ({ Items: rows[Object(input['ExpressionAttributeValues'])[':pk']?.S]?.() ?? [] }),
};

/** The region table, by partition key. */
const rows: Record<string, () => object[]> = {
  DIVERGENCE: () => state.divergence.map((d) => ({ pk: { S: 'DIVERGENCE' }, sk: { S: `${d.origin}#1#${d.sequence}` }, itemKey: { S: d.id }, ...image('theirs', d.id, d.theirs) })),
  DECISION: () =>
    decisions.map(({ key, rule, by, reason, atMs, before }, i) => ({
      sk: { S: decisionKey(i) },
      itemKey: { S: key },
      rule: { S: rule },
      by: { S: by },
      reason: { S: reason },
      atMs: { N: String(atMs) },
      state: { S: 'done' },
      ...image('before', key, before),
    })),
  DECISION_WROTE: () => decisions.map(({ key, wrote }, i) => ({ sk: { S: decisionKey(i) }, ...image('wrote', key, wrote) })),
};

function decisionKey(i: number): string {
  return `key#${String(i).padStart(8, '0')}`;
}

/** Nothing where there was no item. */
function image(name: string, id: string, text: string | null): object {
  return text === null ? {} : { [name]: { S: JSON.stringify({ id: { S: id }, text: { S: text } }) } };
}

/** A text that is null is a removal. */
function put(target: Items, id: string, item: { text: string | null; epoch: number }): void {
  if (item.text === null) target.delete(id);
  else target.set(id, { text: item.text, epoch: item.epoch });
}

/** In the region's log, from where it reaches the others. */
function accept(id: string, text: string | null, epoch: number): void {
  appendFileSync(acceptedLog, `${JSON.stringify({ id, text, epoch, atMs: Date.now() })}\n`);
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
    const { items: applied = [], table, decision, isLogged, expected, ...changes } = JSON.parse(body);
    if (expected !== undefined && (items.get(applied[0].id)?.text ?? null) !== expected) return { status: 409 };
    Object.assign(state, changes);
    const target: Items = table === undefined ? items : new Map();
    if (table !== undefined) restored.set(table, target);
    for (const { id, ...item } of applied) put(target, id, item);
    if (decision !== undefined) decisions.push(decision);
    if (isLogged === true) for (const { id, text, epoch } of applied) accept(id, text, epoch);
    return { status: 200, json: {} };
  }
  if (path === '/gate/token') return { status: state.isOpen ? 200 : 503 };
  if (!state.isOpen) return { status: 503, retryAfter: '1' };
  const id = path.split('/').at(-1) ?? '';
  if (request.method === 'PUT' || request.method === 'DELETE') {
    const { text } = request.method === 'PUT' ? JSON.parse(body) : { text: null };
    if (text === null && !items.has(id)) return { status: 404 };
    put(items, id, { text, epoch: state.epoch });
    accept(id, text, state.epoch);
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
