import {
  type ByteSource,
  type Context,
  EncodeError,
  type Handler,
  type OutboundBytes,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import {
  byteLengthOf,
  describeOptions,
  encodeOnce,
  flag,
  isOutboundBytes,
  toBuffer,
  whole,
} from '@headrace/core/authoring';
import {
  BYTE_ORDER,
  type ByteOrder,
  type LengthFieldWidth,
  lengthLimit,
  WIDTH,
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
  /** The longest body in bytes; take the same limit as the peer's decoder. @default what fits the field */
  readonly maxBodyLength?: number;
}

const INT_MAX = 2 ** 31;
const OPTIONS = describeOptions('LengthFieldPrepender', {
  lengthFieldLength: WIDTH,
  lengthAdjustment: whole({ min: -INT_MAX, max: INT_MAX, default: 0 }),
  lengthIncludesLengthFieldLength: flag({ default: false }),
  byteOrder: BYTE_ORDER,
  maxBodyLength: whole({ default: Infinity }),
});

/**
 * How lengths are written and which bodies are refused. A server makes the same prepender for each of its
 * connections: prependers with equal options share one format.
 */
class LengthFormat {
  private static last: LengthFormat | undefined = undefined;

  readonly width: LengthFieldWidth;
  /** Added to the length of the body to get the field's value. */
  readonly extra: number;
  readonly isLittle: boolean;
  readonly maxBodyLength: number;
  readonly key: string;
  private readonly limit: number;

  private constructor(
    width: LengthFieldWidth,
    extra: number,
    isLittle: boolean,
    maxBodyLength: number,
  ) {
    this.width = width;
    this.extra = extra;
    this.isLittle = isLittle;
    this.maxBodyLength = maxBodyLength;
    this.limit = lengthLimit(width);
    this.key = `LengthFieldPrepender:${width}:${extra}:${isLittle}:${maxBodyLength}`;
  }

  /** The format that was made last, if it is equal. */
  static of(
    width: LengthFieldWidth,
    extra: number,
    isLittle: boolean,
    maxBodyLength: number,
  ): LengthFormat {
    let last = LengthFormat.last;
    const isSame =
      last?.width === width &&
      last.extra === extra &&
      last.isLittle === isLittle &&
      last.maxBodyLength === maxBodyLength;
    if (!isSame) last = LengthFormat.last = new LengthFormat(width, extra, isLittle, maxBodyLength);
    return last!;
  }

  readonly prepend = (body: OutboundBytes): OutboundBytes => {
    const bytes = byteLengthOf(body);
    const value = bytes + this.extra;
    if (value < 0 || value >= this.limit || bytes > this.maxBodyLength) {
      throw this.refuse(bytes, value);
    }
    return new LengthPrefixed(this, body);
  };

  readonly prependForMany = (body: OutboundBytes): OutboundBytes => toBuffer(this.prepend(body));

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

/** A length and the body that it counts, not yet copied together. Made for each message, hence only two fields. */
class LengthPrefixed implements ByteSource {
  private readonly format: LengthFormat;
  private readonly body: OutboundBytes;

  constructor(format: LengthFormat, body: OutboundBytes) {
    this.format = format;
    this.body = body;
  }

  get byteLength(): number {
    return byteLengthOf(this.body) + this.format.width;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { body } = this;
    const { width, extra, isLittle } = this.format;
    writeLength(target, offset, width, isLittle, byteLengthOf(body) + extra);
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
  declare readonly types: Types<{ accepts: OutboundBytes; writes: OutboundBytes }>;
  readonly sharable = true;
  private readonly format: LengthFormat;

  constructor(options: LengthFieldPrependerOptions) {
    const { lengthFieldLength: width, maxBodyLength, ...given } = OPTIONS.resolve(options);
    const extra = given.lengthAdjustment + (given.lengthIncludesLengthFieldLength ? width : 0);
    this.format = LengthFormat.of(width, extra, given.byteOrder === 'little', maxBodyLength);
  }

  write(ctx: Context, message: unknown): WriteFuture {
    if (!isOutboundBytes(message)) return ctx.write(message);
    const { key, prepend, prependForMany } = this.format;
    return ctx.write(encodeOnce(key, message, prepend, prependForMany));
  }
}
