import type { Context, Handler, MessageKinds, Types, WriteFuture } from '@headrace/core';
import { MessageDecoding, type MessageToMessageDecoderOptions } from './message-decoding.ts';
import { MessageEncoding } from './message-to-message-encoder.ts';
import { isOf } from './other-messages.ts';
import type { OwnOptions } from './own-options.ts';
import type { Several } from './several.ts';

/**
 * Turns messages into messages of another type, in both directions. Combines {@link MessageToMessageDecoder} and
 * {@link MessageToMessageEncoder} in one handler.
 *
 * ```text
 *  wire | frame | [codec] | app      W on the left, M on the right
 * ```
 *
 * - **Place** Between the two handlers whose messages it translates.
 * - **In** Inbound messages for which `accepts` returns true, and outbound messages for which `encodes` returns true. Other
 *   messages are refused, or pass on if `otherMessages` is `'pass-on'`.
 * - **Out** The results of `decode` and `encode`.
 * - **Events** All pass.
 * - **Errors** The errors of both classes.
 * - **State** Whether decoding has failed. Each channel needs its own codec.
 * - **Cost** One call for each message.
 * - **Pitfalls** Messages that arrive after a fatal error are dropped.
 *
 * @typeParam W - the type of the messages on the side of the wire
 * @typeParam M - the type of the messages on the side of the application
 * @typeParam WOut - the type that is written to the wire, if it differs from the type that is read
 * @typeParam MIn - the type that the application writes, if it differs from the type that the application reads
 * @see Netty's `MessageToMessageCodec`
 */
export abstract class MessageToMessageCodec<W, M, WOut = W, MIn = M>
  extends MessageDecoding<W, M>
  implements Handler
{
  declare readonly types: Types<{ reads: W; passesOn: M; accepts: MIn; writes: WOut }>;
  private readonly broadcastKey: string | undefined;
  /** Made at the first use, because many codecs work in one direction only. */
  private outbound: MessageEncoding<MIn, WOut> | undefined = undefined;

  /**
   * @param broadcastKey - a key that identifies all settings on which the result of `encode` depends, in addition to the message;
   *   with a key, a broadcast to a group encodes once for all members with the same key
   * @param kinds - the kinds of messages that the codec accepts and makes, for errors and for the order of a template
   * @param own - the description of the subclass's options, with those of its base; other names are refused
   */
  constructor(
    options: MessageToMessageDecoderOptions = {},
    broadcastKey?: string,
    kinds: MessageKinds = {},
    own?: OwnOptions,
  ) {
    super(options, kinds, own);
    this.broadcastKey = broadcastKey;
  }

  /**
   * Returns true if `encode` accepts this outbound message. `otherMessages` decides about other messages.
   * @default messages of the codec's own kind
   */
  encodes(message: unknown): boolean {
    return isOf(this.ownKinds.accepts, message);
  }

  /** Makes a message for the wire from a written message. An error that `encode` throws fails the write. */
  abstract encode(message: MIn): WOut | Several<WOut>;

  write(ctx: Context, message: unknown): WriteFuture {
    this.outbound ??= new MessageEncoding(this, this.broadcastKey);
    return this.outbound.write(ctx, message);
  }
}
