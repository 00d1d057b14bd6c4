import type { Buffer } from 'node:buffer';
import type { OutboundBytes } from '@headrace/core';
import { describeOptions, rememberMethods } from '@headrace/core/authoring';
import {
  SCHEMA_CODEC_OPTIONS,
  SchemaCodec,
  type SchemaCodecOptions,
} from '../schema/schema-codec.ts';
import { textBytes } from '../text/text-bytes.ts';
import { DELIMITER } from '../text/text-message.ts';
import { jsonKey, parseJson, textOfJson } from './json-message.ts';

/** Options of {@link JsonCodec}. */
export interface JsonCodecOptions<Read = unknown, Written = Read>
  extends SchemaCodecOptions<Read, Written> {
  /** Text that is written after each outbound message, for example `'\n'` for JSON lines. @default '' */
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
 * Turns frames of JSON into values and values into JSON. With a schema, the messages in the pipeline have the schema's type, and
 * an inbound message that does not match is refused.
 *
 * ```text
 *  wire | frame | [JsonCodec] | app
 *  BEFORE 7b 22 61 22 3a 31 7d  →  AFTER { a: 1 }
 * ```
 *
 * - **Place** After a frame decoder: lines, a length field, or {@link JsonObjectDecoder}.
 * - **In** Inbound `Buffer`, and outbound any value except bytes. Other messages are refused (`otherMessages`).
 * - **Out** Inbound the output of the schema, and outbound a `ByteSource`, which is encoded where it is sent. For a group's broadcast, one
 *   `Buffer` for all members.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG` for a message over `maxMessageBytes`. `HR_ERR_TEXT_NOT_UTF8` for bytes that are not UTF-8.
 *   `HR_ERR_MESSAGE_INVALID` for a value that is not JSON or does not match the schema. `HR_ERR_DECODER_FAILED` for a schema that
 *   throws or is asynchronous. A write fails with `HR_ERR_MESSAGE_NOT_ENCODABLE` (a function) or `HR_ERR_ENCODER_FAILED` (a
 *   cycle, a bigint).
 * - **State** Whether decoding has failed. Each channel needs its own codec.
 * - **Cost** `JSON.parse` and the schema. A broadcast to a group is encoded once.
 * - **Pitfalls** Without a schema, the peer decides the shape of a message, which can contain a `__proto__` key. Schemas must be
 *   synchronous. Outbound messages are not validated.
 *
 * @typeParam Read - the type that the application reads: the schema's output
 * @typeParam Written - the type that the application writes: by default the schema's input
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
 * @see {@link JsonDecoder} and {@link JsonEncoder} for one direction only; https://standardschema.dev
 */
export class JsonCodec<Read = unknown, Written = Read> extends SchemaCodec<Read, Written> {
  private readonly delimiter: string;

  constructor(options: JsonCodecOptions<Read, Written> = {}) {
    const { delimiter } = OPTIONS.resolve(options);
    super(options, jsonKey(delimiter), OPTIONS);
    this.delimiter = delimiter;
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  /** Returns a codec with the same options. A `pipeline()` calls `fresh` for each channel. */
  fresh(): JsonCodec<Read, Written> {
    return new JsonCodec(this.givenOptions as JsonCodecOptions<Read, Written>);
  }

  protected override parse(bytes: Buffer): unknown {
    return parseJson(bytes, this.maxMessageBytes);
  }

  override encode(message: Written): OutboundBytes {
    return textBytes(textOfJson(message, this.delimiter));
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(JsonCodec);
