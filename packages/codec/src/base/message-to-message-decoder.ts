import type { MessageKinds, Types } from '@headrace/core';
import {
  MESSAGE_DECODER_OPTIONS,
  MessageDecoding,
  type MessageToMessageDecoderOptions,
} from './message-decoding.ts';
import type { OwnOptions } from './own-options.ts';

/**
 * Turns inbound messages into messages of another type. A subclass has one method, `decode`.
 *
 * ```text
 *  wire | frame | [message decoder] | app
 * ```
 *
 * **Place** after the handler that makes the messages that it takes.
 * **In** messages for which `accepts` returns true; others are refused, or with `otherMessages: 'pass-on'` pass on.
 * **Out** what `decode` returns; nothing for `undefined`, all in order for `several(…)`.
 * **Events** all pass. With `autoRead` off, a read that gave no message asks for another. A hold on the channel's
 * reads stops it after the message during which it came, also within `several(…)`; once the channel discards its
 * input, the rest is dropped.
 * **Errors** `HR_ERR_MESSAGE_UNREADABLE` for a message that it does not accept; a `DecodeError` that `decode` throws is kept, anything else becomes `HR_ERR_DECODER_FAILED`;
 * `frameErrorPolicy` decides what happens then.
 * **State** whether it has failed: one decoder for each channel.
 * **Cost** one call.
 * **Pitfalls** messages that arrive after a fatal error are dropped.
 *
 * @see Netty's `MessageToMessageDecoder`
 */
export abstract class MessageToMessageDecoder<I, O> extends MessageDecoding<I, O> {
  declare readonly types: Types<{ reads: I; passesOn: O }>;

  /**
   * @param kinds - what the decoder takes and makes, for errors and for the order of a template
   * @param own - the description of the subclass's options, if it has some of its own: other names are refused
   */
  constructor(
    options: MessageToMessageDecoderOptions = {},
    kinds: MessageKinds = {},
    own: OwnOptions = MESSAGE_DECODER_OPTIONS,
  ) {
    super(options, kinds, own);
  }
}
