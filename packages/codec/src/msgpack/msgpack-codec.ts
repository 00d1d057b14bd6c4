import type { OutboundBytes } from '@headrace/core';
import { decode, encode } from '@msgpack/msgpack';
import { checkCount } from '../schema/message-limit.ts';
import { SchemaCodec, type SchemaCodecOptions } from '../schema/schema-codec.ts';
import { countMsgpack } from './count-msgpack.ts';

/**
 * Turns frames of MessagePack into values and values into MessagePack. It needs the package
 * `@msgpack/msgpack`, and comes from `@headrace/codec/msgpack`.
 *
 * ```text
 *  wire | frame | [MsgpackCodec] | app
 *  BEFORE 81 a1 61 01  →  AFTER { a: 1 }
 * ```
 *
 * **Place** after a frame decoder.
 * **In** inbound `Buffer`; outbound any value but bytes. Anything else is refused (`otherMessages`).
 * **Out** inbound what the schema gives back; outbound bytes.
 * **Events** all pass.
 * **Errors** `HR_ERR_FRAME_TOO_LONG` for a message over `maxMessageBytes`; `HR_ERR_MESSAGE_INVALID` for a value that is not
 * MessagePack, has bytes left over, claims more elements than it has bytes, or does not fit the schema;
 * `HR_ERR_DECODER_FAILED` for a schema that throws or answers later; `HR_ERR_ENCODER_FAILED` fails the write.
 * **State** whether it has failed: one codec for each channel.
 * **Cost** one look over the lengths, the library, the schema; a broadcast to a group is encoded once.
 * **Pitfalls** without a schema a message is whatever the peer wants. Outbound messages are not validated.
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
