// DNS messages in and out: turns what Route 53 would answer into packets as a recursive resolver without a cache sends them. Pure but for
// the packet library, so that truncation and the CNAME chain are tested without a socket.
import dnsPacket, { type Answer, type DecodedPacket, type Packet, type Question } from 'dns-packet';
import { canonicalName, type Zone } from './zone.ts';
import { isInZone, route53Answer, type AnsweredRecord, type HealthStatus } from './route53-answer.ts';

export type Resolution = {
  readonly code: 'NOERROR' | 'SERVFAIL' | 'NXDOMAIN';
  readonly answers: readonly AnsweredRecord[];
};

export type ResolverView = {
  readonly zone: Zone;
  readonly health: HealthStatus;
  /** The address of a name outside of the zone, or null if nothing here knows it. */
  readonly addressOf: (name: string) => string | null;
  /** A number in [0, 1). */
  readonly random: () => number;
};

const CODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
const CHAIN_MAX = 8;
/** What API Gateway's regional names are answered with on AWS. */
const OUTSIDE_TTL_SECONDS = 60;
/** RFC 1035 4.2.1: without EDNS a UDP answer has at most so many bytes. */
const PLAIN_UDP_BYTES = 512;
/** What DNS software agreed on in 2020 to stay clear of fragmentation (dnsflagday.net). */
const EDNS_UDP_BYTES = 1232;

function outside(name: string, owner: string, type: string, view: ResolverView): Resolution {
  const address = view.addressOf(name);
  // No way to the rest of the Internet from here: an honest recursive resolver says that it failed, not that the name does not exist.
  if (address === null) return { code: 'SERVFAIL', answers: [] };
  return { code: 'NOERROR', answers: type === 'A' ? [{ name: owner, type: 'A', ttlSeconds: OUTSIDE_TTL_SECONDS, value: address }] : [] };
}

/** The whole answer to one question, CNAMEs followed. */
export function resolve(view: ResolverView, question: { readonly name: string; readonly type: string }): Resolution {
  const chain: AnsweredRecord[] = [];
  let name = canonicalName(question.name);
  for (let hop = 0; hop < CHAIN_MAX; hop += 1) {
    if (!isInZone(view.zone, name)) {
      const last = outside(name, name, question.type, view);
      return { code: last.code, answers: [...chain, ...last.answers] };
    }
    const found = route53Answer(view.zone, view.health, { name, type: question.type }, view.random());
    if (found.kind === 'no-such-name') return { code: 'NXDOMAIN', answers: chain };
    if (found.kind === 'outside-alias') {
      const last = outside(found.target, name, question.type, view);
      return { code: last.code, answers: [...chain, ...last.answers] };
    }
    if (found.kind !== 'records') return { code: 'NOERROR', answers: chain };
    chain.push(...found.records);
    const cname = found.records.find((record) => record.type === 'CNAME');
    if (cname === undefined || question.type === 'CNAME') return { code: 'NOERROR', answers: chain };
    name = canonicalName(cname.value);
  }
  return { code: 'SERVFAIL', answers: [] };
}

function packed(record: AnsweredRecord): Answer | null {
  const common = { name: record.name, ttl: record.ttlSeconds, class: 'IN' } as const;
  const words = record.value.split(' ');
  switch (record.type) {
    case 'A':
    case 'AAAA':
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { ...common, type: record.type, data: record.type === 'A' || record.type === 'AAAA' ? record.value : canonicalName(record.value) };
    case 'TXT':
      return { ...common, type: 'TXT', data: [...record.value.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map((match) => match[1] ?? '') };
    case 'MX':
      return { ...common, type: 'MX', data: { preference: Number(words[0]), exchange: canonicalName(words[1] ?? '') } };
    case 'SOA': {
      const [mname = '', rname = '', serial, refresh, retry, expire, minimum] = words;
      return {
        ...common,
        type: 'SOA',
        data: {
          mname: canonicalName(mname),
          rname: canonicalName(rname),
          serial: Number(serial),
          refresh: Number(refresh),
          retry: Number(retry),
          expire: Number(expire),
          minimum: Number(minimum),
        },
      };
    }
    default:
      return null;
  }
}

/** RFC 2308: a negative answer brings the SOA, whose smaller TTL says how long it may be kept. */
function authorities(view: ResolverView, resolution: Resolution, question: Question): Answer[] {
  if (resolution.code === 'SERVFAIL' || resolution.answers.some((answer) => answer.type === question.type)) return [];
  const soa = view.zone.records.find((record) => record.type === 'SOA');
  const value = soa?.values[0];
  if (soa === undefined || value === undefined) return [];
  const minimum = Number(value.split(' ')[6]);
  const answer = packed({ name: soa.name, type: 'SOA', ttlSeconds: Math.min(soa.ttlSeconds ?? minimum, minimum), value });
  return answer === null ? [] : [answer];
}

type Transport = 'udp' | 'tcp';

/** The answer to a packet, or null where none is due (not a query, or unreadable: the client's own time-out tells it). */
export function respond(view: ResolverView, message: Buffer, transport: Transport): Buffer | null {
  let query: DecodedPacket;
  try {
    query = dnsPacket.decode(message);
  } catch {
    return null;
  }
  const question = query.questions?.[0];
  if (query.type !== 'query' || question === undefined) return null;

  const edns = query.additionals?.find((record) => record.type === 'OPT');
  const resolution = resolve(view, { name: question.name, type: question.type });
  const answers = resolution.answers.map(packed);
  const isSupported = answers.every((answer) => answer !== null);
  const code = isSupported ? resolution.code : 'NOTIMP';
  const recursionDesired = (query.flags ?? 0) & dnsPacket.RECURSION_DESIRED;
  const response: Packet = {
    type: 'response',
    id: query.id,
    flags: dnsPacket.RECURSION_AVAILABLE | recursionDesired | CODES[code],
    questions: [question],
    answers: isSupported ? answers.filter((answer) => answer !== null) : [],
    authorities: isSupported ? authorities(view, resolution, question) : [],
    additionals: edns === undefined ? [] : [{ type: 'OPT', name: '.', udpPayloadSize: EDNS_UDP_BYTES, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }],
  };
  const whole = dnsPacket.encode(response);
  const room = edns?.type === 'OPT' ? Math.min(Math.max(edns.udpPayloadSize, PLAIN_UDP_BYTES), EDNS_UDP_BYTES) : PLAIN_UDP_BYTES;
  if (transport === 'tcp' || whole.length <= room) return whole;
  return dnsPacket.encode({ ...response, flags: (response.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE, answers: [], authorities: [] });
}
