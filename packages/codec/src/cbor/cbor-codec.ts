import type { OutboundBytes } from '@headrace/core';
import { SchemaCodec, type SchemaCodecOptions } from '../schema/schema-codec.ts';
import { CborReader } from './read-cbor.ts';
import { writeCbor } from './write-cbor.ts';

export { CborSimple, CborTag } from './cbor-value.ts';

/**
 * Turns frames of CBOR into values and values into CBOR. Import it from `@headrace/codec/cbor`.
 *
 * ```text
 *  wire | frame | [CborCodec] | app
 *  BEFORE a1 61 61 01  →  AFTER { a: 1 }
 * ```
 *
 * - **Place** After a frame decoder.
 * - **In** Inbound `Buffer`, and outbound any value except bytes. Other messages are refused (`otherMessages`).
 * - **Out** Inbound the output of the schema, and outbound bytes. An integer is a `number`, or a `bigint` beyond 2^53. A map is an
 *   object, or a `Map` if a key is not a text. A tag is a {@link CborTag}, except the tags of a `bigint`, and a simple value
 *   without a meaning is a {@link CborSimple}.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG` for a message over `maxMessageBytes`. `HR_ERR_TEXT_NOT_UTF8` for a text that is not UTF-8.
 *   `HR_ERR_MESSAGE_INVALID` for a value that is not CBOR, has bytes left over, is over 500 levels deep, has a key twice, has a
 *   map with over 4,096 keys that are numbers or a key over 64 bits, is `undefined` as a whole, or does not match the schema.
 *   `HR_ERR_DECODER_FAILED` for a schema that throws or is asynchronous. A write fails with `HR_ERR_MESSAGE_NOT_ENCODABLE` for a
 *   value that would be refused or read as another value: a `Date`, a `Set`, a typed array other than `Uint8Array`, a function,
 *   half of a surrogate pair.
 * - **State** Whether decoding has failed. Each channel needs its own codec.
 * - **Cost** One pass and the schema. A broadcast to a group is encoded once. Bytes are views of their message.
 * - **Pitfalls** Without a schema, the peer decides the shape of a message. Outbound messages are not validated. The content of a
 *   tag is not validated. An object of a class is written as its properties.
 *
 * @example
 * ```ts run
 * import { CborCodec } from '@headrace/codec/cbor';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new CborCodec());
 * channel.writeInbound(Buffer.from('a1616101', 'hex'));
 * console.log(channel.readInbound()); // prints { a: 1 }
 * ```
 * @see RFC 8949
 */
export class CborCodec<Read = unknown, Written = Read> extends SchemaCodec<Read, Written> {
  constructor(options: SchemaCodecOptions<Read, Written> = {}) {
    super(options, 'CborCodec');
  }

  protected override parse(bytes: Buffer): unknown {
    return new CborReader(bytes, this.maxMessageBytes).read();
  }

  override encode(message: Written): OutboundBytes {
    return writeCbor(message);
  }
}
