import { rememberMethods } from '@headrace/core/authoring';
import {
  BODY_PREPENDER_OPTIONS,
  BodyPrepender,
  type BodyPrependerOptions,
  LengthHeader,
} from './body-prepender.ts';

/** Options of {@link VarintPrepender}. */
export type VarintPrependerOptions = BodyPrependerOptions;

class VarintHeader extends LengthHeader {
  override sizeOf(bodyBytes: number): number {
    if (bodyBytes < 1 << 7) return 1;
    if (bodyBytes < 1 << 14) return 2;
    if (bodyBytes < 1 << 21) return 3;
    return bodyBytes < 1 << 28 ? 4 : 5;
  }

  override write(target: Uint8Array, offset: number, bodyBytes: number): number {
    return writeVarint(target, offset, bodyBytes);
  }
}

/** Writes a varint with seven bits in each byte, the lowest bits first. Returns the offset after the varint. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80;
  target[at++] = rest;
  return at;
}

/**
 * Writes the length of each message before it, as a varint.
 *
 * ```text
 *  BEFORE 300 bytes   →  AFTER ac 02 and the 300 bytes
 * ```
 *
 * - **Place** Next to {@link VarintFrameDecoder}.
 * - **In** Outbound `Buffer`, any `Uint8Array`, or a `ByteSource`. Other messages are refused (`otherMessages`).
 * - **Out** A `ByteSource` of the length and the body, which is not copied. For a group's broadcast, one `Buffer` for all
 *   members.
 * - **Errors** `HR_ERR_MESSAGE_TOO_LONG` for a body over the limit. The error fails the write.
 * - **State** None. One instance can serve all channels.
 * - **Cost** One small object for each message.
 * - **Pitfalls** None.
 *
 * @example
 * ```ts run
 * import { VarintPrepender } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new VarintPrepender());
 * channel.writeOutbound(Buffer.from('hi'));
 * console.log(channel.readOutbound<Buffer>()?.toString('hex')); // prints 026869
 * ```
 * @see Netty's `ProtobufVarint32LengthFieldPrepender`
 */
export class VarintPrepender extends BodyPrepender {
  constructor(options: VarintPrependerOptions = {}) {
    const { maxBodyLength, otherMessages } = BODY_PREPENDER_OPTIONS.resolve(
      options,
      'VarintPrepender',
    );
    super(new VarintHeader(`VarintPrepender:${maxBodyLength}`, maxBodyLength), otherMessages);
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(VarintPrepender);
