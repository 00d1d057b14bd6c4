import {
  encodeJson,
  parseJson,
  SCHEMA_CODEC_OPTIONS,
  SchemaCodec,
  type SchemaCodecOptions,
} from '@headrace/codec';
import type { Context, MessageKinds } from '@headrace/core';
import { describeOptions, flag } from '@headrace/core/authoring';
import { isControlMessage } from './control-message.ts';
import { notText, TextMessage, type WebSocketInput } from './text-message.ts';

/** Options of {@link WebSocketJsonCodec}. */
export interface WebSocketJsonCodecOptions<Read, Written>
  extends SchemaCodecOptions<Read, Written> {
  /** Read binary messages as JSON, too, of peers that send no text. What is written is text in any case. @default false */
  readonly readBinary?: boolean;
}

const OWN = { readBinary: flag({ default: false }) };
const OPTIONS = describeOptions('WebSocketJsonCodec', OWN, SCHEMA_CODEC_OPTIONS);
const KINDS: MessageKinds = { reads: 'text', passesOn: 'values', accepts: 'values' };

/**
 * Turns text messages of JSON into values and values into text messages of JSON: `JsonCodec` for WebSockets. With a schema the
 * messages in the pipeline have the schema's type, and what does not fit is refused.
 *
 * ```text
 *  websocket | heartbeat | [WebSocketJsonCodec] | auth | app
 *  BEFORE '{"a":1}'  →  AFTER { a: 1 }
 * ```
 *
 * - **Place** first in the pipeline of a WebSocket, or after its heartbeat.
 * - **In** inbound `string` for a text message, `Buffer` for a binary one; outbound any value but bytes. Pings and pongs that no
 *   handler before it took are dropped.
 * - **Out** inbound what the schema gives back; outbound `TextMessage`.
 * - **Events** all pass.
 * - **Errors** as `JsonCodec`: `FRAME_TOO_LONG` for a message that counts more than `maxMessageBytes`, `MESSAGE_INVALID` for a
 *   value that is not JSON or does not fit the schema, and for a binary message without `readBinary`; `DECODER_FAILED` for a
 *   schema that throws or answers later; `MESSAGE_NOT_ENCODABLE` and `ENCODER_FAILED` fail the write. Unhandled, the WebSocket
 *   closes with 1009 or 1003.
 * - **State** whether it has failed: one codec for each channel.
 * - **Cost** `JSON.parse` and the schema; a broadcast to a group is encoded and framed once.
 * - **Pitfalls** without a schema a message is whatever the peer wants, a `__proto__` key included. Schemas must answer at once.
 *   Outbound messages are not validated. With `otherMessages: 'pass-on'` binary messages pass both ways as they are, beside the
 *   JSON. The WebSocket's own `maxMessageBytes` is a limit of the bytes alone.
 *
 * @typeParam Read - what the application reads: the schema's output
 * @typeParam Written - what it writes: the schema's input, if you do not say otherwise
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

  /** A codec with the same options, for another channel: with it an instance may stand in a `pipeline()`. */
  fresh(): WebSocketJsonCodec<Read, Written> {
    return new WebSocketJsonCodec(this.options);
  }

  override channelRead(ctx: Context, message: unknown): void {
    if (!isControlMessage(message)) super.channelRead(ctx, message);
  }

  /** A binary message that it does not read is a fault of the peer, unless others take it. */
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
    return new TextMessage(encodeJson(message));
  }
}
