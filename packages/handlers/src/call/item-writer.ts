import { Fifo } from '@headrace/core/authoring';
import type { CallOutput } from './call-output.ts';
import { encodeErrorOf } from './encode-error.ts';
import {
  giveUp,
  giveUpUnread,
  type ItemIterator,
  type ItemSource,
  iteratorOf,
} from './item-source.ts';

/** The most items, and bytes of items, that may be on their way or wait for their reader. */
export interface ItemWindow {
  /** How many items. */
  readonly items: number;
  /** How many bytes of items. */
  readonly bytes: number;
}

/** However large a window is, an end keeps count of no more items that are not acknowledged. */
export const MAX_WINDOW_ITEMS: number = 65_536;

/** A source that has its items at hand, and a peer with a wide window, hold the event loop for no more than these. */
const ITEMS_PER_TURN = 256;

/** How the items of one stream are written. */
export interface ItemWire {
  /** The message of an item; a throw ends the stream. */
  messageOf(item: unknown): unknown;
  /** The bytes of an item, as far as the window is concerned. */
  sizeOf(item: unknown): number;
}

/**
 * Writes the items of a source, as far as the peer's window and the channel allow. An item is begun while the items on
 * their way are below both limits of the window, so that one item may exceed the bytes, and a large item is not a deadlock.
 */
export class ItemWriter {
  private readonly output: CallOutput;
  private readonly wire: ItemWire;
  private window: ItemWindow | undefined;
  /** Of the items that are not acknowledged, in order. */
  private readonly sizes = new Fifo<number>();
  private bytes = 0;
  private source: ItemSource | undefined = undefined;
  private iterator: ItemIterator | undefined = undefined;
  private isStopped = false;
  private givenUp: Promise<void> | undefined = undefined;
  private wake: (() => void) | undefined = undefined;
  /** Why no credit can come any more. */
  private creditLoss: Error | undefined = undefined;

  /** @param window - the peer's; without one, items wait for {@link open} */
  constructor(output: CallOutput, wire: ItemWire, window?: ItemWindow) {
    this.output = output;
    this.wire = wire;
    this.window = window;
  }

  /** The peer takes items from now on. False if it said so before. */
  open(window: ItemWindow): boolean {
    if (this.window !== undefined) return false;
    this.window = window;
    this.goOn();
    return true;
  }

  /** The peer's reader took so many. False if there were not so many. */
  acknowledge(count: number): boolean {
    if (count > this.sizes.size) return false;
    for (let left = count; left > 0; left -= 1) this.bytes -= this.sizes.shift()!;
    this.goOn();
    return true;
  }

  /** The peer sends nothing any more: the items that its window has room for are sent, one more fails with this error. */
  loseCredit(error: Error): void {
    this.creditLoss ??= error;
    this.goOn();
  }

  /**
   * Resolves when all items are written, or after {@link stop}, when the source has settled. Rejects with the error of the
   * source, or that of an item that cannot be encoded.
   */
  async send(source: ItemSource): Promise<void> {
    if (this.isStopped) {
      await giveUpUnread(source);
      return;
    }
    this.source = source;
    try {
      await this.sendAll(iteratorOf(source));
    } catch (thrown) {
      if (!this.isStopped) throw thrown;
    }
  }

  /** Writes no more, and gives up the source. */
  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    void this.giveUp();
    this.goOn();
  }

  /** There may be room again, in the window or in the channel. */
  goOn(): void {
    const { wake } = this;
    if (wake === undefined || !(this.hasRoom || this.isStopped || this.isStarved)) return;
    this.wake = undefined;
    wake();
  }

  private async sendAll(iterator: ItemIterator): Promise<void> {
    this.iterator = iterator;
    let written = 0;
    while (!this.isStopped) {
      if (!this.hasRoom && !this.isStarved) {
        await this.room();
        continue;
      }
      written += 1;
      if (written % ITEMS_PER_TURN === 0) {
        await this.nextTurn();
        continue;
      }
      // An iterator that throws is over: as in a loop, it gets no return().
      const result = await iterator.next();
      if (result.done === true) return;
      if (this.isStopped) break;
      try {
        if (this.isStarved) throw this.creditLoss!;
        this.write(result.value);
      } catch (thrown) {
        await this.giveUp();
        throw thrown;
      }
    }
    await this.giveUp();
  }

  /** Once. */
  private giveUp(): Promise<void> {
    const { source } = this;
    if (source === undefined) return Promise.resolve();
    this.givenUp ??= giveUp(source, this.iterator);
    return this.givenUp;
  }

  private get hasRoom(): boolean {
    return this.hasCredit && this.output.isWritable;
  }

  private get hasCredit(): boolean {
    const { window, sizes, bytes } = this;
    if (window === undefined) return false;
    return sizes.size < Math.min(window.items, MAX_WINDOW_ITEMS) && bytes < window.bytes;
  }

  /** The window is full for good. The source is still asked, because it may be at its end. */
  private get isStarved(): boolean {
    return this.creditLoss !== undefined && !this.hasCredit;
  }

  private room(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private nextTurn(): Promise<void> {
    return new Promise((resolve) => this.output.ctx.clock.nextTurn(resolve));
  }

  private write(item: unknown): void {
    const { output, wire } = this;
    const size = wire.sizeOf(item);
    const error = encodeErrorOf(output.ctx.channel, output.write(wire.messageOf(item)));
    if (error !== undefined) throw error;
    this.sizes.push(size);
    this.bytes += size;
  }
}
