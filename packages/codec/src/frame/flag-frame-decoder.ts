import { Buffer } from 'node:buffer';
import { type Context, DecodeError, type MessageLimits } from '@headrace/core';
import { describeOptions, rememberMethods, whole } from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import { describeFirstBytes, frameTooLong } from './first-bytes.ts';
import { FLAG_FRAMING, type FlagFraming, NONE, Transposition } from './transposition.ts';

/** Options of {@link FlagFrameDecoder}. */
export interface FlagFrameDecoderOptions extends ByteToMessageDecoderOptions, FlagFraming {
  /** Maximum length of a frame without its flags and escapes, in bytes. A checksum in the frame is counted. */
  readonly maxFrameLength: number;
}

const OPTIONS = describeOptions(
  'FlagFrameDecoder',
  { ...FLAG_FRAMING, maxFrameLength: whole({ min: 1, required: true }) },
  BYTE_DECODER_OPTIONS,
);

/**
 * Cuts the stream into frames that begin and end with a flag, and restores the bytes that were escaped in them. HDLC, PPP, SLIP and
 * JT/T 808 have such frames.
 *
 * ```text
 *  BEFORE 7e 01 7d 5e 02 7e 7e 03 7e   →  AFTER 01 7e 02, then 03
 *                                         transposition: [[0x7e, 0x02], [0x7d, 0x01]] → 7d 02 is 7e, 7d 01 is 7d
 * ```
 *
 * - **Place** First after the transport, next to {@link FlagFrameEncoder}.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** One `Buffer` for each frame that is not empty. One flag can end a frame and begin the next. A frame that ends with an
 *   escape before its flag was aborted by the peer, and is dropped. Bytes before the first flag are dropped.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG`, once, for a frame over `maxFrameLength`, and for more bytes than that before the first
 *   flag. `HR_ERR_FRAME_CORRUPT` for an escape before a byte that is in no pair. `HR_ERR_TIMEOUT_READ` for a frame that does not
 *   end in time. The next frame begins at the next flag.
 * - **State** The unfinished frame, at most twice `maxFrameLength` bytes and one read. Each channel needs its own decoder.
 * - **Cost** Every byte is examined once. A frame without escapes is not copied.
 * - **Pitfalls** Noise between two frames is a frame, too. Compare the checksum of each frame in the next handler. Noise also begins
 *   the time of a frame: on a line with noise, set `frameTimeoutMs` to `false`.
 *
 * @example
 * ```ts run
 * import { FlagFrameDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new FlagFrameDecoder({ maxFrameLength: 100 }));
 * channel.writeInbound(Buffer.from('7e017d5e027e', 'hex'));
 * console.log(channel.readInbound<Buffer>()?.toString('hex')); // prints 017e02
 * ```
 * @see RFC 1662, "PPP in HDLC-like Framing"
 */
export class FlagFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly maxFrameLength: number;
  private readonly transposition: Transposition;
  private readonly copyBelow: number;
  /** Whether the next bytes belong to a frame. They are dropped otherwise, up to the next flag. */
  private isInside = false;
  /** Number of dropped bytes, or `Infinity` after the error about them was reported. */
  private dropped = 0;
  /** Number of bytes of the frame that were examined. */
  private searched = 0;
  /** Number of escapes among them that are followed by their code. */
  private escapes = 0;
  /** Whether the last of them is an escape without its code. */
  private isEscaped = false;

  constructor(options: FlagFrameDecoderOptions) {
    const { maxFrameLength, ...framing } = OPTIONS.resolve(options);
    super(options, undefined, OPTIONS);
    this.maxFrameLength = maxFrameLength;
    this.transposition = Transposition.of(framing);
    this.copyBelow = this.resolvedOptions.copyBelowBytes;
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  override isWithinFrame(): boolean {
    return this.dropped > 0;
  }

  get messageLimits(): MessageLimits {
    return { inbound: this.maxFrameLength };
  }

  protected override decode(ctx: Context, input: ByteInput): Buffer | undefined {
    if (!this.isInside) {
      this.drop(ctx, input);
      return undefined;
    }
    const isWhole = this.search(input);
    const { searched, escapes, isEscaped, maxFrameLength } = this;
    const length = searched - escapes - (isEscaped ? 1 : 0);
    if (length > maxFrameLength) {
      this.leaveOut(ctx, input, length, isWhole);
      return undefined;
    }
    if (!isWhole) return undefined;
    const isLeftOut = isEscaped || length === 0;
    const frame = isLeftOut ? undefined : this.frameOf(input, searched, length);
    const error = isLeftOut || frame !== undefined ? undefined : this.corrupt(input);
    this.begin(input);
    if (error !== undefined) this.badFrame(ctx, error);
    return frame;
  }

  /** Examines the bytes that arrived, up to the flag. Returns true if the flag is there. */
  private search(input: ByteInput): boolean {
    const { buffer, start, end } = input;
    const { flag, escape: escapeByte } = this.transposition;
    let { escapes, isEscaped } = this;
    let at = start + this.searched;
    for (; at < end; at++) {
      const byte = buffer[at];
      if (byte === flag) break;
      if (isEscaped) {
        isEscaped = false;
        escapes += 1;
      } else isEscaped = byte === escapeByte;
    }
    this.searched = at - start;
    this.escapes = escapes;
    this.isEscaped = isEscaped;
    return at < end;
  }

  /** Takes the frame that was examined, and its flag. The next frame begins. */
  private begin(input: ByteInput, length = this.searched): void {
    input.skip(length + 1);
    this.isInside = true;
    this.dropped = 0;
    this.forget();
  }

  private forget(): void {
    this.searched = 0;
    this.escapes = 0;
    this.isEscaped = false;
  }

  /** Drops bytes up to the next flag, where a frame begins. */
  private drop(ctx: Context, input: ByteInput): void {
    const flagAt = input.indexOf(this.transposition.flag);
    const length = flagAt === -1 ? input.length : flagAt;
    this.dropped += length;
    const isReported = this.dropped === Number.POSITIVE_INFINITY;
    const error =
      isReported || this.dropped <= this.maxFrameLength
        ? undefined
        : this.tooLong(input, 'a beginning without a flag,', `at least ${this.dropped}`);
    if (flagAt !== -1) this.begin(input, length);
    else {
      input.skip(length);
      if (error !== undefined) this.dropped = Number.POSITIVE_INFINITY;
    }
    if (error !== undefined) this.badFrame(ctx, error);
  }

  /** Reports a frame that is too long, and drops the rest of it. */
  private leaveOut(ctx: Context, input: ByteInput, length: number, isWhole: boolean): void {
    const error = this.tooLong(input, 'a frame', isWhole ? `${length}` : `at least ${length}`);
    if (isWhole) this.begin(input);
    else {
      input.skip(this.searched);
      this.isInside = false;
      this.dropped = Number.POSITIVE_INFINITY;
      this.forget();
    }
    this.badFrame(ctx, error);
  }

  /** Returns the frame without escapes, or `undefined` if a byte after an escape stands for no other. */
  private frameOf(input: ByteInput, rawLength: number, length: number): Buffer | undefined {
    const { buffer, start } = input;
    if (length === rawLength) return input.view(start, length);
    const { escape: escapeByte, bytes } = this.transposition;
    const frame =
      length < this.copyBelow ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
    const end = start + rawLength;
    let to = 0;
    for (let at = start; at < end; at++) {
      let byte = buffer[at]!;
      if (byte === escapeByte) {
        at += 1;
        byte = bytes[buffer[at]!]!;
        if (byte === NONE) return undefined;
      }
      frame[to++] = byte;
    }
    return frame;
  }

  private corrupt(input: ByteInput): DecodeError {
    const what = 'a frame has an escape before a byte that transposition does not name';
    return new DecodeError('FRAME_CORRUPT', what + describeFirstBytes(input));
  }

  private tooLong(input: ByteInput, what: string, length: string): DecodeError {
    return frameTooLong(input, what, length, 'maxFrameLength', this.maxFrameLength);
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(FlagFrameDecoder);
