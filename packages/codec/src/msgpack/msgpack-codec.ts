import type { OutboundBytes } from '@headrace/core';
import { decode, encode } from '@msgpack/msgpack';
import { checkCount } from '../schema/message-limit.ts';
import { SchemaCodec, type SchemaCodecOptions } from '../schema/schema-codec.ts';
import { countMsgpack } from './count-msgpack.ts';

/**
 * Turns frames of MessagePack into values and values into MessagePack. The codec needs the package `@msgpack/msgpack`. Import it
 * from `@headrace/codec/msgpack`.
 *
 * ```text
 *  wire | frame | [MsgpackCodec] | app
 *  BEFORE 81 a1 61 01  →  AFTER { a: 1 }
 * ```
 *
 * - **Place** After a frame decoder.
 * - **In** Inbound `Buffer`, and outbound any value except bytes. Other messages are refused (`otherMessages`).
 * - **Out** Inbound the output of the schema, and outbound bytes.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG` for a message over `maxMessageBytes`. `HR_ERR_MESSAGE_INVALID` for a value that is not
 *   MessagePack, has bytes left over, announces more elements than it has bytes, or does not match the schema.
 *   `HR_ERR_DECODER_FAILED` for a schema that throws or is asynchronous. A write fails with `HR_ERR_ENCODER_FAILED` if the
 *   library throws.
 * - **State** Whether decoding has failed. Each channel needs its own codec.
 * - **Cost** One pass over the lengths, the library, and the schema. A broadcast to a group is encoded once.
 * - **Pitfalls** Without a schema, the peer decides the shape of a message. Outbound messages are not validated.
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
    checkCount(bytes, countMsgpack(bytes), this.maxMessageBytes);
    return decode(bytes);
  }

  override encode(message: Written): OutboundBytes {
    return encode(message);
  }
}
