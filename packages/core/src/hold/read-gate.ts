import type { Channel, ReadHold } from '../contract.ts';

/**
 * One handler's hold on its channel's reads. `hold` and `release` may be called many times and in any state. The handler must
 * release the hold when it is removed.
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
  /** Name in `channel.readHolds`. */
  readonly why: string;
  private current: ReadHold | undefined = undefined;

  /** @param why - name of the handler, for `channel.readHolds` */
  constructor(why: string) {
    this.why = why;
  }

  get isHolding(): boolean {
    return this.current !== undefined;
  }

  /** Holds the channel's reads. Does nothing if the gate already holds them. */
  hold(channel: Channel): void {
    this.current ??= channel.holdReads(this.why);
  }

  /** Releases the hold. Does nothing without a hold. */
  release(): void {
    const { current } = this;
    this.current = undefined;
    current?.release();
  }

  /** Returns true if another handler or the application also holds reads. */
  isHeldByOthers(channel: Channel): boolean {
    return channel.isReadHeld && channel.readHolds.length > (this.isHolding ? 1 : 0);
  }

  /** Releases this hold and calls `listener` when no other hold is left. A handler that keeps messages meanwhile calls it. */
  waitForOthers(channel: Channel, listener: () => void): void {
    this.release();
    this.onceOthersRelease(channel, listener);
  }

  /** Waits again if an earlier listener has taken a hold. */
  private onceOthersRelease(channel: Channel, listener: () => void): void {
    channel.onceReadable(() => {
      if (this.isHeldByOthers(channel)) this.onceOthersRelease(channel, listener);
      else listener();
    });
  }
}

/**
 * Returns true if kept messages must be dropped, because this side has ended or closed the channel or shut the input down. After
 * the peer's end or a failure, messages that were read before it are still delivered.
 */
export function dropsKeptMessages(channel: Channel): boolean {
  if (!channel.discardsInput) return false;
  return channel.isOpen || channel.closeInfo?.by === 'local';
}

/**
 * Returns true if the end of the whole channel has begun, so that its linger time and its limits on output finish it. After
 * `shutdown('output')` only one half ends, and the peer can still send.
 */
export function endsWhole({ isEnding, discardsInput, isInputShutdown }: Channel): boolean {
  return isEnding && (discardsInput || isInputShutdown);
}
