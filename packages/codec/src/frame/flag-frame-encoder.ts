import { Buffer } from 'node:buffer';
import { EncodeError, type MessageLimits, type OutboundBytes } from '@headrace/core';
import { byteLengthOf, describeOptions, rememberMethods, whole } from '@headrace/core/authoring';
import {
  MESSAGE_ENCODER_OPTIONS,
  MessageToMessageEncoder,
} from '../base/message-to-message-encoder.ts';
import type { OtherMessagesOptions } from '../base/other-messages.ts';
import { BYTES_AND_BYTES } from '../base/usual-kinds.ts';
import { FLAG_FRAMING, type FlagFraming, NONE, Transposition } from './transposition.ts';

/** Options of {@link FlagFrameEncoder}. */
export interface FlagFrameEncoderOptions extends OtherMessagesOptions, FlagFraming {
  /**
   * Maximum length of a frame without its flags and escapes, in bytes. Use the same limit as the peer's decoder.
   * @default 2147483647
   */
  readonly maxFrameLength?: number;
}

const INT_MAX = 2 ** 31 - 1;
const OPTIONS = describeOptions(
  'FlagFrameEncoder',
  { ...FLAG_FRAMING, maxFrameLength: whole({ min: 1, max: INT_MAX, default: INT_MAX }) },
  MESSAGE_ENCODER_OPTIONS,
);

/**
 * Writes a flag before and after each message, and escapes the flags and escapes in it. HDLC, PPP, SLIP and JT/T 808 have such
 * frames.
 *
 * ```text
 *  BEFORE 01 7e 02   →  AFTER 7e 01 7d 5e 02 7e
 *                       transposition: [[0x7e, 0x02], [0x7d, 0x01]] → 7e 01 7d 02 02 7e
 * ```
 *
 * - **Place** Next to {@link FlagFrameDecoder}.
 * - **In** Outbound `Buffer`, any `Uint8Array`, or a `ByteSource`. Other messages are refused (`otherMessages`).
 * - **Out** One `Buffer` for each message. For a group's broadcast, one `Buffer` for all members.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_MESSAGE_TOO_LONG` for a message over the limit. `HR_ERR_MESSAGE_NOT_ENCODABLE` for an empty message, which the
 *   peer would not see. The error fails the write.
 * - **State** None. One instance can serve all channels.
 * - **Cost** Two passes over the bytes, and one copy.
 * - **Pitfalls** The encoder adds no checksum. Append the checksum in the handler that makes the message.
 *
 * @example
 * ```ts run
 * import { FlagFrameEncoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new FlagFrameEncoder());
 * channel.writeOutbound(Buffer.from('017e02', 'hex'));
 * console.log(channel.readOutbound<Buffer>()?.toString('hex')); // prints 7e017d5e027e
 * ```
 * @see RFC 1662, "PPP in HDLC-like Framing"
 */
export class FlagFrameEncoder extends MessageToMessageEncoder<OutboundBytes, OutboundBytes> {
  override readonly sharable = true;
  protected override readonly broadcastKey: string;
  private readonly maxFrameLength: number;
  private readonly transposition: Transposition;

  constructor(options: FlagFrameEncoderOptions = {}) {
    const { maxFrameLength, ...framing } = OPTIONS.resolve(options);
    super(options, BYTES_AND_BYTES, OPTIONS);
    this.maxFrameLength = maxFrameLength;
    this.transposition = Transposition.of(framing);
    this.broadcastKey = `FlagFrameEncoder:${this.transposition.key}:${maxFrameLength}`;
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  get messageLimits(): MessageLimits {
    return { outbound: this.maxFrameLength };
  }

  override encode(message: OutboundBytes): Buffer {
    const bytes = byteLengthOf(message);
    const { maxFrameLength } = this;
    if (bytes > maxFrameLength) {
      const text = `a frame of ${bytes} bytes is longer than maxFrameLength, ${maxFrameLength}`;
      throw new EncodeError('MESSAGE_TOO_LONG', text, { bytes, maxFrameLength });
    }
    if (bytes === 0) {
      throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'a message without bytes makes no frame');
    }
    if (message instanceof Uint8Array) return this.frameOf(message);
    const body = Buffer.allocUnsafe(bytes);
    message.writeTo(body, 0);
    return this.frameOf(body);
  }

  private frameOf(body: Uint8Array): Buffer {
    const { flag, escape: escapeByte, codes } = this.transposition;
    let length = body.length + 2;
    for (let at = 0; at < body.length; at++) if (codes[body[at]!] !== NONE) length += 1;
    const frame = Buffer.allocUnsafe(length);
    frame[0] = flag;
    let to = 1;
    for (let at = 0; at < body.length; at++) {
      const byte = body[at]!;
      const code = codes[byte]!;
      if (code === NONE) frame[to++] = byte;
      else {
        frame[to++] = escapeByte;
        frame[to++] = code;
      }
    }
    frame[to] = flag;
    return frame;
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(FlagFrameEncoder);
