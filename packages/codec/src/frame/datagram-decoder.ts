import type { Buffer } from 'node:buffer';
import type { Context, HandlerTypes, MessageKinds } from '@headrace/core';
import { checkFunction, checkMethod } from '@headrace/core/authoring';
import type { ByteToMessageDecoder } from '../base/byte-to-message-decoder.ts';
import type { MessageToMessageDecoderOptions } from '../base/message-decoding.ts';
import { MessageToMessageDecoder } from '../base/message-to-message-decoder.ts';
import { type Several, severalOf } from '../base/several.ts';

/**
 * Maximum number of messages in a datagram. Messages wait in memory while reads are held, and a message can be a single byte, for
 * example an empty line.
 */
const MAX_MESSAGES = 1024;
const READS_BYTES: MessageKinds = { reads: 'bytes' };

/**
 * Decodes each datagram on its own, with a decoder that was written for streams of bytes. A message never continues in the next
 * datagram, because datagrams can be lost or arrive in another order.
 *
 * ```text
 *  datagram | [datagram decoder] | app      each read → all frames in it
 * ```
 *
 * - **Place** First, on a channel whose reads are whole messages, such as datagrams of one peer, or a WebSocket.
 * - **In** One `Buffer` for each datagram.
 * - **Out** The messages of the decoder, in order.
 * - **Events** See `MessageToMessageDecoder`.
 * - **Errors** The errors of the decoder. `HR_ERR_FRAME_TRUNCATED` for a frame without its end. `HR_ERR_MESSAGE_INVALID` for a
 *   datagram with more than 1024 messages. No message of a bad datagram passes on. A channel of datagrams decodes the next
 *   datagram. The `frameErrorPolicy` of this handler applies, and not the decoder's policy.
 * - **State** None. Each datagram gets a new decoder.
 * - **Cost** One decoder for each datagram, about 200 bytes of garbage.
 * - **Pitfalls** The decoder's `frameTimeoutMs` and `maxBufferedBytes` have no effect, because no bytes wait for a next read.
 *
 * @typeParam T - the type of the decoder's messages
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

  /** @param make - a function that makes a decoder for one datagram: `() => new LineFrameDecoder()` */
  constructor(
    make: () => ByteToMessageDecoder<T, HandlerTypes>,
    options: MessageToMessageDecoderOptions = {},
  ) {
    super(options, READS_BYTES);
    this.make = checkFunction('make', make, {
      answers: 'sync',
      takes: 0,
      purpose: 'makes a decoder',
    });
    checkMethod('make()', this.make(), 'decodeWhole', 'a ByteToMessageDecoder');
  }

  override decode(ctx: Context, datagram: Buffer): Several<T> | undefined {
    const messages = this.make().decodeWhole(ctx, datagram, MAX_MESSAGES);
    return messages.length === 0 ? undefined : severalOf(messages);
  }
}
