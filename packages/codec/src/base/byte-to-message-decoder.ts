import {
  type Context,
  DecodeError,
  type Direction,
  type Handler,
  type HandlerTypes,
  type MessageKinds,
  type Timer,
  TlsUpgradeEvent,
  type Types,
} from '@headrace/core';
import {
  DrainGate,
  describeOptions,
  dropsKeptMessages,
  isDrainEvent,
  isTurnCheckDue,
  type KeptEvent,
  type KeptInputSteps,
  type ReadRoom,
  time,
  toBuffer,
  whole,
} from '@headrace/core/authoring';
import { ByteInput } from './byte-input.ts';
import { COPY_BELOW } from './copy-below.ts';
import {
  decodeErrorOf,
  isBadInput,
  tookNothing,
  tooMany,
  tooMuchLeft,
  truncated,
} from './decoder-failure.ts';
import { DecodingHandler, type DecodingSettings } from './decoding-handler.ts';
import { FrameDeadline } from './frame-deadline.ts';
import { FRAME_ERROR_POLICY, type FrameErrorPolicy } from './frame-error-policy.ts';
import { OTHER_MESSAGES, type OtherMessagesOptions } from './other-messages.ts';
import type { OwnOptions } from './own-options.ts';

/** Options of every byte decoder. */
export interface ByteToMessageDecoderOptions extends OtherMessagesOptions {
  /** The reaction to input that the protocol does not allow. @default 'close' */
  readonly frameErrorPolicy?: FrameErrorPolicy;
  /**
   * How many milliseconds a frame may take from its first byte to its last, else the channel is ended; `false` for no limit. The
   * time does not count while reads are held, or while `autoRead` is off and no read was requested.
   * @default 15_000
   */
  readonly frameTimeoutMs?: number | false;
  /**
   * The most bytes that may be left over when more are needed; else `HR_ERR_FRAME_TOO_LONG`. For decoders of
   * your own: those of this package have limits of their own, such as `maxFrameLength`. @default Infinity
   */
  readonly maxBufferedBytes?: number;
  /**
   * Messages with fewer bytes than this are copied into memory of their own; `false` copies none and costs
   * nothing. For messages that are kept: a view keeps all of the memory alive that it was read into, up to 68 KiB
   * that many connections share. A copy takes about 200 bytes beside its own. @default false
   */
  readonly copyBelowBytes?: number | false;
}

/** Options of decoders that end the channel after each bad frame, and have limits of their own. */
export const WAITING_OPTIONS = describeOptions('ByteToMessageDecoder', {
  frameTimeoutMs: time({ default: 15_000 }),
  copyBelowBytes: COPY_BELOW,
});
/** Options of every byte decoder; classes that extend this one use them. */
export const BYTE_DECODER_OPTIONS = describeOptions('ByteToMessageDecoder', {
  frameErrorPolicy: FRAME_ERROR_POLICY,
  maxBufferedBytes: whole({ default: Infinity }),
  otherMessages: OTHER_MESSAGES,
  ...WAITING_OPTIONS.kinds,
});

/** For how long and how many bytes a decoder may keep, and what it copies. */
interface ByteDecodingSettings extends DecodingSettings {
  /** `Infinity` for no limit. */
  readonly frameTimeoutMs: number;
  readonly maxBufferedBytes: number;
  /** 0 to copy nothing. */
  readonly copyBelowBytes: number;
}

/** Why nothing more can come: the peer has ended its half, or what came is all there is. */
type InputEnd = 'ended' | 'whole' | undefined;

const READS_BYTES: MessageKinds = { reads: 'bytes' };

/** After an emitted error the rest of a read waits for the next read, at most this long. */
const RESUME_MS = 1;
/** How many bytes of a frame that was cut off the log shows. */
const SHOWN_BYTES = 16;

/**
 * Turns a stream of bytes into messages, however the stream was cut: the base of all frame decoders.
 * A subclass has one method, {@link decode}, which takes one message from what has arrived, or returns
 * `undefined` if it needs more. This class handles reentrant reads, removal in the middle of a read, the end of
 * the input, bad frames and slow frames.
 *
 * ```text
 *  wire | [decoder] | app      bytes in any cut → whole messages, one at a time
 * ```
 *
 * **Place** first, or after the handler that turns the transport's bytes into other bytes (TLS, compression).
 * **In** `Buffer`; anything else is refused, or with `otherMessages: 'pass-on'` passes on, in order.
 * **Out** what `decode` returns.
 * **Events** A hold on the channel's reads stops decoding after the message during which it came; the rest waits
 * here until the last hold is released. Once the channel discards its input (`end()`, `close()`), the rest is
 * dropped. `channelReadComplete` passes. With `autoRead` off, a read that gave no message asks for another.
 * At the end of the input the rest is decoded, then `decodeLast` is called once, then the end passes on.
 * Reports the bytes that it holds to a `TlsUpgradeEvent`, so that the upgrade is refused. On a `DrainEvent` the
 * channel does not end within a frame.
 * **Errors** `HR_ERR_MESSAGE_UNREADABLE` for a message that is not bytes; a `DecodeError` that `decode` throws is kept, anything else becomes `HR_ERR_DECODER_FAILED`;
 * `HR_ERR_TIMEOUT_READ` for a frame that is not complete in time. A frame that the end of the input cuts
 * off is logged at level debug, as `HR_ERR_FRAME_TRUNCATED`.
 * **State** the bytes that are left over: one decoder for each channel.
 * **Cost** no copy for a message that lies within one read; linear in the bytes, however they are cut.
 * **Pitfalls** a taken Buffer is a view of what was read, up to 68 KiB that it keeps alive: copy small
 * messages that you keep for long (`Buffer.from(message)`), or set `copyBelowBytes`. After a
 * removal, also one in the middle of a read, the bytes that are left over pass on as one raw Buffer.
 *
 * @typeParam T - what it gives
 * @typeParam H - the types of the handler, if it writes something as well
 *
 * @example
 * ```ts run
 * import { ByteToMessageDecoder, type ByteInput } from '@headrace/codec';
 * import { type Context } from '@headrace/core';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * class PairDecoder extends ByteToMessageDecoder<string> {
 *   protected override decode(_ctx: Context, input: ByteInput): string | undefined {
 *     return input.length < 2 ? undefined : input.take(2).toString();
 *   }
 * }
 *
 * const channel = new EmbeddedChannel(new PairDecoder());
 * channel.writeInbound(Buffer.from('abc'));
 * channel.writeInbound(Buffer.from('d'));
 * console.log(channel.readInbound(), channel.readInbound()); // prints ab cd
 * ```
 * @see Netty's `ByteToMessageDecoder`, SwiftNIO's `ByteToMessageHandler`
 */
export abstract class ByteToMessageDecoder<
    T,
    H extends HandlerTypes = Types<{ reads: Buffer; passesOn: T }>,
  >
  extends DecodingHandler
  implements Handler
{
  declare readonly types: H;
  /** @internal */
  declare protected readonly resolvedOptions: ByteDecodingSettings;
  /** Decode at most one message per read and keep the rest for the next: for protocols that switch to another. */
  singleDecode = false;
  /** Made at the first read. */
  private madeInput: ByteInput | undefined = undefined;
  /** Made when a read first leaves an unfinished frame. */
  private deadline: FrameDeadline | undefined = undefined;
  /** Drains wait for the frame that has begun. */
  private drain: DrainGate | undefined = undefined;
  private busy = false;
  private removed = false;
  private end: InputEnd = undefined;
  /** A frame was finished since the deadline last checked. */
  private moved = false;
  private resumption: Timer | undefined = undefined;
  /** An error of the final decode, reported after the end has been passed on. */
  private lateError: Error | undefined = undefined;

  /**
   * @param kinds - what the decoder takes and makes, for errors and for the order of a template
   * @param own - the description of the subclass's options, if it has some of its own: other names are refused
   */
  constructor(
    options: ByteToMessageDecoderOptions = {},
    kinds: MessageKinds = READS_BYTES,
    own: OwnOptions = BYTE_DECODER_OPTIONS,
  ) {
    own.checkNames(options, new.target.name);
    super(options, BYTE_DECODER_OPTIONS.part(options), kinds);
  }

  /**
   * Takes one message from the input and returns it. Returns `undefined` when it needs more bytes, or when
   * it took some that make no message. It is called again while it takes something. A bad frame: take its
   * bytes, then throw a `DecodeError`.
   */
  protected abstract decode(ctx: Context, input: ByteInput): T | undefined;

  /**
   * As {@link decode}, when the peer has ended its half, with what is left over, even when that is nothing.
   * Called again while it returns messages and bytes remain. A removal does not come here: the rest then
   * passes on raw.
   */
  protected decodeLast(ctx: Context, input: ByteInput): T | undefined {
    return input.length > 0 ? this.decode(ctx, input) : undefined;
  }

  /**
   * @internal All messages of bytes that are complete, such as a datagram. Throws at the first bad frame, whatever the
   * policy, if a frame lacks its end, and above `maxMessages`. For a decoder that is in no pipeline, and once.
   */
  decodeWhole(ctx: Context, bytes: Uint8Array, maxMessages: number): T[] {
    const { input } = this;
    const messages: T[] = [];
    this.end = 'whole';
    input.append(toBuffer(bytes));
    let step: 'decode' | 'decodeLast' = bytes.length > 0 ? 'decode' : 'decodeLast';
    for (;;) {
      const before = input.length;
      const message = this[step](ctx, input);
      while (input.refill());
      const tookSome = input.length < before;
      if (message !== undefined) {
        if (!tookSome && step === 'decode') throw tookNothing(this);
        if (messages.length === maxMessages) throw tooMany(this, bytes.length, maxMessages);
        messages.push(message);
      }
      if (input.length > 0 && tookSome) continue;
      if (step === 'decodeLast') break;
      step = 'decodeLast';
    }
    if (this.heldBytes() > 0) throw truncated(this, bytes.length, bytes.subarray(0, SHOWN_BYTES));
    return messages;
  }

  /**
   * True while a frame has begun of which `decode` has taken bytes: to be overridden by decoders that take
   * frames in parts. The rest is due within `frameTimeoutMs`, and an upgrade to TLS in the middle is refused.
   */
  isWithinFrame(): boolean {
    return this.madeInput !== undefined && this.madeInput.toDiscard > 0;
  }

  /** For `decode`: reports a bad frame after which decoding can go on at once, unless the policy is `'close'`. */
  protected badFrame(ctx: Context, error: DecodeError): void {
    if (this.end === 'whole') throw error;
    if (this.frameErrorPolicy === 'close') this.failStream(ctx, error);
    else if (this.frameErrorPolicy === 'emit') ctx.fireExceptionCaught(error);
    else this.logSkipped(ctx, error);
  }

  protected override keptInputSteps(): KeptInputSteps {
    return {
      passOn: (ctx, message) => this.accept(ctx, message),
      goOn: (ctx) => this.decodeAll(ctx, this.input),
      complete: (ctx) => this.complete(ctx),
      event: (ctx, event) => this.passEnd(ctx, event),
      delivered: (ctx) => this.settle(ctx),
      dropped: () => this.input.clear(),
      removed: (ctx) => this.passOnRest(ctx),
    };
  }

  private get inputEnded(): boolean {
    return this.end !== undefined;
  }

  private get input(): ByteInput {
    this.madeInput ??= new ByteInput(this.resolvedOptions.copyBelowBytes);
    return this.madeInput;
  }

  override channelRead(ctx: Context, message: unknown): void {
    const { madeKept } = this;
    if (madeKept?.isBusy) madeKept.keep(message);
    else if (this.busy) this.kept.keepWithin(message);
    else {
      this.busy = true;
      this.accept(ctx, message);
      this.busy = false;
      if (this.madeKept?.isBusy) this.madeKept.deliverWithin(ctx);
      else this.settle(ctx);
    }
  }

  /** After a read: stores the rest, or passes it on if this handler was removed. */
  private settle(ctx: Context): void {
    const { input } = this;
    if (this.removed) this.passOnRest(ctx);
    else this.offerRoom(ctx, input.settleForReads());
    if (input.length > 0 || this.isWithinFrame()) this.watchRest(ctx, input);
    else {
      this.deadline?.stop();
      this.drain?.release();
    }
  }

  private offerRoom({ channel }: Context, room: ReadRoom | undefined): void {
    if (room !== undefined) channel.readMemory.offer(room);
  }

  private watchRest(ctx: Context, input: ByteInput): void {
    const { maxBufferedBytes, frameTimeoutMs } = this.resolvedOptions;
    if (input.length > maxBufferedBytes && !this.isKeeping) {
      this.failStream(ctx, tooMuchLeft(this, input.length, maxBufferedBytes));
      return;
    }
    this.deadline ??= new FrameDeadline(ctx, frameTimeoutMs, input, this);
    this.deadline.watch(this.moved);
    this.moved = false;
  }

  override userEventTriggered(ctx: Context, event: unknown): void {
    // Bytes left over came unencrypted: they must not be taken for the beginning of the encrypted stream.
    if (event instanceof TlsUpgradeEvent) event.holding(this.heldBytes());
    else if (isDrainEvent(event) && !ctx.channel.discardsInput && this.heldBytes() > 0) {
      this.drain ??= new DrainGate('begun frame', () => this.heldBytes() > 0);
      this.drain.see(event);
    }
    super.userEventTriggered(ctx, event);
  }

  override channelShutdown(ctx: Context, direction: Direction): void {
    if (direction === 'input') this.stopWaiting(ctx);
    super.channelShutdown(ctx, direction);
  }

  override channelInactive(ctx: Context): void {
    this.stopWaiting(ctx);
    super.channelInactive(ctx);
  }

  /** Whole frames that wait for their time after an emitted error come before the end. */
  private stopWaiting(ctx: Context): void {
    if (this.resumption !== undefined && !dropsKeptMessages(ctx.channel)) this.kept.pause(false);
    this.cancelTimers();
  }

  protected override passEnd(ctx: Context, event: KeptEvent): void {
    const isEnd =
      event.method === 'channelInactive' ||
      (event.method === 'channelShutdown' && event.value === 'input');
    if (isEnd) this.finishInput(ctx);
    event.fire(ctx);
    if (isEnd) this.reportLateError(ctx);
  }

  override handlerRemoved(ctx: Context): void {
    this.removed = true;
    this.cancelTimers();
    if (this.busy) return;
    if (this.isKeeping) super.handlerRemoved(ctx);
    else this.passOnRest(ctx);
  }

  // --- decoding ---

  private accept(ctx: Context, message: unknown): void {
    if (!(message instanceof Uint8Array)) {
      if (!this.failed) this.otherMessage(ctx, message);
      return;
    }
    this.hasRead = true;
    if (this.failed || message.length === 0) return;
    const { input } = this;
    input.appendPart(toBuffer(message));
    if (ctx.channel.isReadHeld) {
      while (input.refill());
      if (this.kept.stops(ctx, false)) return;
    }
    this.decodeAll(ctx, input);
  }

  private decodeAll(ctx: Context, input: ByteInput): void {
    const { channel } = ctx;
    let count = 0;
    while (input.end > input.start && !this.removed) {
      const before = input.start;
      let message: T | undefined;
      try {
        message = this.decode(ctx, input);
        if (message !== undefined && input.start === before) throw tookNothing(this);
      } catch (thrown) {
        const tookSome = input.start !== before;
        while (input.refill());
        if (this.goesOnAfter(ctx, thrown, tookSome)) continue;
        return;
      }
      const tookSome = input.start !== before;
      // The bytes after a frame that became whole in memory of its own.
      const hasRefilled = input.refill();
      if (message === undefined) {
        if (this.failed || !(tookSome || hasRefilled)) return;
        this.moved ||= tookSome;
        if ((channel.isReadHeld || channel.discardsInput) && this.stops(ctx)) return;
        continue;
      }
      this.moved = true;
      this.hasFired = true;
      ctx.fireChannelRead(message);
      if (this.singleDecode) return;
      // Nothing is left that could wait or be dropped.
      if (input.end === input.start) return;
      count += 1;
      if (isTurnCheckDue(count)) channel.checkTurn();
      if ((channel.isReadHeld || channel.discardsInput) && this.stops(ctx)) return;
    }
  }

  /** After a message during which reads were held, or the channel began to discard its input. */
  private stops(ctx: Context): boolean {
    if (!this.inputEnded) return this.kept.stops(ctx);
    if (ctx.channel.isOpen && ctx.channel.discardsInput) this.input.clear();
    return false;
  }

  private decodeRest(ctx: Context): void {
    const { input } = this;
    for (;;) {
      const before = input.length;
      let message: T | undefined;
      try {
        message = this.decodeLast(ctx, input);
      } catch (thrown) {
        // Nothing follows that could be decoded wrongly, so the policy decides, whatever was taken.
        if (this.frameErrorPolicy === 'emit') this.reportError(ctx, decodeErrorOf(this, thrown));
        else this.goesOnAfter(ctx, thrown, true);
        return;
      }
      if (message === undefined) return;
      this.hasFired = true;
      ctx.fireChannelRead(message);
      if (this.removed || input.length === 0 || input.length === before) return;
    }
  }

  /** The end of the input: an ordinary decode, then the last one, once. */
  private finishInput(ctx: Context): void {
    if (this.inputEnded) return;
    this.end = 'ended';
    this.hasFired = false;
    if (!this.failed && !this.busy) {
      this.busy = true;
      this.decodeAll(ctx, this.input);
      if (!this.removed && !this.failed && this.lateError === undefined) this.decodeRest(ctx);
      this.busy = false;
      if (this.removed) this.passOnRest(ctx);
      else this.dropTruncated(ctx);
    }
    if (this.hasFired) ctx.fireChannelReadComplete();
    this.hasFired = false;
  }

  private dropTruncated(ctx: Context): void {
    const { input } = this;
    if (input.length > 0 && this.lateError === undefined) {
      const error = truncated(this, input.length, input.peek(SHOWN_BYTES));
      ctx.channel.logger.log('debug', `${ctx.channel} ${error.message}`, error);
    }
    input.clear();
  }

  /** Removed: what was not decoded is passed on raw, each byte once and in order. */
  private passOnRest(ctx: Context): void {
    const { input } = this;
    const hasRest = input.length > 0 && !this.failed;
    if (hasRest) ctx.fireChannelRead(input.takeAll());
    input.clear();
    if (hasRest && !this.isKeeping) ctx.fireChannelReadComplete();
  }

  /** @internal How many bytes have arrived that are not a message yet; at least 1 within a frame. */
  protected heldBytes(): number {
    const bytes = this.input.length;
    return bytes === 0 && this.isWithinFrame() ? 1 : bytes;
  }

  // --- bad frames and slow ones ---

  /** True if decoding goes on at once. */
  private goesOnAfter(ctx: Context, thrown: unknown, tookSome: boolean): boolean {
    const error = decodeErrorOf(this, thrown);
    // A decoder that took nothing would throw the same again, for ever.
    if (!isBadInput(error) || !tookSome || this.frameErrorPolicy === 'close') {
      this.failStream(ctx, error);
      return false;
    }
    this.moved = true;
    if (this.frameErrorPolicy === 'skip') {
      this.logSkipped(ctx, error);
      return true;
    }
    this.reportError(ctx, error);
    // The handler that got the error ended the channel.
    if (!this.inputEnded && dropsKeptMessages(ctx.channel)) this.input.clear();
    if (this.input.length > 0 && !this.inputEnded && !this.removed) {
      this.resumption ??= ctx.clock.schedule(() => this.resume(ctx), RESUME_MS);
    }
    return false;
  }

  /** Goes on with whole frames that are left over after an emitted error. */
  private resume(ctx: Context): void {
    this.resumption = undefined;
    if (this.busy || this.isKeeping || this.failed || this.removed || this.inputEnded) return;
    this.kept.pause(false);
    this.kept.deliver(ctx);
  }

  /** @internal */
  override failStream(ctx: Context, error: Error): void {
    this.failed = true;
    if (this.isKeeping) this.kept.drop();
    this.cancelTimers();
    this.input.clear();
    this.reportError(ctx, error);
    ctx.channel.end({ reason: 'bad-input' });
  }

  private reportError(ctx: Context, error: Error): void {
    if (this.inputEnded) this.lateError = error;
    else ctx.fireExceptionCaught(error);
  }

  private reportLateError(ctx: Context): void {
    const error = this.lateError;
    this.lateError = undefined;
    if (error !== undefined) ctx.fireExceptionCaught(error);
  }

  private cancelTimers(): void {
    this.drain?.release();
    this.deadline?.cancel();
    this.resumption?.cancel();
    this.resumption = undefined;
  }
}
