import type { Hash } from 'node:crypto';
import type { Context, Direction, Handler } from '../contract.ts';
import { isHeadraceError } from '../errors.ts';

/** The last handler of a channel under test. It records the events, and lets the test wait for them. */
export class TransportProbe implements Handler {
  readonly events: string[] = [];
  /** Number of bytes read so far. */
  bytes = 0;
  /** Hash that receives the bytes that are read. If it is set, the bytes are not kept. */
  hash: Hash | undefined = undefined;
  private readonly chunks: Buffer[] = [];
  private waiting: { readonly isDone: () => boolean; readonly resolve: () => void }[] = [];

  /** All bytes that were read, as Latin-1 text. */
  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  count(event: string): number {
    return this.events.filter((one) => one === event).length;
  }

  /** Waits until `isDone` returns true. Calls `isDone` after every event. */
  until(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve) => this.waiting.push({ isDone, resolve }));
  }

  untilBytes(count: number): Promise<void> {
    return this.until(() => this.bytes >= count);
  }

  channelRegistered(): void {
    this.note('registered');
  }

  channelActive(): void {
    this.note('active');
  }

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.bytes += bytes.length;
    if (this.hash !== undefined) this.hash.update(bytes);
    else this.chunks.push(bytes);
    if (this.events.at(-1) !== 'read') this.note('read');
    else this.look();
  }

  channelReadComplete(): void {
    if (this.events.at(-1) === 'read' && this.count('readComplete') === 0) {
      this.note('readComplete');
    } else this.look();
  }

  channelWritabilityChanged(): void {
    this.look();
  }

  channelShutdown(_ctx: Context, direction: Direction): void {
    this.note(`shutdown ${direction}`);
  }

  channelInactive(): void {
    this.note('inactive');
  }

  channelUnregistered(): void {
    this.note('unregistered');
  }

  exceptionCaught(ctx: Context, error: Error): void {
    this.note(`error ${isHeadraceError(error) ? error.code : error.message}`);
    ctx.close('error');
  }

  private note(event: string): void {
    this.events.push(event);
    this.look();
  }

  private look(): void {
    for (const waiter of [...this.waiting]) {
      if (!waiter.isDone()) continue;
      this.waiting = this.waiting.filter((one) => one !== waiter);
      waiter.resolve();
    }
  }
}
