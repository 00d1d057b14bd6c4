import {
  parseJson,
  SCHEMA_CODEC_OPTIONS,
  SchemaCodec,
  type SchemaCodecOptions,
  textOfJson,
} from '@headrace/codec';
import type { Context, MessageKinds } from '@headrace/core';
import { describeOptions, flag } from '@headrace/core/authoring';
import { isControlMessage } from './control-message.ts';
import { notText, TextMessage, type WebSocketInput } from './text-message.ts';

/** Options of {@link WebSocketJsonCodec}. */
export interface WebSocketJsonCodecOptions<Read = unknown, Written = Read>
  extends SchemaCodecOptions<Read, Written> {
  /**
   * Whether binary messages are also read as JSON, for peers that send no text messages. Written messages are always text.
   * @default false
   */
  readonly readBinary?: boolean;
}

const OWN = { readBinary: flag({ default: false }) };
const OPTIONS = describeOptions('WebSocketJsonCodec', OWN, SCHEMA_CODEC_OPTIONS);
const KINDS: MessageKinds = { reads: 'text', passesOn: 'values', accepts: 'values' };

/**
 * The `JsonCodec` for WebSockets: converts between JSON text messages and values. With a schema, inbound values have the schema's
 * type, and other input is refused.
 *
 * ```text
 *  websocket | heartbeat | [WebSocketJsonCodec] | auth | app
 *  BEFORE '{"a":1}'  →  AFTER { a: 1 }
 * ```
 *
 * - **Place** First in the pipeline of a WebSocket, or after its heartbeat.
 * - **In** Inbound `string` for a text message, `Buffer` for a binary one; outbound any value except bytes. Pings and pongs that
 *   reach the codec are dropped.
 * - **Out** Inbound the schema's output; outbound `TextMessage`.
 * - **Events** Passes all events on.
 * - **Errors** As `JsonCodec`. `FRAME_TOO_LONG`: the counted size of a message exceeds `maxMessageBytes`. `MESSAGE_INVALID`: a
 *   value is not JSON or does not fit the schema, or a message is binary without `readBinary`. `DECODER_FAILED`: the schema
 *   throws or is asynchronous. `MESSAGE_NOT_ENCODABLE` and `ENCODER_FAILED` fail the write. An unhandled inbound error closes the
 *   WebSocket with 1009 or 1003, and `DECODER_FAILED` with 1011.
 * - **State** Whether the codec has failed. Use one codec for each channel.
 * - **Cost** `JSON.parse` and the schema; a broadcast to a group is encoded and framed once.
 * - **Pitfalls** Without a schema, a message can have any content, including a `__proto__` key. Schemas must be synchronous.
 *   Outbound messages are not validated. With `otherMessages: 'pass-on'` binary messages pass unchanged in both directions,
 *   beside the JSON. The WebSocket's own `maxMessageBytes` limits only the bytes.
 *
 * @typeParam Read - type that the application reads: the schema's output
 * @typeParam Written - type that the application writes: the schema's input, unless another type is given
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { type TextMessage, WebSocketJsonCodec } from '@headrace/websocket';
 *
 * const channel = new EmbeddedChannel(new WebSocketJsonCodec<{ id: number }>());
 * channel.writeInbound('{"id":7}');
 * channel.writeOutbound({ id: 8 });
 * console.log(channel.readInbound(), String(channel.readOutbound<TextMessage>()?.bytes));
 * // prints { id: 7 } {"id":8}
 * ```
 * @see `JsonCodec` of `@headrace/codec`, for frames of bytes; https://standardschema.dev
 */
export class WebSocketJsonCodec<Read = unknown, Written = Read> extends SchemaCodec<
  Read,
  Written,
  WebSocketInput,
  TextMessage
> {
  private readonly options: WebSocketJsonCodecOptions<Read, Written>;
  private readonly readsBinary: boolean;

  constructor(options: WebSocketJsonCodecOptions<Read, Written> = {}) {
    super(options, 'WebSocketJsonCodec', OPTIONS, KINDS);
    this.options = options;
    this.readsBinary = OPTIONS.resolve(options).readBinary;
  }

  /** Returns a codec with the same options for another channel, so that an instance can stand in a `pipeline()`. */
  fresh(): WebSocketJsonCodec<Read, Written> {
    return new WebSocketJsonCodec(this.options);
  }

  override channelRead(ctx: Context, message: unknown): void {
    if (!isControlMessage(message)) super.channelRead(ctx, message);
  }

  /**
   * Returns true for messages that the codec handles. Without `readBinary`, a binary message is an error of the peer, unless
   * other messages are passed on.
   */
  override accepts(message: unknown): boolean {
    if (typeof message === 'string') return true;
    const passesOthers = this.messageKinds === undefined;
    return (this.readsBinary || !passesOthers) && message instanceof Uint8Array;
  }

  override encodes(message: unknown): boolean {
    const isFrame = message instanceof TextMessage || isControlMessage(message);
    return !isFrame && super.encodes(message);
  }

  protected override parse(message: WebSocketInput): unknown {
    if (typeof message !== 'string' && !this.readsBinary) throw notText(message);
    return parseJson(message, this.maxMessageBytes);
  }

  override encode(message: Written): TextMessage {
    return new TextMessage(textOfJson(message));
  }
}
