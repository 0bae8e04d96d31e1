// Which answers of acceptors an operation still looks at. Once a majority has answered, `untilEnough` has resolved and the rest
// goes unobserved: the explorer then carries those requests out, and does not tell the operation.
import type { Row } from '../../src/core/rows/row.ts';
import type { Answer, Request } from './stores.ts';

export type Phase = 'read' | 'prepare' | 'accept' | 'other';

export function phaseOf(request: Request): Phase {
  if (request.kind === 'get') return request.key.pk.startsWith('REGISTER#') ? 'read' : 'other';
  if (request.kind === 'together' || !request.change.key.pk.startsWith('REGISTER#')) return 'other';
  return 'acceptedBallot' in request.change.set ? 'accept' : 'prepare';
}

function rowOf(answer: Answer): Row | undefined {
  if (answer.kind === 'row') return answer.row;
  return answer.kind === 'changed' ? answer.answer.row : undefined;
}

function isDone(answer: Answer): boolean {
  return answer.kind === 'changed' && answer.answer.kind === 'done';
}

export type Heard = { readonly request: Request; readonly answer: Answer };

export function isYes({ request, answer }: Heard): boolean {
  if (request.kind !== 'change') return false;
  const ballot = request.change.set['promised'];
  return isDone(answer) || rowOf(answer)?.[phaseOf(request) === 'accept' ? 'acceptedBallot' : 'promised'] === ballot;
}

export function acceptedBallotIn(answer: Answer): string {
  const ballot = rowOf(answer)?.['acceptedBallot'];
  return typeof ballot === 'string' ? ballot : '';
}

/** @param heard what the calls of one phase, made together, were answered so far. */
export function isEnough(phase: Phase, heard: readonly Heard[], majority: number): boolean {
  if (phase === 'other') return false;
  if (phase !== 'read') return heard.filter(isYes).length >= majority;
  const ballots = heard.map((h) => acceptedBallotIn(h.answer));
  return ballots.some((ballot) => ballots.filter((other) => other === ballot).length >= majority);
}
