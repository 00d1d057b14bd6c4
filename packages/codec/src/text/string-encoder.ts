import type { OutboundBytes } from '@headrace/core';
import { describeOptions, rememberMethods } from '@headrace/core/authoring';
import {
  MESSAGE_ENCODER_OPTIONS,
  MessageToMessageEncoder,
} from '../base/message-to-message-encoder.ts';
import type { OtherMessagesOptions } from '../base/other-messages.ts';
import { BYTES_AND_TEXT } from '../base/usual-kinds.ts';
import { DELIMITER, encodeText, textKey } from './text-message.ts';

/** Options of {@link StringEncoder}. */
export interface StringEncoderOptions extends OtherMessagesOptions {
  /** Text that is written after each text, and that no text contains: `'\n'` for lines. @default '' */
  readonly delimiter?: string;
}

const OPTIONS = describeOptions('StringEncoder', { delimiter: DELIMITER }, MESSAGE_ENCODER_OPTIONS);
/**
 * Turns written strings into bytes, as UTF-8, and does not change inbound messages. Use this encoder if the answers of a protocol
 * have another form than its requests. {@link StringCodec} works in both directions.
 *
 * ```text
 *  wire | frame | [StringEncoder] | app
 *  BEFORE "hé"  →  AFTER 68 c3 a9
 * ```
 *
 * - **Place** After the handler that frames the bytes, and before the handlers that write texts.
 * - **In** Outbound `string`. Other messages are refused (`otherMessages`).
 * - **Out** A `ByteSource`, which is encoded where it is sent. For a group's broadcast, one `Buffer` for all members.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_MESSAGE_NOT_ENCODABLE` for a value that is not a string, for half of a surrogate pair, for a text that
 *   contains the `delimiter`, and for a CR or LF in a text whose `delimiter` is a line end. The error fails the write.
 * - **State** None. The encoder is sharable.
 * - **Cost** One small object for each text. A broadcast to a group is encoded once.
 * - **Pitfalls** Without a `delimiter`, the texts need frames.
 *
 * @example
 * ```ts run
 * import { StringEncoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new StringEncoder({ delimiter: '\n' }));
 * channel.writeOutbound('hé');
 * console.log(channel.readOutbound<Buffer>()?.toString('hex')); // prints 68c3a90a
 * ```
 * @see Netty's `StringEncoder`
 */
export class StringEncoder extends MessageToMessageEncoder<string, OutboundBytes> {
  override readonly sharable = true;
  protected override readonly broadcastKey: string;
  private readonly delimiter: string;

  constructor(options: StringEncoderOptions = {}) {
    const { delimiter } = OPTIONS.resolve(options);
    super(options, BYTES_AND_TEXT, OPTIONS);
    this.delimiter = delimiter;
    this.broadcastKey = textKey(this.delimiter);
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  override encode(text: string): OutboundBytes {
    return encodeText(text, this.delimiter);
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(StringEncoder);
