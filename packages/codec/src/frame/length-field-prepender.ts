import {
  type ByteSource,
  type Context,
  checkNumber,
  EncodeError,
  encodeOnce,
  type Handler,
  isOutboundBytes,
  type OutboundBytes,
  type PassThrough,
  type Types,
  toBuffer,
  type WriteFuture,
} from '@headrace/core';
import {
  type ByteOrder,
  checkByteOrder,
  checkWidth,
  type LengthFieldWidth,
  lengthLimit,
  writeLength,
} from './length-field.ts';

/** Options of {@link LengthFieldPrepender}. */
export interface LengthFieldPrependerOptions {
  /** How many bytes the length field has: 1, 2, 3, 4 or 8. */
  readonly lengthFieldLength: LengthFieldWidth;
  /** Added to the length that is written; may be negative. @default 0 */
  readonly lengthAdjustment?: number;
  /** Count the length field itself, too. @default false */
  readonly lengthIncludesLengthFieldLength?: boolean;
  /** @default 'big' */
  readonly byteOrder?: ByteOrder;
  /** The longest body in bytes; take the same limit as the peer's decoder. @default what the field can say */
  readonly maxBodyLength?: number;
}

const DEFAULTS = {
  lengthAdjustment: 0,
  lengthIncludesLengthFieldLength: false,
  byteOrder: 'big',
  maxBodyLength: Number.POSITIVE_INFINITY,
} as const;

/** How the lengths of one prepender are written; shared by all its messages. */
interface LengthFormat {
  readonly width: LengthFieldWidth;
  /** The length's distance to that of the body. */
  readonly extra: number;
  readonly isLittle: boolean;
}

/** A length and the body that it counts, not yet copied together. There is one for each message: two fields. */
class LengthPrefixed implements ByteSource {
  private readonly format: LengthFormat;
  private readonly body: OutboundBytes;

  readonly byteLength: number;

  constructor(format: LengthFormat, body: OutboundBytes) {
    this.format = format;
    this.body = body;
    this.byteLength = body.byteLength + format.width;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { body } = this;
    const { width, extra, isLittle } = this.format;
    writeLength(target, offset, width, isLittle, body.byteLength + extra);
    if (body instanceof Uint8Array) target.set(body, offset + width);
    else body.writeTo(target, offset + width);
  }
}

/**
 * Puts the length of each message before it.
 *
 * ```text
 * lengthFieldLength: 2
 *  BEFORE "HELLO, WORLD"  →  AFTER 00 0c "HELLO, WORLD"
 * lengthFieldLength: 2, lengthIncludesLengthFieldLength: true
 *  BEFORE "HELLO, WORLD"  →  AFTER 00 0e "HELLO, WORLD"
 * ```
 *
 * **Place** beside its decoder, before whatever writes bytes.
 * **In** outbound `Buffer`, any `Uint8Array`, or a `ByteSource`; anything else passes by.
 * **Out** a `ByteSource` of the length and the body, which is not copied; in a group's broadcast one
 * `Buffer`, made once for all members.
 * **Errors** `HR_ERR_MESSAGE_TOO_LONG` if the length does not fit its field or the limit,
 * `HR_ERR_MESSAGE_NOT_ENCODABLE` if it would be negative; both fail the write.
 * **State** none: one instance may serve all channels.
 * **Cost** one small object for each message.
 * **Pitfalls** the peer's decoder has to know about the adjustment and what the length counts.
 *
 * @example
 * ```ts run
 * import { LengthFieldPrepender } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new LengthFieldPrepender({ lengthFieldLength: 2 }));
 * channel.writeOutbound(Buffer.from('hi'));
 * console.log(channel.readOutbound<Buffer>()?.toString('hex')); // prints 00026869
 * ```
 * @see Netty's `LengthFieldPrepender`
 */
export class LengthFieldPrepender implements Handler {
  declare readonly types: Types<PassThrough, PassThrough, OutboundBytes, OutboundBytes>;
  readonly sharable = true;
  /** @internal */
  readonly width: LengthFieldWidth;
  /** @internal */
  readonly extra: number;
  /** @internal */
  readonly isLittle: boolean;
  private readonly limit: number;
  private readonly maxBodyLength: number;
  private readonly key: string;
  private readonly encode: (body: OutboundBytes) => OutboundBytes;
  private readonly encodeForMany: (body: OutboundBytes) => OutboundBytes;

  constructor(options: LengthFieldPrependerOptions) {
    this.width = checkWidth(options.lengthFieldLength);
    const adjustment = options.lengthAdjustment ?? DEFAULTS.lengthAdjustment;
    checkNumber('lengthAdjustment', adjustment, { min: -(2 ** 31), max: 2 ** 31, integer: true });
    const countsItself =
      options.lengthIncludesLengthFieldLength ?? DEFAULTS.lengthIncludesLengthFieldLength;
    this.extra = adjustment + (countsItself ? this.width : 0);
    this.isLittle = checkByteOrder(options.byteOrder ?? DEFAULTS.byteOrder) === 'little';
    this.limit = lengthLimit(this.width);
    this.maxBodyLength = options.maxBodyLength ?? DEFAULTS.maxBodyLength;
    checkNumber('maxBodyLength', this.maxBodyLength, { integer: true });
    this.key = `LengthFieldPrepender:${this.width}:${this.extra}:${this.isLittle}:${this.maxBodyLength}`;
    this.encode = (body) => this.prepend(body);
    this.encodeForMany = (body) => toBuffer(this.prepend(body));
  }

  write(ctx: Context, message: unknown): WriteFuture {
    if (!isOutboundBytes(message)) return ctx.write(message);
    return ctx.write(encodeOnce(this.key, message, this.encode, this.encodeForMany));
  }

  private prepend(body: OutboundBytes): LengthPrefixed {
    const value = body.byteLength + this.extra;
    if (value < 0 || value >= this.limit || body.byteLength > this.maxBodyLength) {
      throw this.refuse(body.byteLength, value);
    }
    return new LengthPrefixed(this, body);
  }

  private refuse(bytes: number, value: number): EncodeError {
    const details = { bytes, length: value, lengthFieldLength: this.width };
    if (value < 0) {
      const text = `a body of ${bytes} bytes would get the negative length ${value}`;
      return new EncodeError('MESSAGE_NOT_ENCODABLE', text, details);
    }
    const limit =
      bytes > this.maxBodyLength
        ? `longer than maxBodyLength, ${this.maxBodyLength}`
        : `too long: its length ${value} does not fit a field of ${this.width} bytes`;
    return new EncodeError('MESSAGE_TOO_LONG', `a body of ${bytes} bytes is ${limit}`, details);
  }
}
