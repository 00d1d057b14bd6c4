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

/** Options of every codec whose messages can have a schema. */
export interface SchemaCodecOptions<Read = unknown, Written = Read>
  extends MessageToMessageDecoderOptions,
    MessageLimitOptions {
  /**
   * The schema of every message, from any library that implements Standard Schema (zod, valibot, ArkType …). The application
   * reads the schema's output and writes the schema's input, unless the type argument sets another type for the other direction.
   * @default any value is accepted
   */
  readonly schema?: StandardSchema<Written, Read> | StandardSchema<unknown, Read>;
}

/** Options of every codec with a schema, for subclasses to extend. */
export const SCHEMA_CODEC_OPTIONS = describeOptions(
  'SchemaCodec',
  {
    maxMessageBytes: MESSAGE_LIMIT,
    schema: unchecked(),
  },
  MESSAGE_DECODER_OPTIONS,
);

/**
 * Turns bytes into values and values into bytes, with a schema for inbound values. This class is the base of the JSON,
 * MessagePack and CBOR codecs.
 *
 * @typeParam Wire - the type that is read from the wire: bytes, or strings on a transport of messages
 * @typeParam Out - the type that is written to the wire
 */
export abstract class SchemaCodec<
  Read,
  Written,
  Wire extends Buffer | string = Buffer,
  Out = OutboundBytes,
> extends MessageToMessageCodec<Wire, Read, Out, Written> {
  protected readonly schema: StandardSchema<unknown, Read> | undefined;
  /** The limit for `parse`. */
  protected readonly maxMessageBytes: number;

  /**
   * @param own - the description of the subclass's options, with those of its base; other names are refused
   * @param kinds - the kinds of messages that the codec accepts and makes, by default bytes and values
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

  /** Returns the value of this message. Any error that it throws is attributed to the message. */
  protected abstract parse(message: Wire): unknown;

  override decode(_ctx: Context, message: Wire): Read {
    let value: unknown;
    try {
      value = this.parse(message);
    } catch (thrown) {
      throw invalidMessage(this, message, thrown);
    }
    const read = this.schema === undefined ? (value as Read) : validate(this.schema, value);
    // A decoder that returns undefined has no message, and this one would be dropped in silence.
    if (read === undefined)
      throw invalidMessage(this, message, new Error('its value is undefined'));
    return read;
  }
}
