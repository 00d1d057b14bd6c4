import type { Buffer } from 'node:buffer';
import type { Context, HandlerTypes, MessageKinds } from '@headrace/core';
import { checkFunction, checkMethod } from '@headrace/core/authoring';
import type { ByteToMessageDecoder } from '../base/byte-to-message-decoder.ts';
import type { MessageToMessageDecoderOptions } from '../base/message-decoding.ts';
import { MessageToMessageDecoder } from '../base/message-to-message-decoder.ts';
import { Several } from '../base/several.ts';

/** Messages wait in memory while reads are held, and one byte may be a message: an empty line. */
const MAX_MESSAGES = 1024;
const READS_BYTES: MessageKinds = { reads: 'bytes' };

/**
 * Decodes each datagram by itself, with a decoder that was written for streams of bytes. What one datagram begins, no
 * other one ends: they get lost, and overtake each other.
 *
 * ```text
 *  datagram | [datagram decoder] | app      each read → all frames in it
 * ```
 *
 * **Place** first, on a channel whose reads are whole: of `perPeer` and `toPeer`, or of a WebSocket.
 * **In** `Buffer`, a datagram each.
 * **Out** the messages of the decoder, in order.
 * **Events** as `MessageToMessageDecoder`.
 * **Errors** the decoder's, `HR_ERR_FRAME_TRUNCATED` for a frame without its end, `HR_ERR_MESSAGE_INVALID` for a
 * datagram with more than 1024 messages: no message of such a datagram passes on, and on a channel of datagrams the next one is decoded. The `frameErrorPolicy` is the one
 * given here, not the decoder's.
 * **State** none: each datagram gets a new decoder.
 * **Cost** one decoder for each datagram, about 200 bytes of garbage.
 * **Pitfalls** the decoder's `frameTimeoutMs` and `maxBufferedBytes` have no use: nothing waits for a next read.
 *
 * @typeParam T - the decoder's messages
 *
 * @example
 * ```ts run
 * import { DatagramDecoder, LineFrameDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new DatagramDecoder(() => new LineFrameDecoder()));
 * channel.writeInbound(Buffer.from('ab\nc\n'));
 * console.log(String(channel.readInbound()), String(channel.readInbound())); // prints ab c
 * ```
 * @see Netty's `DatagramPacketDecoder`
 */
export class DatagramDecoder<T> extends MessageToMessageDecoder<Buffer, T> {
  private readonly make: () => ByteToMessageDecoder<T, HandlerTypes>;

  /** @param make - makes a decoder for one datagram: `() => new LineFrameDecoder()` */
  constructor(
    make: () => ByteToMessageDecoder<T, HandlerTypes>,
    options: MessageToMessageDecoderOptions = {},
  ) {
    super(options, READS_BYTES);
    this.make = checkFunction('make', make, {
      answers: 'at once',
      takes: 0,
      purpose: 'makes a decoder',
    });
    checkMethod('make()', this.make(), 'decodeWhole', 'a ByteToMessageDecoder');
  }

  override decode(ctx: Context, datagram: Buffer): Several<T> | undefined {
    const messages = this.make().decodeWhole(ctx, datagram, MAX_MESSAGES);
    return messages.length === 0 ? undefined : new Several(messages);
  }
}
