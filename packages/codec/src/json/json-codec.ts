import type { Buffer } from 'node:buffer';
import type { OutboundBytes } from '@headrace/core';
import { describeOptions } from '@headrace/core/authoring';
import {
  SCHEMA_CODEC_OPTIONS,
  SchemaCodec,
  type SchemaCodecOptions,
} from '../schema/schema-codec.ts';
import { DELIMITER } from '../text/text-message.ts';
import { encodeJson, jsonKey, parseJson } from './json-message.ts';

/** Options of {@link JsonCodec}. */
export interface JsonCodecOptions<Read, Written> extends SchemaCodecOptions<Read, Written> {
  /** Written after each outbound message, such as `'\n'` for JSON lines. @default '' */
  readonly delimiter?: string;
}

const OPTIONS = describeOptions(
  'JsonCodec',
  {
    delimiter: DELIMITER,
  },
  SCHEMA_CODEC_OPTIONS,
);

/**
 * Turns frames of JSON into values and values into JSON. With a schema the messages in the pipeline have the schema's type, and
 * what does not fit is refused.
 *
 * ```text
 *  wire | frame | [JsonCodec] | app
 *  BEFORE 7b 22 61 22 3a 31 7d  →  AFTER { a: 1 }
 * ```
 *
 * **Place** after a frame decoder: lines, a length field, or {@link JsonObjectDecoder}. **In** inbound `Buffer`; outbound any
 * value but bytes. Anything else is refused (`otherMessages`). **Out** inbound what the schema gives back; outbound `Buffer`.
 * **Events** all pass. **Errors** `HR_ERR_FRAME_TOO_LONG` for a message over `maxMessageBytes`, `HR_ERR_TEXT_NOT_UTF8`,
 * `HR_ERR_MESSAGE_INVALID` for a value that is not JSON or does not fit the schema, `HR_ERR_DECODER_FAILED` for a schema that
 * throws or answers later; `HR_ERR_MESSAGE_NOT_ENCODABLE` and `HR_ERR_ENCODER_FAILED` fail the write (a function, a cycle, a
 * bigint). **State** whether it has failed: one codec for each channel. **Cost** `JSON.parse` and the schema; a broadcast to a
 * group is encoded once. **Pitfalls** without a schema a message is whatever the peer wants, a `__proto__` key included. Schemas
 * must answer at once. Outbound messages are not validated.
 *
 * @typeParam Read - what the application reads: the schema's output
 * @typeParam Written - what it writes: the schema's input, if you do not say otherwise
 *
 * @example
 * ```ts run
 * import { JsonCodec, LineFrameDecoder, type StandardSchema } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * // Any Standard Schema will do, such as zod's z.object({ id: z.number() }).
 * const schema: StandardSchema<{ id: number }> = {
 *   '~standard': {
 *     version: 1,
 *     vendor: 'example',
 *     validate: (value) =>
 *       typeof (value as { id: unknown }).id === 'number'
 *         ? { value: value as { id: number } }
 *         : { issues: [{ message: 'not a number', path: ['id'] }] },
 *   },
 * };
 * const channel = new EmbeddedChannel(new LineFrameDecoder(), new JsonCodec({ schema }));
 * channel.writeInbound(Buffer.from('{"id":7}\n'));
 * console.log(channel.readInbound()); // prints { id: 7 }
 * ```
 * @see {@link JsonDecoder} and {@link JsonEncoder} for one direction alone; https://standardschema.dev
 */
export class JsonCodec<Read = unknown, Written = Read> extends SchemaCodec<Read, Written> {
  private readonly delimiter: string;

  constructor(options: JsonCodecOptions<Read, Written> = {}) {
    const { delimiter } = OPTIONS.resolve(options);
    super(options, jsonKey(delimiter), OPTIONS);
    this.delimiter = delimiter;
  }

  /** A codec with the same options, for another channel: with it an instance may stand in a `pipeline()`. */
  fresh(): JsonCodec<Read, Written> {
    return new JsonCodec(this.givenOptions as JsonCodecOptions<Read, Written>);
  }

  protected override parse(bytes: Buffer): unknown {
    return parseJson(bytes, this.maxMessageBytes);
  }

  override encode(message: Written): OutboundBytes {
    return encodeJson(message, this.delimiter);
  }
}
