import type { Context, OutboundBytes } from '@headrace/core';
import { describeOptions, unchecked } from '@headrace/core/authoring';
import {
  MESSAGE_DECODER_OPTIONS,
  type MessageToMessageDecoderOptions,
} from '../base/message-decoding.ts';
import { MessageToMessageCodec } from '../base/message-to-message-codec.ts';
import type { OwnOptions } from '../base/own-options.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { invalidMessage } from './invalid-message.ts';
import { MESSAGE_LIMIT, type MessageLimitOptions } from './message-limit.ts';
import { checkSchema, type StandardSchema, validate } from './standard-schema.ts';

/** Options of every codec whose messages may have a schema. */
export interface SchemaCodecOptions<Read, Written>
  extends MessageToMessageDecoderOptions,
    MessageLimitOptions {
  /**
   * The schema of every message, by any library that implements Standard Schema (zod, valibot, ArkType …).
   * The application reads the schema's output and writes its input. @default anything goes
   */
  readonly schema?: StandardSchema<Written, Read>;
}

/** Options of every codec with a schema; classes that extend this one use them. */
export const SCHEMA_CODEC_OPTIONS = describeOptions(
  'SchemaCodec',
  {
    maxMessageBytes: MESSAGE_LIMIT,
    schema: unchecked(),
  },
  MESSAGE_DECODER_OPTIONS,
);

/** Bytes ↔ values, with a schema for what comes in: the base of the JSON, MessagePack and CBOR codecs. */
export abstract class SchemaCodec<Read, Written> extends MessageToMessageCodec<
  Buffer,
  Read,
  OutboundBytes,
  Written
> {
  protected readonly schema: StandardSchema<unknown, Read> | undefined;
  /** For `parse`. */
  protected readonly maxMessageBytes: number;

  /** @param own - the description of the subclass's options, if it has some of its own: other names are refused */
  constructor(
    options: SchemaCodecOptions<Read, Written>,
    broadcastKey: string,
    own: OwnOptions = SCHEMA_CODEC_OPTIONS,
  ) {
    super(options, broadcastKey, BYTES_AND_VALUES, own);
    this.schema = checkSchema(options.schema) as StandardSchema<unknown, Read> | undefined;
    this.maxMessageBytes = SCHEMA_CODEC_OPTIONS.part(options).maxMessageBytes;
  }

  /** The value of these bytes. Any error that it throws is a fault of the bytes. */
  protected abstract parse(bytes: Buffer): unknown;

  override decode(_ctx: Context, bytes: Buffer): Read {
    let value: unknown;
    try {
      value = this.parse(bytes);
    } catch (thrown) {
      throw invalidMessage(this, bytes, thrown);
    }
    return this.schema === undefined ? (value as Read) : validate(this.schema, value);
  }
}
