import type { OutboundBytes } from '@headrace/core';
import { decode, encode } from 'cborg';
import { checkMessage } from '../schema/message-limit.ts';
import { SchemaCodec, type SchemaCodecOptions } from '../schema/schema-codec.ts';
import { countCbor } from './count-cbor.ts';

/**
 * Turns frames of CBOR into values and values into CBOR. It needs the package `cborg`, and comes from
 * `@headrace/codec/cbor`.
 *
 * ```text
 *  wire | frame | [CborCodec] | app
 *  BEFORE a1 61 61 01  →  AFTER { a: 1 }
 * ```
 *
 * **Place** after a frame decoder.
 * **In** inbound `Buffer`; outbound any value but bytes. Anything else is refused (`otherMessages`).
 * **Out** inbound what the schema gives back; outbound bytes.
 * **Events** all pass.
 * **Errors** `HR_ERR_FRAME_TOO_LONG` for a message over `maxMessageBytes`; `HR_ERR_MESSAGE_INVALID` for a value that is not
 * CBOR, has bytes left over, or does not fit the schema;
 * `HR_ERR_DECODER_FAILED` for a schema that throws or answers later; `HR_ERR_ENCODER_FAILED` fails the write.
 * **State** whether it has failed: one codec for each channel.
 * **Cost** the library and the schema; a broadcast to a group is encoded once.
 * **Pitfalls** without a schema a message is whatever the peer wants. Tags other than those of plain values
 * are refused. Outbound messages are not validated.
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
    checkMessage(bytes, this.maxMessageBytes, countCbor);
    return decode(bytes);
  }

  override encode(message: Written): OutboundBytes {
    return encode(message);
  }
}
