import type { Channel, ReadHold } from '../contract.ts';

/**
 * One handler's hold on its channel's reads, which it takes and releases many times: `hold` and `release` may be
 * called whatever the state. Release it when the handler is removed.
 *
 * @example
 * ```ts run
 * import type { Context, Handler } from '@headrace/core';
 * import { ReadGate } from '@headrace/core/authoring';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * class AtMostTen implements Handler {
 *   readonly #gate = new ReadGate('AtMostTen');
 *   #working = 0;
 *   channelRead(ctx: Context): void {
 *     this.#working += 1;
 *     if (this.#working === 10) this.#gate.hold(ctx.channel);
 *   }
 *   done(): void {
 *     this.#working -= 1;
 *     this.#gate.release();
 *   }
 *   handlerRemoved(): void {
 *     this.#gate.release();
 *   }
 * }
 *
 * const channel = new EmbeddedChannel(new AtMostTen());
 * for (let i = 0; i < 10; i++) channel.writeInbound('work');
 * console.log(channel.readHolds.join());
 * // prints AtMostTen
 * ```
 */
export class ReadGate {
  /** The name in `channel.readHolds`. */
  readonly why: string;
  private current: ReadHold | undefined = undefined;

  /** @param why - for `channel.readHolds`: the handler's name */
  constructor(why: string) {
    this.why = why;
  }

  /** True between `hold` and `release`. */
  get isHolding(): boolean {
    return this.current !== undefined;
  }

  /** Holds the channel's reads; does nothing if it does so already. */
  hold(channel: Channel): void {
    this.current ??= channel.holdReads(this.why);
  }

  /** Releases the hold; does nothing without one. */
  release(): void {
    const { current } = this;
    this.current = undefined;
    current?.release();
  }

  /** True if another handler, or the application, holds reads too. */
  isHeldByOthers(channel: Channel): boolean {
    return channel.isReadHeld && channel.readHolds.length > (this.isHolding ? 1 : 0);
  }

  /** Releases this hold, and calls back when no other hold is left: for handlers that keep messages meanwhile. */
  waitForOthers(channel: Channel, listener: () => void): void {
    this.release();
    this.onceOthersRelease(channel, listener);
  }

  /** One that was called back before may hold again. */
  private onceOthersRelease(channel: Channel, listener: () => void): void {
    channel.onceReadable(() => {
      if (this.isHeldByOthers(channel)) this.onceOthersRelease(channel, listener);
      else listener();
    });
  }
}

/**
 * True if messages that were kept have no place any more: this side has ended, closed or shut the input down.
 * After the peer's end, or a failure, messages read before it are delivered anyway.
 */
export function dropsKeptMessages(channel: Channel): boolean {
  if (!channel.discardsInput) return false;
  return channel.isOpen || channel.closeInfo?.by === 'local';
}
