import { EncodeError } from '@headrace/core';
import {
  describeOptions,
  flag,
  type Resolved,
  rememberMethods,
  whole,
} from '@headrace/core/authoring';
import { OTHER_MESSAGES, type OtherMessagesOptions } from '../base/other-messages.ts';
import { BodyPrepender, LengthHeader } from './body-prepender.ts';
import {
  BYTE_ORDER,
  type ByteOrder,
  type LengthFieldWidth,
  lengthLimit,
  WIDTH,
  writeLength,
} from './length-field.ts';

/** Options of {@link LengthFieldPrepender}. */
export interface LengthFieldPrependerOptions extends OtherMessagesOptions {
  /** Width of the length field in bytes: 1, 2, 3, 4 or 8. */
  readonly lengthFieldLength: LengthFieldWidth;
  /** Number, positive or negative, that is added to the written length. @default 0 */
  readonly lengthAdjustment?: number;
  /** Whether the length also counts the length field itself. @default false */
  readonly lengthIncludesLengthFieldLength?: boolean;
  /** Byte order of the length field. @default 'big' */
  readonly byteOrder?: ByteOrder;
  /**
   * Maximum length of a body, in bytes. Use the same limit as the peer's decoder.
   * @default the largest length that fits the field
   */
  readonly maxBodyLength?: number;
}

const INT_MAX = 2 ** 31;
const OPTIONS = describeOptions('LengthFieldPrepender', {
  lengthFieldLength: WIDTH,
  lengthAdjustment: whole({ min: -INT_MAX, max: INT_MAX, default: 0 }),
  lengthIncludesLengthFieldLength: flag({ default: false }),
  byteOrder: BYTE_ORDER,
  maxBodyLength: whole({ default: Infinity }),
  otherMessages: OTHER_MESSAGES,
});

type Settings = Resolved<LengthFieldPrependerOptions, typeof OPTIONS.kinds>;

/**
 * Writes lengths, and refuses bodies whose length does not fit. A server makes the same prepender for each of its connections,
 * and prependers with equal options share one header.
 */
class LengthFieldHeader extends LengthHeader {
  private static last: LengthFieldHeader | undefined = undefined;
  private static lastGiven: Settings | undefined = undefined;

  private readonly width: LengthFieldWidth;
  /** Added to the length of the body to get the field's value. */
  private readonly extra: number;
  private readonly isLittle: boolean;

  private constructor({ lengthFieldLength: width, maxBodyLength, ...given }: Settings) {
    const extra = given.lengthAdjustment + (given.lengthIncludesLengthFieldLength ? width : 0);
    const key = `LengthFieldPrepender:${width}:${extra}:${given.byteOrder}:${maxBodyLength}`;
    super(key, Math.min(maxBodyLength, lengthLimit(width) - 1 - extra), -extra);
    this.width = width;
    this.extra = extra;
    this.isLittle = given.byteOrder === 'little';
  }

  /** Returns the header for these options. If the options did not change, the last header is returned again. */
  static of(given: Settings): LengthFieldHeader {
    if (LengthFieldHeader.lastGiven !== given) {
      LengthFieldHeader.last = new LengthFieldHeader(given);
      LengthFieldHeader.lastGiven = given;
    }
    return LengthFieldHeader.last!;
  }

  override sizeOf(): number {
    return this.width;
  }

  override write(target: Uint8Array, offset: number, bodyBytes: number): number {
    const { width, extra, isLittle } = this;
    writeLength(target, offset, width, isLittle, bodyBytes + extra);
    return offset + width;
  }

  protected override refuse(bytes: number): EncodeError {
    const { width, extra } = this;
    const length = bytes + extra;
    const details = { bytes, length, lengthFieldLength: width };
    if (length < 0) {
      const text = `a body of ${bytes} bytes would get the negative length ${length}`;
      return new EncodeError('MESSAGE_NOT_ENCODABLE', text, details);
    }
    if (length < lengthLimit(width)) return super.refuse(bytes);
    const text = `a body of ${bytes} bytes is too long: its length ${length} does not fit a field of ${width} bytes`;
    return new EncodeError('MESSAGE_TOO_LONG', text, details);
  }
}

/**
 * Writes the length of each message before it.
 *
 * ```text
 * lengthFieldLength: 2
 *  BEFORE "HELLO, WORLD"  →  AFTER 00 0c "HELLO, WORLD"
 * lengthFieldLength: 2, lengthIncludesLengthFieldLength: true
 *  BEFORE "HELLO, WORLD"  →  AFTER 00 0e "HELLO, WORLD"
 * ```
 *
 * - **Place** Next to its decoder, before the handlers that write bytes.
 * - **In** Outbound `Buffer`, any `Uint8Array`, or a `ByteSource`. Other messages are refused (`otherMessages`).
 * - **Out** A `ByteSource` of the length and the body, which is not copied. For a group's broadcast, one `Buffer` for all
 *   members.
 * - **Errors** `HR_ERR_MESSAGE_TOO_LONG` if the length exceeds its field or the limit. `HR_ERR_MESSAGE_NOT_ENCODABLE` if the
 *   length would be negative. Both errors fail the write.
 * - **State** None. One instance can serve all channels.
 * - **Cost** One small object for each message.
 * - **Pitfalls** The peer's decoder must use the same adjustment, and must know which bytes the length counts.
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
export class LengthFieldPrepender extends BodyPrepender {
  constructor(options: LengthFieldPrependerOptions) {
    const given = OPTIONS.resolve(options);
    super(LengthFieldHeader.of(given), given.otherMessages);
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(LengthFieldPrepender);
