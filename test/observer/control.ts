// Asks the harness for the faults that no signal can make: its proxies cut links between regions and throttle a table. One POST of JSON to
// `control.url` of regions.json; any answer but 2xx means that the fault is not in place, and the run must not go on as if it were.

const CONTROL_TIMEOUT_MS = 5000;

export type ControlRequest =
  /** The region reaches clients and itself, but no other region, and none reaches it. */
  | { readonly kind: 'isolate'; readonly region: string }
  /** Nothing passes on connections that `from` makes to `to`. */
  | { readonly kind: 'cut'; readonly from: string; readonly to: string }
  /** Requests of `from` to `to` are lost, or they are carried out and their answers are lost. */
  | { readonly kind: 'one-way'; readonly from: string; readonly to: string; readonly lost: 'requests' | 'answers' }
  | { readonly kind: 'delay'; readonly from: string; readonly to: string; readonly delayMs: number }
  /** Every write to this table in this region is refused as throttled. */
  | { readonly kind: 'throttle'; readonly region: string; readonly table: string }
  /** The next invocation of this step's function by a state machine of this region fails, once. */
  | { readonly kind: 'fail-once'; readonly region: string; readonly step: string }
  /** Every link and table is well again. */
  | { readonly kind: 'heal' }
  /** Every call to a control plane is refused and written down, in every region, until they are allowed again. */
  | { readonly kind: 'refuse-control-planes' }
  | { readonly kind: 'allow-control-planes' };

export async function askControl(url: string | undefined, request: ControlRequest): Promise<void> {
  if (url === undefined) throw new Error(`regions.json has no control.url, so nobody can ${request.kind}: this harness can only play kill and hang`);
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS),
  });
  if (!answer.ok) throw new Error(`the harness refused ${JSON.stringify(request)}: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
}

/** What the harness says is broken now, and what it counted. */
export async function readControl(url: string | undefined): Promise<unknown> {
  if (url === undefined) throw new Error('regions.json has no control.url, so nobody can say what was refused');
  const answer = await fetch(url, { signal: AbortSignal.timeout(CONTROL_TIMEOUT_MS) });
  if (!answer.ok) throw new Error(`the harness did not tell its state: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
  return answer.json();
}
