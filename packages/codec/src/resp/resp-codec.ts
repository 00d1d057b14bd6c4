import type { Context, Handler, OutboundBytes, Types, WriteFuture } from '@headrace/core';
import { describeOptions } from '@headrace/core/authoring';
import { WAITING_OPTIONS } from '../base/byte-to-message-decoder.ts';
import { RESP_DECODER_OPTIONS, RespDecoder, type RespDecoderOptions } from './resp-decoder.ts';
import { checkProtocol, encodedResp, PROTOCOL, type RespProtocol } from './resp-encoder.ts';
import type { RespInput, RespValue } from './resp-value.ts';

/** Options of {@link RespCodec}. */
export interface RespCodecOptions extends RespDecoderOptions {
  /** The version that is written at first; both are read. @default 2 */
  readonly protocol?: RespProtocol;
}

const OPTIONS = describeOptions(
  'RespCodec',
  {
    protocol: PROTOCOL,
  },
  RESP_DECODER_OPTIONS,
  WAITING_OPTIONS,
);

/**
 * The Redis protocol in both directions: {@link RespDecoder} and `RespEncoder` in one handler, with a
 * version that can change on the way (`HELLO 3`).
 *
 * ```text
 *  wire | [resp] | app       bytes on the left, RespValue in and RespInput out on the right
 * ```
 *
 * **Place** first after the transport (or TLS).
 * **In** `Buffer`, in any cut; outbound {@link RespInput}.
 * **Out** {@link RespValue}; outbound bytes.
 * **Events** as `ByteToMessageDecoder`.
 * **Errors** those of the two classes.
 * **State** the message that is being read, and the version: one codec for each channel.
 * **Cost** that of the two classes.
 * **Pitfalls** those of the two classes.
 *
 * @example
 * ```ts run
 * import { RespCodec, RespMap } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const codec = new RespCodec({ inlineCommands: true });
 * const channel = new EmbeddedChannel(codec);
 * channel.writeInbound(Buffer.from('HELLO 3\r\n'));
 * console.log(String(channel.readInbound())); // prints HELLO,3
 * codec.protocol = 3;
 * channel.writeOutbound(new RespMap(['proto', 3]));
 * console.log(JSON.stringify(String(channel.readOutbound())));
 * // prints "%1\r\n$5\r\nproto\r\n:3\r\n"
 * ```
 */
export class RespCodec
  extends RespDecoder<
    Types<{ reads: Buffer; passesOn: RespValue; accepts: RespInput; writes: OutboundBytes }>
  >
  implements Handler
{
  private version: RespProtocol;

  constructor(options: RespCodecOptions = {}) {
    const { protocol } = OPTIONS.resolve(options);
    const { protocol: _own, ...reading } = options;
    super(reading);
    this.version = protocol;
  }

  /** The version that is written. */
  get protocol(): RespProtocol {
    return this.version;
  }

  set protocol(version: RespProtocol) {
    this.version = checkProtocol(version);
  }

  write(ctx: Context, message: RespInput): WriteFuture {
    return ctx.write(encodedResp(message, this.version));
  }
}
