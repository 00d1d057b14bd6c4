import type { OutboundBytes } from '@headrace/core';
import { describeOptions } from '@headrace/core/authoring';
import {
  MESSAGE_ENCODER_OPTIONS,
  MessageToMessageEncoder,
} from '../base/message-to-message-encoder.ts';
import type { OtherMessagesOptions } from '../base/other-messages.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { DELIMITER } from '../text/text-message.ts';
import { encodeJson, jsonKey } from './json-message.ts';

/** Options of {@link JsonEncoder}. */
export interface JsonEncoderOptions extends OtherMessagesOptions {
  /** Written after each message, such as `'\n'` for JSON lines. @default '' */
  readonly delimiter?: string;
}

const OPTIONS = describeOptions('JsonEncoder', { delimiter: DELIMITER }, MESSAGE_ENCODER_OPTIONS);
/**
 * Turns written values into JSON, and leaves what comes in alone: for a protocol that is asked in another form
 * than it answers in. Both ways at once is {@link JsonCodec}.
 *
 * ```text
 *  wire | frame | [JsonEncoder] | app
 *  BEFORE { a: 1 }  →  AFTER 7b 22 61 22 3a 31 7d
 * ```
 *
 * **Place** before what writes values, after what puts frames around them.
 * **In** outbound any value but bytes, which are refused (`otherMessages`).
 * **Out** `Buffer`.
 * **Events** all pass.
 * **Errors** `HR_ERR_MESSAGE_NOT_ENCODABLE` and `HR_ERR_ENCODER_FAILED` fail the write (a function, a cycle, a
 * bigint).
 * **State** none: sharable.
 * **Cost** `JSON.stringify`; a broadcast to a group is encoded once.
 * **Pitfalls** it takes strings, too: a {@link StringEncoder} for other texts belongs after it, towards the tail, and
 * both then have `otherMessages: 'pass-on'`.
 *
 * @typeParam Written - what the application writes
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

  override encode(message: Written): OutboundBytes {
    return encodeJson(message, this.delimiter);
  }
}
