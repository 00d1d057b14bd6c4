import {
  checkedResult,
  Fifo,
  GivenSource,
  type ItemSource,
  releaseSource,
} from '@headrace/core/authoring';
import type { CallOutput } from '@headrace/handlers/call';
import { encodeErrorOf } from '@headrace/handlers/call';

/** Limits for the items of one stream that are on their way or wait for their reader. */
export interface ItemWindow {
  /** Maximum number of items. */
  readonly items: number;
  /** Maximum number of bytes of items. */
  readonly bytes: number;
}

/** Maximum number of unacknowledged items of one stream, even if the peer's window is larger. */
export const MAX_WINDOW_ITEMS: number = 65_536;

/**
 * Number of items after which the writer lets the event loop turn, so that a source with ready items does not block the process.
 */
const ITEMS_PER_TURN = 256;

/** The format of the items of one stream. */
export interface ItemWire {
  /** Makes the message of an item. If it throws, the stream ends. */
  messageOf(item: unknown): unknown;
  /** Returns the size of an item in bytes, as the window counts it. */
  sizeOf(item: unknown): number;
}

/**
 * A writer for the items of a source, as far as the peer's window and the channel allow. An item starts while the unacknowledged
 * items are below both limits of the window. One item can therefore exceed the limit in bytes, and a large item causes no
 * deadlock.
 */
export class ItemWriter {
  private readonly output: CallOutput;
  private readonly wire: ItemWire;
  private window: ItemWindow | undefined;
  /** Sizes of the unacknowledged items, in order. */
  private readonly sizes = new Fifo<number>();
  private bytes = 0;
  private source: GivenSource | undefined = undefined;
  private isStopped = false;
  /** The error of a stream that failed between two reads. */
  private failure: Error | undefined = undefined;
  private wake: (() => void) | undefined = undefined;
  /** The error that explains why no further credit can arrive. */
  private creditLoss: Error | undefined = undefined;

  /** @param window - window of the peer; without a window, items wait for {@link open} */
  constructor(output: CallOutput, wire: ItemWire, window?: ItemWindow) {
    this.output = output;
    this.wire = wire;
    this.window = window;
  }

  /** Sets the window of the peer and starts to write. Returns false if the window is already set. */
  open(window: ItemWindow): boolean {
    if (this.window !== undefined) return false;
    this.window = window;
    this.resume();
    return true;
  }

  /** Acknowledges this number of items that the peer's reader took. Returns false if fewer items were sent. */
  acknowledge(count: number): boolean {
    if (count > this.sizes.size) return false;
    for (let left = count; left > 0; left -= 1) this.bytes -= this.sizes.shift()!;
    this.resume();
    return true;
  }

  /** Records that no further credit arrives. Items that fit in the window are sent. The next item fails with this error. */
  loseCredit(error: Error): void {
    this.creditLoss ??= error;
    this.resume();
  }

  /**
   * Writes the items of the source. Resolves when all items are written, or, after {@link stop}, when the source has settled.
   * Rejects with the error of the source, or of an item that cannot be encoded.
   */
  async send(source: ItemSource): Promise<void> {
    if (this.isStopped) {
      await releaseSource(source);
      return;
    }
    this.source = new GivenSource(source, (error) => {
      this.failure ??= error;
      this.resume();
    });
    try {
      await this.sendAll(this.source);
    } catch (thrown) {
      if (!this.isStopped) throw thrown;
    }
  }

  /** Stops writing, and releases the source. */
  stop(): void {
    if (this.isStopped) return;
    this.isStopped = true;
    void this.source?.release();
    this.resume();
  }

  /** Resumes writing, if the window and the channel have room again. */
  resume(): void {
    const { wake } = this;
    if (wake === undefined || !(this.mayGoOn || this.isStopped)) return;
    this.wake = undefined;
    wake();
  }

  private async sendAll(source: GivenSource): Promise<void> {
    let written = 0;
    while (!this.isStopped) {
      if (this.failure !== undefined) throw this.failure;
      if (!this.mayGoOn) {
        await this.room();
        continue;
      }
      written += 1;
      if (written % ITEMS_PER_TURN === 0) {
        await this.nextTurn();
        continue;
      }
      // An iterator that throws has ended. As in a `for` loop, its `return()` is not called.
      const given = await source.next();
      if (this.isStopped) break;
      try {
        const result = checkedResult(given);
        if (result.done === true) return;
        if (this.isStarved) throw this.creditLoss!;
        this.write(result.value);
      } catch (thrown) {
        await source.release();
        throw thrown;
      }
    }
    await source.release();
  }

  /** Whether a read of the source, or its failure, is due. */
  private get mayGoOn(): boolean {
    return this.hasRoom || this.isStarved || this.failure !== undefined;
  }

  private get hasRoom(): boolean {
    return this.hasCredit && this.output.isWritable;
  }

  private get hasCredit(): boolean {
    const { window, sizes, bytes } = this;
    if (window === undefined) return false;
    return sizes.size < Math.min(window.items, MAX_WINDOW_ITEMS) && bytes < window.bytes;
  }

  /** Whether the window is full and stays full. The source is still asked, because it may have ended. */
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
