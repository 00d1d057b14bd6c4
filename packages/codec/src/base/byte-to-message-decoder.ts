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
  aheadReaderOf,
  DrainGate,
  describeOptions,
  dropsKeptMessages,
  fireReadAhead,
  isDrainEvent,
  isTurnCheckDue,
  type KeptEvent,
  KeptInput,
  type ReadRoom,
  time,
  toBuffer,
  whole,
} from '@headrace/core/authoring';
import { ByteInput, SHOWN_BYTES } from './byte-input.ts';
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
import { type FrameFinder, ReadAhead } from './read-ahead.ts';

/** Options of every byte decoder. */
export interface ByteToMessageDecoderOptions extends OtherMessagesOptions {
  /** The reaction to input that the protocol does not allow. @default 'close' */
  readonly frameErrorPolicy?: FrameErrorPolicy;
  /**
   * Maximum time from the first byte of a frame to its last, in milliseconds, or `false` for no limit. If the time runs out, the
   * decoder ends the channel. The time stands still while reads are held, and while `autoRead` is off and no read was requested.
   * @default 15_000
   */
  readonly frameTimeoutMs?: number | false;
  /**
   * Maximum number of bytes that the decoder keeps while it needs more bytes. Above the limit, `HR_ERR_FRAME_TOO_LONG` is
   * reported. The decoders of this package have limits of their own, such as `maxFrameLength`.
   * @default Infinity
   */
  readonly maxBufferedBytes?: number;
  /**
   * Size in bytes below which a message is copied into memory of its own, or `false` to copy no message. Set a size if your
   * program keeps messages, because a view keeps the whole memory of its read alive. That memory has up to 68 KiB, which many
   * connections share. A copy takes about 200 bytes in addition to its content.
   * @default false
   */
  readonly copyBelowBytes?: number | false;
}

/** Options of decoders that end the channel after each bad frame, and have limits of their own. */
export const WAITING_OPTIONS = describeOptions('ByteToMessageDecoder', {
  frameTimeoutMs: time({ default: 15_000 }),
  copyBelowBytes: COPY_BELOW,
});
/** Options of every byte decoder, for subclasses to extend. */
export const BYTE_DECODER_OPTIONS = describeOptions('ByteToMessageDecoder', {
  frameErrorPolicy: FRAME_ERROR_POLICY,
  maxBufferedBytes: whole({ default: Infinity }),
  otherMessages: OTHER_MESSAGES,
  ...WAITING_OPTIONS.kinds,
});

/** The settings of a byte decoder: its time limit, its size limit, and the size below which it copies. */
interface ByteDecodingSettings extends DecodingSettings {
  /** In milliseconds, or `Infinity` for no limit. */
  readonly frameTimeoutMs: number;
  readonly maxBufferedBytes: number;
  /** In bytes, or 0 to copy nothing. */
  readonly copyBelowBytes: number;
}

/** The reason why no more input can arrive: the peer has ended its half, or the input is whole, such as a datagram. */
type InputEnd = 'ended' | 'whole' | undefined;

const READS_BYTES: MessageKinds = { reads: 'bytes' };

/** Maximum time in milliseconds that the rest of a read waits for the next read after an emitted error. */
const RESUME_MS = 1;
/** Result of a step of decoding after which nothing else is decoded. */
const STOPPED = -1;

/**
 * Turns a stream of bytes into messages. The result does not depend on how the bytes are cut into reads. This class is the base
 * of all frame decoders. A subclass has one method, {@link decode}, which takes one message from the input, or returns
 * `undefined` if it needs more bytes. The base class handles reentrant reads, removal in the middle of a read, the end of the
 * input, bad frames and slow frames.
 *
 * ```text
 *  wire | [decoder] | app      bytes in any cut → whole messages, one at a time
 * ```
 *
 * - **Place** First, or after the handler that turns the transport's bytes into other bytes (TLS, compression).
 * - **In** `Buffer`. Other messages are refused, or pass on in order if `otherMessages` is `'pass-on'`.
 * - **Out** The results of `decode`.
 * - **Events** If a handler holds the channel's reads during a message, decoding stops after that message. The rest of the input
 *   waits in the decoder until the last hold is released. The rest is dropped when the channel discards its input (`end()`,
 *   `close()`). `channelReadComplete` passes. With `autoRead` off, the decoder requests another read if a read completed no
 *   message. At the end of the input, the decoder decodes the rest, calls `decodeLast` once, and then passes the end on. On a
 *   `TlsUpgradeEvent`, the upgrade is refused if the decoder holds bytes. On a `DrainEvent`, the channel does not end within a
 *   frame.
 * - **Errors** `HR_ERR_MESSAGE_UNREADABLE` for a message that is not bytes. A `DecodeError` that `decode` throws is kept. Any
 *   other error becomes `HR_ERR_DECODER_FAILED`. `HR_ERR_TIMEOUT_READ` for a frame that is not complete in time. A frame that the
 *   end of the input truncates is logged at level debug, as `HR_ERR_FRAME_TRUNCATED`.
 * - **State** The bytes that are left over. Each channel needs its own decoder.
 * - **Cost** No copy for a message that lies within one read. The time is linear in the number of bytes, even if the reads are
 *   small.
 * - **Pitfalls** A taken `Buffer` is a view that keeps the memory of its read alive, up to 68 KiB. Copy small messages that you
 *   keep for long (`Buffer.from(message)`), or set `copyBelowBytes`. If the decoder is removed, even in the middle of a read, the
 *   bytes that are left over pass on as one raw `Buffer`.
 *
 * @typeParam T - the type of the decoded messages
 * @typeParam H - the types of the handler, if the handler also writes
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
  /**
   * Whether to decode at most one message per read and keep the rest for the next read, for protocols that switch to another
   * protocol.
   */
  singleDecode = false;
  private madeInput: ByteInput | undefined = undefined;
  private deadline: FrameDeadline | undefined = undefined;
  /** Delays a drain until the frame that has begun is complete. */
  private drain: DrainGate | undefined = undefined;
  private busy = false;
  private removed = false;
  private end: InputEnd = undefined;
  /** Whether a frame was finished since the last check of the deadline. */
  private moved = false;
  private resumption: Timer | undefined = undefined;
  /** An error of the final decode, which is reported after the end has been passed on. */
  private lateError: Error | undefined = undefined;

  /**
   * @param kinds - the kinds of messages that the decoder reads and passes on, for errors and for the order of a template
   * @param own - the description of the subclass's options, with those of its base; other names are refused
   */
  constructor(
    options: ByteToMessageDecoderOptions = {},
    kinds: MessageKinds = READS_BYTES,
    own?: OwnOptions,
  ) {
    (own ?? BYTE_DECODER_OPTIONS).checkNames(options, new.target.name);
    super(own?.copyOf(options), BYTE_DECODER_OPTIONS.part(options), kinds);
  }

  /**
   * Takes one message from the input and returns it. Returns `undefined` if more bytes are needed, or if the taken bytes make no
   * message. The decoder calls the method again as long as the method takes bytes. For a bad frame, take the bytes of the frame,
   * and then throw a `DecodeError`.
   */
  protected abstract decode(ctx: Context, input: ByteInput): T | undefined;

  /**
   * Decodes the rest of the input after the peer has ended its half, even if the rest is empty. The decoder calls the method
   * again while the method returns messages and bytes remain. After a removal, the rest passes on as raw bytes instead.
   */
  protected decodeLast(ctx: Context, input: ByteInput): T | undefined {
    return input.length > 0 ? this.decode(ctx, input) : undefined;
  }

  /**
   * @internal Returns all messages in bytes that are complete, such as a datagram. Throws at the first bad frame, whatever the
   * policy is. Also throws if a frame is incomplete, and if there are more than `maxMessages`. Call the method once, on a decoder
   * that is in no pipeline.
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
   * Returns true while `decode` has taken bytes of a frame that is not complete. Override the method in a decoder that takes
   * frames in parts. The rest of the frame must arrive within `frameTimeoutMs`, and an upgrade to TLS within the frame is
   * refused.
   */
  isWithinFrame(): boolean {
    return this.madeInput !== undefined && this.madeInput.toDiscard > 0;
  }

  /** Reports a bad frame from within `decode`. Decoding can then continue at once, unless the policy is `'close'`. */
  protected badFrame(ctx: Context, error: DecodeError): void {
    if (this.end === 'whole') throw error;
    if (this.frameErrorPolicy === 'close') this.failStream(ctx, error);
    else if (this.frameErrorPolicy === 'emit') ctx.fireExceptionCaught(error);
    else this.logSkipped(ctx, error);
  }

  protected makeKept(): KeptInput {
    return new KeptInput({
      passOn: (ctx, message) => this.accept(ctx, message),
      resume: (ctx) => this.decodeAll(ctx, this.input),
      complete: (ctx) => this.complete(ctx),
      event: (ctx, event) => this.passEnd(ctx, event),
      delivered: (ctx) => this.settle(ctx),
      dropped: () => this.input.clear(),
      removed: (ctx) => this.passOnRest(ctx),
    });
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

  /** Keeps the rest after a read, or passes the rest on if this handler was removed. */
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
    // The bytes that are left over arrived unencrypted. They must not become the beginning of the encrypted stream.
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

  /** Delivers the whole frames that wait after an emitted error. */
  private stopWaiting(ctx: Context): void {
    if (this.resumption !== undefined && !dropsKeptMessages(ctx.channel)) this.kept.pause(false);
    this.cancelTimers();
  }

  protected override passEnd(ctx: Context, event: KeptEvent): void {
    const isEnd =
      event.method === 'channelInactive' ||
      (event.method === 'channelShutdown' && event.value === 'input');
    if (isEnd) this.finishInput(ctx);
    this.fireEnd(ctx, event);
    if (isEnd) this.reportLateError(ctx);
  }

  /** @internal Passes on an event after the input that it ends. */
  protected fireEnd(ctx: Context, event: KeptEvent): void {
    event.fire(ctx);
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

  /** @internal Finds the frames that `decode` would take, or `undefined` if only `decode` finds them. */
  protected get finder(): FrameFinder | undefined {
    return undefined;
  }

  private decodeAll(ctx: Context, input: ByteInput): void {
    const { channel } = ctx;
    let count = 0;
    // Without such a handler, V8 does not compile the other loop into this one.
    const canReadAhead = aheadReaderOf(ctx) !== undefined;
    let triesAhead = canReadAhead;
    while (input.end > input.start && !this.removed) {
      if (triesAhead) {
        const soFar = count;
        count = this.decodeAhead(ctx, input, soFar);
        if (count === STOPPED) return;
        triesAhead = count > soFar;
        if (triesAhead) continue;
      }
      const before = input.start;
      let message: T | undefined;
      try {
        message = this.decode(ctx, input);
        if (message !== undefined && input.start === before) throw tookNothing(this);
      } catch (thrown) {
        const tookSome = input.start !== before;
        while (input.refill());
        if (this.continuesAfter(ctx, thrown, tookSome)) continue;
        return;
      }
      const tookSome = input.start !== before;
      // The bytes after a frame that became whole in memory of its own.
      const hasRefilled = input.refill();
      triesAhead = hasRefilled && canReadAhead;
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

  /**
   * Passes on frames that the next handler decodes ahead, each in its turn, until one of them is bad, incomplete, or meets another
   * pipeline. Returns the number of messages of this read so far, or `STOPPED`.
   */
  private decodeAhead(ctx: Context, input: ByteInput, before: number): number {
    const reader = aheadReaderOf(ctx);
    if (reader === undefined || this.singleDecode || input.toDiscard > 0) return before;
    const { finder } = this;
    if (finder === undefined) return before;
    const ahead = ReadAhead.take();
    try {
      let passed = before;
      for (;;) {
        ahead.fill(input, finder, reader);
        if (ahead.count === 0) return passed;
        for (let at = 0; at < ahead.count; at++) {
          input.start = ahead.end(at);
          const hasRefilled = input.refill();
          this.moved = true;
          this.hasFired = true;
          fireReadAhead(ctx, ahead.message(at));
          passed += 1;
          if (this.mustStop(ctx, input, passed)) return STOPPED;
          if (hasRefilled || aheadReaderOf(ctx) !== reader) return passed;
        }
      }
    } finally {
      ahead.giveBack();
    }
  }

  /** Returns true if decoding stops after a message that was decoded ahead. */
  private mustStop(ctx: Context, input: ByteInput, count: number): boolean {
    const { channel } = ctx;
    if (this.singleDecode || this.removed || input.end === input.start) return true;
    if (isTurnCheckDue(count)) channel.checkTurn();
    return (channel.isReadHeld || channel.discardsInput) && this.stops(ctx);
  }

  /** Returns true if decoding stops, because reads are held or the channel discards its input. */
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
        // No bytes follow that could be decoded wrongly. The policy therefore decides, however many bytes were taken.
        if (this.frameErrorPolicy === 'emit') this.reportError(ctx, decodeErrorOf(this, thrown));
        else this.continuesAfter(ctx, thrown, true);
        return;
      }
      if (message === undefined) return;
      this.hasFired = true;
      ctx.fireChannelRead(message);
      if (this.removed || input.length === 0 || input.length === before) return;
    }
  }

  /** Ends the input with an ordinary decode, and then the last decode, once. */
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

  /** Passes on the undecoded bytes after a removal. */
  private passOnRest(ctx: Context): void {
    const { input } = this;
    const hasRest = input.length > 0 && !this.failed;
    if (hasRest) ctx.fireChannelRead(input.takeAll());
    input.clear();
    if (hasRest && !this.isKeeping) ctx.fireChannelReadComplete();
  }

  /** @internal Returns the number of bytes that have arrived and are not a message yet, at least 1 within a frame. */
  protected heldBytes(): number {
    const bytes = this.input.length;
    return bytes === 0 && this.isWithinFrame() ? 1 : bytes;
  }

  // --- bad frames and slow ones ---

  private continuesAfter(ctx: Context, thrown: unknown, tookSome: boolean): boolean {
    const error = decodeErrorOf(this, thrown);
    // A decoder that took no bytes would throw the same error again, without end.
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
    // The handler that received the error has ended the channel.
    if (!this.inputEnded && dropsKeptMessages(ctx.channel)) this.input.clear();
    if (this.input.length > 0 && !this.inputEnded && !this.removed) {
      this.resumption ??= ctx.clock.schedule(() => this.resume(ctx), RESUME_MS);
    }
    return false;
  }

  private resume(ctx: Context): void {
    this.resumption = undefined;
    if (this.busy || this.isKeeping || this.failed || this.removed || this.inputEnded) return;
    this.kept.pause(false);
    this.kept.deliver(ctx);
  }

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
    this.deadline?.cancel();
    this.resumption?.cancel();
    this.resumption = undefined;
    this.drain?.release();
  }
}
