import type { MessageKinds, Types } from '@headrace/core';
import { MessageDecoding, type MessageToMessageDecoderOptions } from './message-decoding.ts';
import type { OwnOptions } from './own-options.ts';

/**
 * Turns inbound messages into messages of another type. A subclass has one method, `decode`.
 *
 * ```text
 *  wire | frame | [message decoder] | app
 * ```
 *
 * - **Place** After the handler that makes the messages that the decoder accepts.
 * - **In** Messages for which `accepts` returns true. Other messages are refused, or pass on if `otherMessages` is `'pass-on'`.
 * - **Out** The result of `decode`: no message for `undefined`, and all messages in order for `several(…)`.
 * - **Events** All pass. With `autoRead` off, the decoder requests another read if a read gave no message. If a handler holds the
 *   channel's reads during a message, decoding stops after that message, also within `several(…)`. When the channel discards its
 *   input, the rest is dropped.
 * - **Errors** `HR_ERR_MESSAGE_UNREADABLE` for a message that the decoder does not accept. A `DecodeError` that `decode` throws
 *   is kept. Any other error becomes `HR_ERR_DECODER_FAILED`. `frameErrorPolicy` decides about the reaction.
 * - **State** Whether decoding has failed. Each channel needs its own decoder.
 * - **Cost** One call for each message.
 * - **Pitfalls** Messages that arrive after a fatal error are dropped.
 *
 * @see Netty's `MessageToMessageDecoder`
 */
export abstract class MessageToMessageDecoder<I, O> extends MessageDecoding<I, O> {
  declare readonly types: Types<{ reads: I; passesOn: O }>;

  /**
   * @param kinds - the kinds of messages that the decoder reads and passes on, for errors and for the order of a template
   * @param own - the description of the subclass's options, with those of its base; other names are refused
   */
  constructor(
    options: MessageToMessageDecoderOptions = {},
    kinds: MessageKinds = {},
    own?: OwnOptions,
  ) {
    super(options, kinds, own);
  }
}
