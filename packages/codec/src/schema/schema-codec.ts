import type { Context, MessageKinds, OutboundBytes } from '@headrace/core';
import {
  checkSchema,
  describeOptions,
  type StandardSchema,
  unchecked,
  validate,
} from '@headrace/core/authoring';
import {
  MESSAGE_DECODER_OPTIONS,
  type MessageToMessageDecoderOptions,
} from '../base/message-decoding.ts';
import { MessageToMessageCodec } from '../base/message-to-message-codec.ts';
import type { OwnOptions } from '../base/own-options.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { invalidMessage } from './invalid-message.ts';
import { MESSAGE_LIMIT, type MessageLimitOptions } from './message-limit.ts';

/** Options of every codec whose messages may have a schema. */
export interface SchemaCodecOptions<Read, Written>
  extends MessageToMessageDecoderOptions,
    MessageLimitOptions {
  /**
   * The schema of every message, by any library that implements Standard Schema (zod, valibot, ArkType …).
   * The application reads the schema's output. It writes the schema's input, unless the type argument says that
   * messages in the other direction have a type of their own. @default anything goes
   */
  readonly schema?: StandardSchema<Written, Read> | StandardSchema<unknown, Read>;
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

/**
 * Bytes ↔ values, with a schema for what comes in: the base of the JSON, MessagePack and CBOR codecs.
 *
 * @typeParam Wire - what is read of the wire's side: bytes, or text of a transport of messages
 * @typeParam Out - what is written to it
 */
export abstract class SchemaCodec<
  Read,
  Written,
  Wire extends Buffer | string = Buffer,
  Out = OutboundBytes,
> extends MessageToMessageCodec<Wire, Read, Out, Written> {
  protected readonly schema: StandardSchema<unknown, Read> | undefined;
  /** For `parse`. */
  protected readonly maxMessageBytes: number;

  /**
   * @param own - the description of the subclass's options, if it has some of its own: other names are refused
   * @param kinds - what the codec takes and makes, if that is not bytes and values
   */
  constructor(
    options: SchemaCodecOptions<Read, Written>,
    broadcastKey: string,
    own: OwnOptions = SCHEMA_CODEC_OPTIONS,
    kinds: MessageKinds = BYTES_AND_VALUES,
  ) {
    super(options, broadcastKey, kinds, own);
    this.schema = checkSchema(options.schema) as StandardSchema<unknown, Read> | undefined;
    this.maxMessageBytes = SCHEMA_CODEC_OPTIONS.part(options).maxMessageBytes;
  }

  /** The value of this message. Any error that it throws is a fault of the message. */
  protected abstract parse(message: Wire): unknown;

  override decode(_ctx: Context, message: Wire): Read {
    let value: unknown;
    try {
      value = this.parse(message);
    } catch (thrown) {
      throw invalidMessage(this, message, thrown);
    }
    return this.schema === undefined ? (value as Read) : validate(this.schema, value);
  }
}
