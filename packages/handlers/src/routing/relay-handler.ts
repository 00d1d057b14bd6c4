import type {
  Channel,
  CloseReason,
  Context,
  Direction,
  Handler,
  Misfit,
  ReadMemory,
  Types,
  WriteFuture,
} from '@headrace/core';
import {
  DrainGate,
  describeOptions,
  flag,
  ReadGate,
  sizeOfBytes,
  transportOf,
  unpinned,
} from '@headrace/core/authoring';

/** Options of a {@link RelayHandler}, of {@link pipeChannels}, and of a {@link ForwardHandler}. */
export interface RelayOptions {
  /**
   * Whether a drain of the server waits for the connection: until it ends, or until the time of the drain is over. With `false`,
   * the drain ends the connection at once, between two bytes of its protocol.
   * @default true
   */
  readonly holdsDrain?: boolean;
}

export const RELAY_OPTIONS = describeOptions('RelayHandler', {
  holdsDrain: flag({ default: true }),
});

/** The reasons of a connection that broke off, so that bytes of its peer may be missing. */
const BROKEN = new Set<CloseReason>([
  'reset',
  'unreachable',
  'error',
  'heartbeat',
  'timeout',
  'slow-consumer',
]);

/** Makes the holds of a relayed connection, which is busy until it is closed. */
export function drainsOf({ holdsDrain }: { readonly holdsDrain: boolean }): DrainGate | undefined {
  return holdsDrain ? new DrainGate('relay', () => true) : undefined;
}

/**
 * Writes the input of one channel to another channel, at the speed at which the other channel accepts it. The handler also
 * forwards a half-closure as a half-closure, a close as an orderly end after the last byte, and a reset as a reset. A connection
 * that broke off before the peer ended its half is also forwarded as a reset, so that a part of the bytes does not look complete:
 * the close reasons `unreachable`, `error`, `heartbeat`, `timeout` and `slow-consumer`.
 *
 * ```text
 *  client | [relay] ──→ server         two relays, one in each channel
 *  client ←── [relay] | server
 * ```
 *
 * - **Place** Last, in both channels. {@link pipeChannels} and {@link ForwardHandler} add it there.
 * - **In** The messages that the other channel's pipeline accepts for writing: bytes, or messages if it has codecs.
 * - **Out** Nothing. It writes to the other channel, and flushes once per burst.
 * - **Events** Forwards all. Reads are held while the other channel is not writable. Holds a `DrainEvent` until the channel is
 *   closed, unless `holdsDrain` is false.
 * - **Errors** Forwards the errors of its channel. A write to the other channel fails if that channel has closed.
 * - **State** One channel.
 * - **Cost** Only the copy of the read, and copies of small reads for a peer that is behind. Input that cannot be written is not
 *   read. Two relays that are alone in their pipelines, on sockets, allocate no memory for bytes that the kernel accepts at once.
 * - **Pitfalls** Half-closures are forwarded only if both channels have `allowHalfOpen`.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { pipeChannels } from '@headrace/handlers';
 *
 * const left = new EmbeddedChannel();
 * const right = new EmbeddedChannel();
 * pipeChannels(left, right);
 * left.writeInbound(Buffer.from('hello'));
 * console.log(String(right.readOutbound()));
 * // prints hello
 * ```
 * @typeParam Message - the messages that the other channel accepts, inferred from its type
 * @see Netty's example `proxy`
 */
export class RelayHandler<Message = unknown> implements Handler {
  declare readonly types: Types<{ reads: Message; passesOn: never }>;
  /** Number of bytes that were written to the other channel. Messages that are not bytes do not count. */
  relayedBytes = 0;
  private readonly target: Channel<unknown, Message>;
  private readonly gate = new ReadGate('RelayHandler');
  private memory: ReadMemory | undefined = undefined;
  private needsFlush = false;
  /** Whether the peer has ended its half, so that no byte of it is missing. */
  private hasInputEnded = false;
  /** Whether the other channel still had unsent output before this burst. */
  private isBehind = false;
  /** The message since the last flush, if there is only one message, and its write. */
  private only: unknown = undefined;
  private onlyWrite: WriteFuture | undefined = undefined;
  private drains: DrainGate | undefined;

  /** @throws OptionError if an option is not valid */
  constructor(target: Channel<unknown, Message>, options: RelayOptions = {}) {
    this.target = target;
    this.drains = drainsOf(RELAY_OPTIONS.resolve(options));
  }

  /** @internal Continues with the holds of the handler whose place this handler takes. */
  takeOver(drains: DrainGate | undefined): void {
    this.drains = drains;
  }

  handlerAdded(ctx: Context): void {
    this.memory = ctx.channel.readMemory;
    this.memory.lendTo(this);
    this.holdIfFull(ctx);
  }

  handlerRemoved(): void {
    this.flushTarget();
    this.memory?.lendTo(undefined);
    this.gate.release();
    this.drains?.release();
  }

  channelRead(ctx: Context, message: Message): void {
    // Checked before the write, because a handler that keeps messages may be removed after it.
    this.only = !this.needsFlush && this.isDirect() ? message : undefined;
    if (!this.needsFlush) this.isBehind = this.target.pendingOutboundBytes > 0;
    // Messages that wait for a slow peer would keep the memory of all reads meanwhile.
    const write = this.target.write(this.isBehind ? unpinned(message) : message);
    this.onlyWrite = write;
    if (!write.isSettled || write.isSuccess) this.relayedBytes += Math.max(0, sizeOfBytes(message));
    this.needsFlush = true;
    // Writes that are not flushed would never drain, and reads would stay held.
    if (!this.target.isWritable) this.flushTarget();
    this.holdIfFull(ctx);
  }

  channelReadComplete(ctx: Context): void {
    this.flushTarget();
    ctx.fireChannelReadComplete();
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    this.flushTarget();
    if (direction === 'input') {
      this.hasInputEnded = true;
      this.target.shutdown('output');
    }
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    const reason = ctx.channel.closeInfo?.reason ?? 'peer';
    if (BROKEN.has(reason) && !this.hasInputEnded) this.target.abort('reset');
    else endAfterOutput(this.target, reason);
    ctx.fireChannelInactive();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    this.drains?.see(event);
    ctx.fireUserEventTriggered(event);
  }

  private holdIfFull(ctx: Context): void {
    const { target, gate } = this;
    if (target.isWritable || gate.isHolding || !target.isOpen) return;
    gate.hold(ctx.channel);
    // If the other channel has closed, this channel ends, and no more input is read for the other channel.
    target.onceWritable(() => {
      if (target.isOpen) gate.release();
    });
  }

  private flushTarget(): void {
    if (!this.needsFlush) return;
    const { only, onlyWrite } = this;
    this.needsFlush = false;
    this.only = this.onlyWrite = undefined;
    this.target.flush();
    if (!(only instanceof Buffer) || !onlyWrite!.isSuccess) return;
    if (transportOf(this.target)?.keepsNoWrites === true) this.memory?.takeBack(only);
  }

  /**
   * Returns true if only this relay receives the bytes in lent memory, and no handler stands between its writes and the kernel.
   */
  private isDirect(): boolean {
    const { pipeline } = this.target;
    const other: Handler | undefined = pipeline.first();
    return (
      this.channelRead === RelayHandler.prototype.channelRead &&
      pipeline.last() === other &&
      other?.write === undefined
    );
  }
}

/**
 * Ends a channel after its pending output. A slow peer receives all of it, at any speed, because the time of `end` begins only
 * after that.
 */
function endAfterOutput(target: Channel, reason: CloseReason): void {
  if (target.pendingOutboundBytes === 0) {
    target.end({ reason });
    return;
  }
  // The channel that would write to the target has closed, so input of the target is not read.
  const hold = target.holdReads('RelayHandler');
  target.flush();
  target.shutdown('output').onSettled(() => {
    target.end({ reason });
    hold.release();
  });
}

/** Forwards an end of the input that passed before the relay was added. */
export function carryEarlyEnd(from: Channel, target: Channel): void {
  if (from.isInputShutdown && from.isOpen) target.shutdown('output');
}

/** A channel with these types, or {@link Misfit} if one of the two channels does not accept the input of the other. */
export type Counterpart<R, W, OtherR, OtherW> = [unknown extends R ? never : R] extends [OtherW]
  ? [unknown extends OtherR ? never : OtherR] extends [W]
    ? Channel<OtherR, OtherW>
    : Misfit<'reads what the other channel does not accept', 'the first channel', W, OtherR>
  : Misfit<'does not accept what the other channel reads', 'the first channel', R, OtherW>;

/**
 * Joins two channels. Each channel writes the input of the other, until both are closed. If both pipelines have codecs, the
 * channels exchange messages, so you can join two framings. The compiler checks the messages if it knows the channels' types.
 *
 * @returns the handlers in the order of the channels. `relayedBytes` of a handler counts the bytes that its channel read
 * @throws OptionError if an option is not valid
 */
export function pipeChannels<R, W, OtherR, OtherW>(
  one: Channel<R, W>,
  other: Counterpart<R, W, OtherR, OtherW>,
  options: RelayOptions = {},
): readonly [RelayHandler, RelayHandler] {
  RELAY_OPTIONS.checkNames(options, 'pipeChannels');
  return join(one as Channel, other as Channel, options);
}

function join(
  one: Channel,
  other: Channel,
  options: RelayOptions,
): readonly [RelayHandler, RelayHandler] {
  const relays = [new RelayHandler(other, options), new RelayHandler(one, options)] as const;
  if (one.isOpen && other.isOpen) {
    one.pipeline.addLast(relays[0]);
    other.pipeline.addLast(relays[1]);
    carryEarlyEnd(one, other);
    carryEarlyEnd(other, one);
  } else {
    one.end();
    other.end();
  }
  return relays;
}
