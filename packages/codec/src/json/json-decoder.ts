import type { Context } from '@headrace/core';
import {
  checkSchema,
  rememberMethods,
  type StandardSchema,
  validate,
} from '@headrace/core/authoring';
import { MessageToMessageDecoder } from '../base/message-to-message-decoder.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { invalidMessage } from '../schema/invalid-message.ts';
import { SCHEMA_CODEC_OPTIONS, type SchemaCodecOptions } from '../schema/schema-codec.ts';
import { parseJson } from './json-message.ts';

/** Options of {@link JsonDecoder}. */
export type JsonDecoderOptions<Read = unknown> = SchemaCodecOptions<Read, unknown>;

/**
 * Turns frames of JSON into values, and does not change outbound messages. Use this decoder if the answers of a protocol have
 * another form than its requests. {@link JsonCodec} works in both directions.
 *
 * ```text
 *  wire | frame | [JsonDecoder] | app
 *  BEFORE 7b 22 61 22 3a 31 7d  →  AFTER { a: 1 }
 * ```
 *
 * - **Place** After a frame decoder: lines, a length field, or {@link JsonObjectDecoder}.
 * - **In** Inbound `Buffer`. Other messages are refused (`otherMessages`).
 * - **Out** The output of the schema.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG` for a message over `maxMessageBytes`. `HR_ERR_TEXT_NOT_UTF8` for bytes that are not UTF-8.
 *   `HR_ERR_MESSAGE_INVALID` for a value that is not JSON or does not match the schema. `HR_ERR_DECODER_FAILED` for a schema that
 *   throws or is asynchronous.
 * - **State** Whether decoding has failed. Each channel needs its own decoder.
 * - **Cost** `JSON.parse` and the schema.
 * - **Pitfalls** Without a schema, the peer decides the shape of a message, which can contain a `__proto__` key. Schemas must be
 *   synchronous.
 *
 * @typeParam Read - the type that the application reads: the schema's output
 *
 * @example
 * ```ts run
 * import { JsonDecoder, LineFrameDecoder, StringEncoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * // Requests come in as JSON, answers go out as lines.
 * const channel = new EmbeddedChannel(
 *   new LineFrameDecoder({ maxLength: 80 }),
 *   new StringEncoder({ delimiter: '\n' }),
 *   new JsonDecoder<{ id: number }>(),
 * );
 * channel.writeInbound(Buffer.from('{"id":7}\n'));
 * channel.writeOutbound('OK');
 * console.log(channel.readInbound(), String(channel.readOutbound()).trim()); // prints { id: 7 } OK
 * ```
 */
export class JsonDecoder<Read = unknown> extends MessageToMessageDecoder<Buffer, Read> {
  private readonly schema: StandardSchema<unknown, Read> | undefined;
  private readonly maxMessageBytes: number;

  constructor(options: JsonDecoderOptions<Read> = {}) {
    const { maxMessageBytes } = SCHEMA_CODEC_OPTIONS.resolve(options, 'JsonDecoder');
    super(options, BYTES_AND_VALUES, SCHEMA_CODEC_OPTIONS);
    this.schema = checkSchema(options.schema);
    this.maxMessageBytes = maxMessageBytes;
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  /** Returns a decoder with the same options. A `pipeline()` calls `fresh` for each channel. */
  fresh(): JsonDecoder<Read> {
    return new JsonDecoder(this.givenOptions as JsonDecoderOptions<Read>);
  }

  override decode(_ctx: Context, bytes: Buffer): Read {
    let value: unknown;
    try {
      value = parseJson(bytes, this.maxMessageBytes);
    } catch (thrown) {
      throw invalidMessage(this, bytes, thrown);
    }
    return this.schema === undefined ? (value as Read) : validate(this.schema, value);
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(JsonDecoder);
