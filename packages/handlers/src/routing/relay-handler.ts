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
import { ReadGate, sizeOfBytes, transportOf, unpinned } from '@headrace/core/authoring';

/**
 * Writes what one channel reads to another, no faster than the other takes it, and carries the end over:
 * a half-closure as a half-closure, a close as a polite end after the last byte, a reset as a reset.
 *
 * ```text
 *  client | [relay] ──→ server         two relays, one in each channel
 *  client ←── [relay] | server
 * ```
 *
 * - **Place** last, in both channels; {@link pipeChannels} and {@link ForwardHandler} put them there.
 * - **In** what the other channel's pipeline accepts for writing: bytes, or messages if it has codecs.
 * - **Out** nothing; it writes to the other channel, and flushes once per burst.
 * - **Events** forwards all. Reads are held while the other channel is unwritable.
 * - **Errors** forwards its channel's; a write to the other one fails with that one's close.
 * - **State** one channel.
 * - **Cost** no copy but that of the read, and of small reads for a peer that is behind; nothing held: what cannot be written is
 *   not read. Alone in their pipelines, on sockets, two relays make no memory for what the kernel takes at once.
 * - **Pitfalls** half-closures are carried only if both channels have `allowHalfOpen`.
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
 * @typeParam Message - what the other channel accepts, known from its type
 * @see Netty's example `proxy`
 */
export class RelayHandler<Message = unknown> implements Handler {
  declare readonly types: Types<{ reads: Message; passesOn: never }>;
  /** Bytes that were written to the other channel; messages that are not bytes do not count. */
  relayedBytes = 0;
  private readonly target: Channel<unknown, Message>;
  private readonly gate = new ReadGate('RelayHandler');
  private memory: ReadMemory | undefined = undefined;
  private needsFlush = false;
  /** Before this burst the other channel had not sent all. */
  private isBehind = false;
  /** The only message since the last flush, and its write. */
  private only: unknown = undefined;
  private onlyWrite: WriteFuture | undefined = undefined;

  constructor(target: Channel<unknown, Message>) {
    this.target = target;
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
  }

  channelRead(ctx: Context, message: Message): void {
    // Before the write: a handler that keeps what it sees may be gone after it.
    this.only = !this.needsFlush && this.isDirect() ? message : undefined;
    if (!this.needsFlush) this.isBehind = this.target.pendingOutboundBytes > 0;
    // Messages that wait for a slow peer would keep the memory of all reads meanwhile.
    const write = this.target.write(this.isBehind ? unpinned(message) : message);
    this.onlyWrite = write;
    if (!write.isSettled || write.isSuccess) this.relayedBytes += Math.max(0, sizeOfBytes(message));
    this.needsFlush = true;
    // Writes that are not flushed would never drain, and nothing more would be read.
    if (!this.target.isWritable) this.flushTarget();
    this.holdIfFull(ctx);
  }

  channelReadComplete(ctx: Context): void {
    this.flushTarget();
    ctx.fireChannelReadComplete();
  }

  channelShutdown(ctx: Context, direction: Direction): void {
    this.flushTarget();
    if (direction === 'input') this.target.shutdown('output');
    ctx.fireChannelShutdown(direction);
  }

  channelInactive(ctx: Context): void {
    const reason = ctx.channel.closeInfo?.reason ?? 'peer';
    if (reason === 'reset') this.target.abort('reset');
    else endAfterOutput(this.target, reason);
    ctx.fireChannelInactive();
  }

  private holdIfFull(ctx: Context): void {
    const { target, gate } = this;
    if (target.isWritable || gate.isHolding || !target.isOpen) return;
    gate.hold(ctx.channel);
    // If the other channel has closed, this one ends, and nothing more is read for it.
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

  /** Nothing but this relay gets what is read into lent memory, and nothing stands between its writes and the kernel. */
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

/** A slow peer gets everything that waits for it, however long that takes: the time of `end` begins after that. */
function endAfterOutput(target: Channel, reason: CloseReason): void {
  if (target.pendingOutboundBytes === 0) {
    target.end({ reason });
    return;
  }
  // There is no channel any more to write it to.
  const hold = target.holdReads('RelayHandler');
  target.flush();
  target.shutdown('output').onSettled(() => {
    target.end({ reason });
    hold.release();
  });
}

/** The end of the input may have passed before there was anybody to relay it. */
export function carryEarlyEnd(from: Channel, target: Channel): void {
  if (from.isInputShutdown && from.isOpen) target.shutdown('output');
}

/** A channel with these types; {@link Misfit} if one of the two does not accept what the other reads. */
export type Counterpart<R, W, OtherR, OtherW> = [unknown extends R ? never : R] extends [OtherW]
  ? [unknown extends OtherR ? never : OtherR] extends [W]
    ? Channel<OtherR, OtherW>
    : Misfit<'the second channel', 'reads', OtherR, 'but', 'the first', 'accepts', W>
  : Misfit<'the first channel', 'reads', R, 'but', 'the second', 'accepts', OtherW>;

/**
 * Joins two channels: each writes what the other reads, until both are closed. With codecs in both pipelines
 * these are messages, so two framings can be joined; the compiler checks them as far as the channels' types go.
 *
 * @returns the handler of each channel, the first one's first: `relayedBytes` counts what went its way
 */
export function pipeChannels<R, W, OtherR, OtherW>(
  one: Channel<R, W>,
  other: Counterpart<R, W, OtherR, OtherW>,
): readonly [RelayHandler, RelayHandler] {
  return join(one as Channel, other as Channel);
}

function join(one: Channel, other: Channel): readonly [RelayHandler, RelayHandler] {
  const relays = [new RelayHandler(other), new RelayHandler(one)] as const;
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
