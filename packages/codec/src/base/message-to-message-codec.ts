import type { Context, Handler, MessageKinds, Types, WriteFuture } from '@headrace/core';
import {
  MESSAGE_DECODER_OPTIONS,
  MessageDecoding,
  type MessageToMessageDecoderOptions,
} from './message-decoding.ts';
import { MessageEncoding } from './message-to-message-encoder.ts';
import { isOf } from './other-messages.ts';
import type { OwnOptions } from './own-options.ts';
import type { Several } from './several.ts';

/**
 * Turns messages into messages of another type, both ways: {@link MessageToMessageDecoder} and
 * {@link MessageToMessageEncoder} in one handler.
 *
 * ```text
 *  wire | frame | [codec] | app      W on the left, M on the right
 * ```
 *
 * **Place** between the two that it translates between.
 * **In** inbound messages for which `accepts` returns true, outbound those for which `encodes` does; others are
 * refused, or with `otherMessages: 'pass-on'` pass on.
 * **Out** what `decode` and `encode` return.
 * **Events** all pass.
 * **Errors** as the two classes.
 * **State** whether decoding has failed: one codec for each channel.
 * **Cost** one call.
 * **Pitfalls** messages that arrive after a fatal error are dropped.
 *
 * @typeParam W - what the wire's side has
 * @typeParam M - what the application's side has
 * @typeParam WOut - what is written to the wire, if that differs from what is read
 * @typeParam MIn - what the application writes, if that differs from what it reads
 * @see Netty's `MessageToMessageCodec`
 */
export abstract class MessageToMessageCodec<W, M, WOut = W, MIn = M>
  extends MessageDecoding<W, M>
  implements Handler
{
  declare readonly types: Types<{ reads: W; passesOn: M; accepts: MIn; writes: WOut }>;
  private readonly broadcastKey: string | undefined;
  /** Made when it is first used: many codecs are used in one direction only. */
  private outbound: MessageEncoding<MIn, WOut> | undefined = undefined;

  /**
   * @param broadcastKey - set it where the result of `encode` depends only on the message and on this key:
   *   then a group's broadcast encodes once for all members
   * @param kinds - what the codec takes and makes, for errors and for the order of a template
   * @param own - the description of the subclass's options, if it has some of its own: other names are refused
   */
  constructor(
    options: MessageToMessageDecoderOptions = {},
    broadcastKey?: string,
    kinds: MessageKinds = {},
    own: OwnOptions = MESSAGE_DECODER_OPTIONS,
  ) {
    super(options, kinds, own);
    this.broadcastKey = broadcastKey;
  }

  /** Whether `encode` takes this outbound message; `otherMessages` decides on the others. @default those of its kind */
  encodes(message: unknown): boolean {
    return isOf(this.ownKinds.accepts, message);
  }

  /** Makes of a written message what goes to the wire; a throw fails the write. */
  abstract encode(message: MIn): WOut | Several<WOut>;

  write(ctx: Context, message: unknown): WriteFuture {
    this.outbound ??= new MessageEncoding(this, this.broadcastKey);
    return this.outbound.write(ctx, message);
  }
}
