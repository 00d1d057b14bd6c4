import type { OutboundBytes } from '@headrace/core';
import { describeOptions, rememberMethods } from '@headrace/core/authoring';
import {
  MESSAGE_ENCODER_OPTIONS,
  MessageToMessageEncoder,
} from '../base/message-to-message-encoder.ts';
import type { OtherMessagesOptions } from '../base/other-messages.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { textBytes } from '../text/text-bytes.ts';
import { DELIMITER } from '../text/text-message.ts';
import { jsonKey, textOfJson } from './json-message.ts';

/** Options of {@link JsonEncoder}. */
export interface JsonEncoderOptions extends OtherMessagesOptions {
  /** Text that is written after each message, for example `'\n'` for JSON lines. @default '' */
  readonly delimiter?: string;
}

const OPTIONS = describeOptions('JsonEncoder', { delimiter: DELIMITER }, MESSAGE_ENCODER_OPTIONS);
/**
 * Turns written values into JSON, and does not change inbound messages. Use this encoder if the answers of a protocol have
 * another form than its requests. {@link JsonCodec} works in both directions.
 *
 * ```text
 *  wire | frame | [JsonEncoder] | app
 *  BEFORE { a: 1 }  →  AFTER 7b 22 61 22 3a 31 7d
 * ```
 *
 * - **Place** After the handler that frames the bytes, and before the handlers that write values.
 * - **In** Outbound any value except bytes, which are refused (`otherMessages`).
 * - **Out** A `ByteSource`, which is encoded where it is sent. For a group's broadcast, one `Buffer` for all members.
 * - **Events** All pass.
 * - **Errors** A write fails with `HR_ERR_MESSAGE_NOT_ENCODABLE` (a function) or `HR_ERR_ENCODER_FAILED` (a cycle, a bigint).
 * - **State** None. The encoder is sharable.
 * - **Cost** `JSON.stringify`. A broadcast to a group is encoded once.
 * - **Pitfalls** The encoder accepts strings, too. Place a {@link StringEncoder} for other texts after this encoder, toward the
 *   tail, and set `otherMessages: 'pass-on'` on both.
 *
 * @typeParam Written - the type that the application writes
 *
 * @example
 * ```ts run
 * import { JsonEncoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new JsonEncoder({ delimiter: '\n' }));
 * channel.writeOutbound({ a: 1 });
 * console.log(String(channel.readOutbound()).trim()); // prints {"a":1}
 * ```
 */
export class JsonEncoder<Written = unknown> extends MessageToMessageEncoder<
  Written,
  OutboundBytes
> {
  override readonly sharable = true;
  protected override readonly broadcastKey: string;
  private readonly delimiter: string;

  constructor(options: JsonEncoderOptions = {}) {
    const { delimiter } = OPTIONS.resolve(options);
    super(options, BYTES_AND_VALUES, OPTIONS);
    this.delimiter = delimiter;
    this.broadcastKey = jsonKey(this.delimiter);
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  override encode(message: Written): OutboundBytes {
    return textBytes(textOfJson(message, this.delimiter));
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(JsonEncoder);
