import type { OutboundBytes } from '@headrace/core';
import { SchemaCodec, type SchemaCodecOptions } from '../schema/schema-codec.ts';
import { MsgpackReader } from './read-msgpack.ts';
import { writeMsgpack } from './write-msgpack.ts';

export { MsgpackExt } from './msgpack-ext.ts';

/**
 * Turns frames of MessagePack into values and values into MessagePack. Import it from `@headrace/codec/msgpack`.
 *
 * ```text
 *  wire | frame | [MsgpackCodec] | app
 *  BEFORE 81 a1 61 01  →  AFTER { a: 1 }
 * ```
 *
 * - **Place** After a frame decoder.
 * - **In** Inbound `Buffer`, and outbound any value except bytes. Other messages are refused (`otherMessages`).
 * - **Out** Inbound the output of the schema, and outbound bytes. An integer is a `number`, or a `bigint` beyond 2^53. A map is an
 *   object, or a `Map` if a key is not a text. A time is a `Date`, and other extensions are a {@link MsgpackExt}.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG` for a message over `maxMessageBytes`. `HR_ERR_TEXT_NOT_UTF8` for a text that is not UTF-8.
 *   `HR_ERR_MESSAGE_INVALID` for a value that is not MessagePack, has bytes left over, is over 500 levels deep, has a key twice,
 *   has a map with over 4,096 keys that are numbers, or does not match the schema. `HR_ERR_DECODER_FAILED` for a schema that
 *   throws or is asynchronous. A write fails with `HR_ERR_MESSAGE_NOT_ENCODABLE` for a value that would be refused or read as
 *   another value: a `MsgpackExt` that is a time, a `Set`, a typed array other than `Uint8Array`, an integer over 64 bits, a
 *   function, half of a surrogate pair, `undefined` in an array.
 * - **State** Whether decoding has failed. Each channel needs its own codec.
 * - **Cost** One pass and the schema. A broadcast to a group is encoded once. Bytes are views of their message.
 * - **Pitfalls** Without a schema, the peer decides the shape of a message. Outbound messages are not validated. A property whose
 *   value is `undefined` is left out. An object of a class is written as its properties.
 *
 * @example
 * ```ts run
 * import { MsgpackCodec } from '@headrace/codec/msgpack';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new MsgpackCodec());
 * channel.writeInbound(Buffer.from('81a16101', 'hex'));
 * console.log(channel.readInbound()); // prints { a: 1 }
 * ```
 * @see https://msgpack.org
 */
export class MsgpackCodec<Read = unknown, Written = Read> extends SchemaCodec<Read, Written> {
  constructor(options: SchemaCodecOptions<Read, Written> = {}) {
    super(options, 'MsgpackCodec');
  }

  protected override parse(bytes: Buffer): unknown {
    return new MsgpackReader(bytes, this.maxMessageBytes).read();
  }

  override encode(message: Written): OutboundBytes {
    return writeMsgpack(message);
  }
}
