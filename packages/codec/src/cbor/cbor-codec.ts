import type { OutboundBytes } from '@headrace/core';
import { decode, encode } from 'cborg';
import { checkMessage } from '../schema/message-limit.ts';
import { SchemaCodec, type SchemaCodecOptions } from '../schema/schema-codec.ts';
import { countCbor } from './count-cbor.ts';

/**
 * Turns frames of CBOR into values and values into CBOR. The codec needs the package `cborg`. Import it from
 * `@headrace/codec/cbor`.
 *
 * ```text
 *  wire | frame | [CborCodec] | app
 *  BEFORE a1 61 61 01  →  AFTER { a: 1 }
 * ```
 *
 * - **Place** After a frame decoder.
 * - **In** Inbound `Buffer`, and outbound any value except bytes. Other messages are refused (`otherMessages`).
 * - **Out** Inbound the output of the schema, and outbound bytes.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG` for a message over `maxMessageBytes`. `HR_ERR_MESSAGE_INVALID` for a value that is not
 *   CBOR, has bytes left over, or does not match the schema. `HR_ERR_DECODER_FAILED` for a schema that throws or is asynchronous.
 *   A write fails with `HR_ERR_ENCODER_FAILED` if the library throws.
 * - **State** Whether decoding has failed. Each channel needs its own codec.
 * - **Cost** The library and the schema. A broadcast to a group is encoded once.
 * - **Pitfalls** Without a schema, the peer decides the shape of a message. Only the tags of plain values are accepted. Outbound
 *   messages are not validated.
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
