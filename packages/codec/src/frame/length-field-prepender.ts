import { EncodeError } from '@headrace/core';
import { describeOptions, flag, type Resolved, whole } from '@headrace/core/authoring';
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
  /** How many bytes the length field has: 1, 2, 3, 4 or 8. */
  readonly lengthFieldLength: LengthFieldWidth;
  /** Bytes that are added to the length that is written; may be negative. @default 0 */
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
  otherMessages: OTHER_MESSAGES,
});

type Settings = Resolved<LengthFieldPrependerOptions, typeof OPTIONS.kinds>;

/**
 * How lengths are written and which bodies are refused. A server makes the same prepender for each of its
 * connections: prependers with equal options share one header.
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

  /** Equal options are resolved to the same object, one after the other. */
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
 * **In** outbound `Buffer`, any `Uint8Array`, or a `ByteSource`; anything else is refused (`otherMessages`).
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
export class LengthFieldPrepender extends BodyPrepender {
  constructor(options: LengthFieldPrependerOptions) {
    const given = OPTIONS.resolve(options);
    super(LengthFieldHeader.of(given), given.otherMessages);
  }
}
