import { Buffer } from 'node:buffer';
import {
  type DescMessage,
  fromBinary,
  isMessage,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type Context, OptionError, type OutboundBytes } from '@headrace/core';
import { describeOptions, toBuffer, unchecked } from '@headrace/core/authoring';
import {
  MESSAGE_DECODER_OPTIONS,
  type MessageToMessageDecoderOptions,
} from '../base/message-decoding.ts';
import { MessageToMessageCodec } from '../base/message-to-message-codec.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { checkWellFormed } from '../base/utf8.ts';
import { invalidMessage } from '../schema/invalid-message.ts';
import { checkCount, MESSAGE_LIMIT, type MessageLimitOptions } from '../schema/message-limit.ts';
import { ProtobufCount } from './count-protobuf.ts';

/** Options of {@link ProtobufCodec}. */
export interface ProtobufCodecOptions<D extends DescMessage>
  extends MessageToMessageDecoderOptions,
    MessageLimitOptions {
  /** Message type that both sides send, as `protoc-gen-es` generates it. For several types, use a message with a `oneof`. */
  readonly schema: D;
}

const REPLACEMENT: Buffer = Buffer.from('\uFFFD');

const OPTIONS = describeOptions(
  'ProtobufCodec',
  {
    maxMessageBytes: MESSAGE_LIMIT,
    schema: unchecked({ required: true }),
  },
  MESSAGE_DECODER_OPTIONS,
);

/**
 * Turns frames of Protocol Buffers into messages and messages into bytes. The codec needs the package `@bufbuild/protobuf`.
 * Import it from `@headrace/codec/protobuf`.
 *
 * ```text
 *  wire | varint frame | [ProtobufCodec] | app
 *  BEFORE 08 01  →  AFTER { $typeName: 'google.protobuf.Duration', seconds: 1n, nanos: 0 }
 * ```
 *
 * - **Place** After {@link VarintFrameDecoder} or another frame decoder.
 * - **In** Inbound `Buffer`, and outbound messages of the schema. Other messages are refused (`otherMessages`).
 * - **Out** Inbound messages of the schema, and outbound bytes.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG` for a message over `maxMessageBytes`. `HR_ERR_MESSAGE_INVALID` for bytes that are not a
 *   message of the schema, or whose fields have other wire types than the schema. A write fails with
 *   `HR_ERR_MESSAGE_NOT_ENCODABLE` for half of a surrogate pair, and with `HR_ERR_ENCODER_FAILED` if the library throws.
 * - **State** Whether decoding has failed. Each channel needs its own codec.
 * - **Cost** The cost of the library. A broadcast to a group is encoded once.
 * - **Pitfalls** The bytes do not contain the name of their message type. Both sides must use the same message type.
 *
 * @example
 * ```ts run
 * import { create } from '@bufbuild/protobuf';
 * import { type Duration, DurationSchema } from '@bufbuild/protobuf/wkt';
 * import { varintPrefixed } from '@headrace/codec';
 * import { ProtobufCodec } from '@headrace/codec/protobuf';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel();
 * channel.pipeline.addLast(
 *   ...varintPrefixed({ maxFrameLength: 1000 }),
 *   new ProtobufCodec({ schema: DurationSchema }),
 * );
 * channel.writeOutbound(create(DurationSchema, { nanos: 5 }));
 * channel.writeInbound(channel.readOutbound());
 * console.log(channel.readInbound<Duration>()?.nanos); // prints 5
 * ```
 * @see Netty's `ProtobufDecoder` and `ProtobufEncoder`
 */
export class ProtobufCodec<D extends DescMessage> extends MessageToMessageCodec<
  Buffer,
  MessageShape<D>,
  OutboundBytes
> {
  private readonly schema: D;
  private readonly maxMessageBytes: number;
  private readonly count: ProtobufCount;

  constructor(options: ProtobufCodecOptions<D>) {
    const { maxMessageBytes, ...given } = OPTIONS.resolve(options);
    const schema = checkDescriptor(given.schema);
    super(options, `ProtobufCodec:${schema.typeName}`, BYTES_AND_VALUES, OPTIONS);
    this.schema = schema;
    this.maxMessageBytes = maxMessageBytes;
    this.count = countOf(schema);
  }

  override encodes(message: unknown): boolean {
    return isMessage(message, this.schema);
  }

  override decode(_ctx: Context, bytes: Buffer): MessageShape<D> {
    try {
      checkCount(bytes, this.count.values(bytes), this.maxMessageBytes);
      return fromBinary(this.schema, bytes);
    } catch (thrown) {
      throw invalidMessage(this, bytes, thrown, this.schema.typeName);
    }
  }

  override encode(message: MessageShape<D>): OutboundBytes {
    const bytes = toBinary(this.schema, message);
    // The library writes U+FFFD in place of half of a surrogate pair.
    if (toBuffer(bytes).includes(REPLACEMENT)) checkTexts(message);
    return bytes;
  }
}

/** Throws an `EncodeError` for a text in a message, or a key of a map, that has no UTF-8. */
function checkTexts(value: unknown): void {
  if (typeof value === 'string') checkWellFormed(value);
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
  for (const [key, part] of Object.entries(value)) {
    checkWellFormed(key);
    checkTexts(part);
  }
}

const counts = new WeakMap<DescMessage, ProtobufCount>();

/** Returns the counter of a message type. Codecs of the same type share one counter. */
function countOf(schema: DescMessage): ProtobufCount {
  const count = counts.get(schema) ?? new ProtobufCount(schema);
  counts.set(schema, count);
  return count;
}

/** Returns the option, or throws an {@link OptionError} if it does not describe a message. */
function checkDescriptor<D extends DescMessage>(schema: D): D {
  if ((schema as D | undefined)?.kind === 'message') return schema;
  throw new OptionError(
    'OPTION_INVALID',
    'schema must be the descriptor of a message, as protoc-gen-es generates it, such as DurationSchema',
    { option: 'schema' },
  );
}
