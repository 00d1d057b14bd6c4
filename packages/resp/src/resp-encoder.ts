import type { Buffer } from 'node:buffer';
import {
  type ByteSource,
  type Context,
  type Handler,
  type OutboundBytes,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import { choice, describeOptions, encodeOnce } from '@headrace/core/authoring';
import { type RespInput, RespSimple } from './resp-value.ts';
import { RespWriter } from './resp-writer.ts';

/** Strings from this size on are not copied before the transport copies them. */
const LARGE_BYTES = 4096;

/**
 * The version of the protocol. In version 2, the types of version 3 are written in the form that Redis uses, for example a map as
 * a flat array.
 */
export type RespProtocol = 2 | 3;

/** Options of {@link RespEncoder}. */
export interface RespEncoderOptions {
  /** Version of the protocol. @default 2 */
  readonly protocol?: RespProtocol;
}

export const PROTOCOL = choice([2, 3], { default: 2 });
const OPTIONS = describeOptions('RespEncoder', { protocol: PROTOCOL });

/**
 * Writes messages of the Redis protocol.
 *
 * ```text
 *  BEFORE ["GET", "k"]     →  AFTER "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
 *  BEFORE RespSimple "OK"  →  AFTER "+OK\r\n"
 * ```
 *
 * - **Place** First after the transport (or TLS).
 * - **In** Outbound {@link RespInput}. A text is written as a string of bytes. For `+OK`, write `RespSimple.OK`.
 * - **Out** `Buffer`, or a `ByteSource` for a large string.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_MESSAGE_NOT_ENCODABLE` for a value that the protocol cannot represent, and for half of a surrogate pair. The
 *   error fails the write.
 * - **State** None. The encoder is sharable. A broadcast is encoded once.
 * - **Cost** One copy.
 * - **Pitfalls** A number with a fraction is written as a double, and a number without a fraction as an integer. To write 1 as a
 *   double, use `new RespDouble(1)`.
 *
 * @example
 * ```ts run
 * import { RespEncoder } from '@headrace/resp';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new RespEncoder());
 * channel.writeOutbound(['GET', 'k']);
 * console.log(JSON.stringify(String(channel.readOutbound())));
 * // prints "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"
 * ```
 * @see Netty's `RedisEncoder`
 */
export class RespEncoder implements Handler {
  declare readonly types: Types<{ accepts: RespInput; writes: OutboundBytes }>;
  readonly sharable = true;
  private readonly protocol: RespProtocol;

  constructor(options: RespEncoderOptions = {}) {
    this.protocol = OPTIONS.resolve(options).protocol;
  }

  write(ctx: Context, message: RespInput): WriteFuture {
    return ctx.write(encodedResp(message, this.protocol));
  }
}

const writer = new RespWriter();
const OK: Buffer = writer.encode(RespSimple.OK, 2);
const encodeAs: Readonly<Record<RespProtocol, (message: RespInput) => Buffer>> = {
  2: (message) => writer.encode(message, 2),
  3: (message) => writer.encode(message, 3),
};

/** Returns the bytes of a message. Throws an `EncodeError`. */
export function encodeResp(message: RespInput, protocol: RespProtocol = 2): Buffer {
  return writer.encode(message, checkProtocol(protocol));
}

export function encodedResp(message: RespInput, protocol: RespProtocol): OutboundBytes {
  if (message === RespSimple.OK) return OK;
  if (message instanceof Uint8Array && message.length >= LARGE_BYTES)
    return new LargeString(message);
  return encodeOnce(protocol === 3 ? 'resp3' : 'resp2', message, encodeAs[protocol]);
}

/** Returns the version, or throws an `OptionError`. */
export function checkProtocol(protocol: RespProtocol): RespProtocol {
  return PROTOCOL.check('protocol', protocol);
}

class LargeString implements ByteSource {
  readonly byteLength: number;
  private readonly head: string;
  private readonly data: Uint8Array;

  constructor(data: Uint8Array) {
    this.head = `$${data.length}\r\n`;
    this.data = data;
    this.byteLength = this.head.length + data.length + 2;
  }

  writeTo(target: Buffer, offset: number): void {
    const from = offset + target.write(this.head, offset, 'latin1');
    target.set(this.data, from);
    target.write('\r\n', from + this.data.length, 'latin1');
  }
}
