import { WAITING_OPTIONS } from '@headrace/codec/authoring';
import type { Context, Handler, OutboundBytes, Types, WriteFuture } from '@headrace/core';
import { describeOptions } from '@headrace/core/authoring';
import { RESP_DECODER_OPTIONS, RespDecoder, type RespDecoderOptions } from './resp-decoder.ts';
import { checkProtocol, encodedResp, PROTOCOL, type RespProtocol } from './resp-encoder.ts';
import type { RespInput, RespValue } from './resp-value.ts';

/** Options of {@link RespCodec}. */
export interface RespCodecOptions extends RespDecoderOptions {
  /** Version that is written at first. Both versions are read. @default 2 */
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
 * Reads and writes the Redis protocol. Combines {@link RespDecoder} and `RespEncoder` in one handler, with a version that can
 * change during the connection (`HELLO 3`).
 *
 * ```text
 *  wire | [resp] | app       bytes on the left, RespValue in and RespInput out on the right
 * ```
 *
 * - **Place** First after the transport (or TLS).
 * - **In** `Buffer`, in reads of any size, and outbound {@link RespInput}.
 * - **Out** {@link RespValue}, and outbound bytes.
 * - **Events** See `ByteToMessageDecoder`.
 * - **Errors** Inbound `HR_ERR_FRAME_CORRUPT`, `HR_ERR_FRAME_TOO_LONG` and `HR_ERR_TIMEOUT_READ`, each of which ends the channel.
 *   Outbound `HR_ERR_MESSAGE_NOT_ENCODABLE`, which fails the write.
 * - **State** The unfinished message, at most `maxMessageBytes` and one read, and the version. Each channel needs its own codec.
 * - **Cost** Each byte of a line is read once, the bytes of strings are not read, and each string is a view. A written message is
 *   copied once.
 * - **Pitfalls** Strings are views of the read: copy the strings that you keep, or set `copyBelowBytes`. Keys and commands arrive as
 *   `Buffer`, a `+a` as `RespSimple`. If the write of an answer fails, the client waits: answer with a `RespError`, or let a
 *   `RequestHandler` end the channel. 1 is written as an integer, and 1.5 as a double.
 *
 * @example
 * ```ts run
 * import { RespCodec, RespMap } from '@headrace/resp';
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
