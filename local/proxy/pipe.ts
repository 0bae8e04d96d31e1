// One direction of one proxied connection: bytes and the connection's end, in order, each after the link's delay, none while that
// direction is lost. What does not fit the queue waits in the sender's kernel, as it would on a wire.
import type { Socket } from 'node:net';

type Piece = { readonly dueAtMs: number; readonly what: Buffer | 'end' | 'reset' };

export type PipeOptions = {
  readonly from: Socket;
  readonly to: Socket;
  /** Asked before each piece: may it go now? */
  readonly isOpen: () => boolean;
  readonly delayMs: () => number;
};

const QUEUE_BYTES_MAX = 1024 * 1024;

export class Pipe {
  readonly #options: PipeOptions;
  readonly #queue: Piece[] = [];
  #queuedBytes = 0;
  #isEnding = false;
  #isFull = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: PipeOptions) {
    this.#options = options;
    const { from, to } = options;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => this.#finish('end'));
    from.on('error', () => this.#finish('reset'));
    from.on('close', () => this.#finish('end'));
    to.on('drain', () => {
      this.#isFull = false;
      this.pump();
    });
  }

  #take(what: Piece['what']): void {
    const previousDueAtMs = this.#queue.at(-1)?.dueAtMs ?? 0;
    this.#queue.push({ dueAtMs: Math.max(Date.now() + this.#options.delayMs(), previousDueAtMs), what });
    if (typeof what !== 'string') this.#queuedBytes += what.length;
    this.pump();
  }

  #finish(what: 'end' | 'reset'): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#take(what);
  }

  /** Sends what may go. Called again by itself, by the link when its state changes, and when the receiver can take more. */
  pump(): void {
    const { from, to, isOpen } = this.#options;
    clearTimeout(this.#timer);
    while (!this.#isFull && isOpen()) {
      const piece = this.#queue[0];
      if (piece === undefined) break;
      const waitMs = piece.dueAtMs - Date.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        break;
      }
      this.#queue.shift();
      this.#deliver(to, piece.what);
    }
    if (this.#queuedBytes > QUEUE_BYTES_MAX) from.pause();
    else if (from.isPaused() && !from.destroyed) from.resume();
  }

  #deliver(to: Socket, what: Piece['what']): void {
    if (typeof what !== 'string') this.#queuedBytes -= what.length;
    if (to.destroyed) return;
    if (what === 'end') to.end();
    else if (what === 'reset') to.resetAndDestroy();
    else this.#isFull = !to.write(what);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }
}
