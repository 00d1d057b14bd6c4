import {
  type Context,
  EncodeError,
  type Handler,
  HeadraceError,
  type MessageKinds,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import { describeOptions, encodeOnce, textOf, writeTogether } from '@headrace/core/authoring';
import { isOf, OTHER_MESSAGES, type OtherMessagesOptions, unwritable } from './other-messages.ts';
import type { OwnOptions } from './own-options.ts';
import { Several } from './several.ts';

/** Options of every message encoder, for subclasses to extend. */
export const MESSAGE_ENCODER_OPTIONS = describeOptions('MessageToMessageEncoder', {
  otherMessages: OTHER_MESSAGES,
});

/**
 * Turns outbound messages into messages of another type. A subclass has one method, `encode`.
 *
 * ```text
 *  wire | frame | [message encoder] | app
 * ```
 *
 * - **Place** Before the handler that writes the messages that the encoder accepts.
 * - **In** Outbound messages for which `encodes` returns true. Other messages are refused, or pass on if `otherMessages` is
 *   `'pass-on'`.
 * - **Out** The result of `encode`. For `several(…)`, all messages are written in order, and the write is done when all parts are
 *   done.
 * - **Events** All pass.
 * - **Errors** A `HeadraceError` that `encode` throws is kept. Any other error becomes `HR_ERR_ENCODER_FAILED`.
 *   `HR_ERR_MESSAGE_NOT_ENCODABLE` if `encode` makes no message, and for a message that is refused. Each error fails the write.
 * - **State** No state of its own. A subclass without state sets `readonly sharable = true`.
 * - **Cost** One call for each message. With a {@link MessageToMessageEncoder.broadcastKey}, one call for a whole broadcast.
 * - **Pitfalls** If one of several parts fails, the other parts are still written.
 *
 * @see Netty's `MessageToMessageEncoder`
 */
export abstract class MessageToMessageEncoder<I, O> implements Handler {
  declare readonly types: Types<{ accepts: I; writes: O }>;
  readonly sharable?: boolean;
  /** The kinds of messages that the encoder accepts and makes, or `undefined` if it passes other messages on. */
  readonly messageKinds: MessageKinds | undefined;
  private readonly kinds: MessageKinds;
  /**
   * Key that identifies all settings on which the result of `encode` depends, in addition to the message. With a key, a broadcast
   * to a group encodes once for all members with the same key.
   */
  protected readonly broadcastKey: string | undefined = undefined;
  private outbound: MessageEncoding<I, O> | undefined = undefined;

  /**
   * @param kinds - the kinds of messages that the encoder accepts and writes, for errors and for the order of a template
   * @param own - the description of the subclass's options, with those of its base; other names are refused
   */
  constructor(
    options: OtherMessagesOptions = {},
    kinds: MessageKinds = {},
    own: OwnOptions = MESSAGE_ENCODER_OPTIONS,
  ) {
    own.checkNames(options, new.target.name);
    const { otherMessages } = MESSAGE_ENCODER_OPTIONS.part(options);
    this.kinds = kinds;
    this.messageKinds = otherMessages === 'refuse' ? kinds : undefined;
  }

  /**
   * Returns true if `encode` accepts this message. `otherMessages` decides about other messages.
   * @default messages of the encoder's own kind
   */
  encodes(message: unknown): boolean {
    return isOf(this.kinds.accepts, message);
  }

  /** Makes a message of another type, or `several(…)`. */
  abstract encode(message: I): O | Several<O>;

  write(ctx: Context, message: unknown): WriteFuture {
    this.outbound ??= new MessageEncoding(this, this.broadcastKey);
    return this.outbound.write(ctx, message);
  }
}

export interface MessageEncodes<I, O> {
  readonly messageKinds: MessageKinds | undefined;
  encodes(message: unknown): boolean;
  encode(message: I): O | Several<O>;
}

/** The outbound half of message encoders and codecs. */
export class MessageEncoding<I, O> {
  private readonly encoder: MessageEncodes<I, O>;
  private readonly key: string | undefined;
  private readonly encode: (message: I) => O | Several<O>;

  constructor(encoder: MessageEncodes<I, O>, key: string | undefined) {
    this.encoder = encoder;
    this.key = key;
    this.encode = (message) => encoder.encode(message);
  }

  write(ctx: Context, message: unknown): WriteFuture {
    const { encoder } = this;
    if (!encoder.encodes(message)) {
      if (encoder.messageKinds === undefined) return ctx.write(message);
      throw unwritable(ctx, message);
    }
    const encoded = this.encodeOrThrow(message as I);
    if (encoded === undefined || encoded === null) throw madeNothing(encoder);
    if (!(encoded instanceof Several)) return ctx.write(encoded);
    if (encoded.messages.length === 0) throw madeNothing(encoder);
    return writeTogether(ctx, encoded.messages);
  }

  private encodeOrThrow(message: I): O | Several<O> {
    try {
      return this.key === undefined
        ? this.encoder.encode(message)
        : encodeOnce(this.key, message, this.encode);
    } catch (thrown) {
      throw encodeErrorOf(this.encoder.constructor.name, thrown);
    }
  }
}

function madeNothing(encoder: object): EncodeError {
  const text = `${encoder.constructor.name}.encode made nothing of a message`;
  return new EncodeError('MESSAGE_NOT_ENCODABLE', text);
}

/** Returns the error for a write whose encoder threw: a `HeadraceError` as it is, any other error as `ENCODER_FAILED`. */
export function encodeErrorOf(type: string, thrown: unknown): HeadraceError {
  if (thrown instanceof HeadraceError) return thrown;
  return new EncodeError('ENCODER_FAILED', `${type}.encode threw: ${textOf(thrown)}`, {}, thrown);
}
