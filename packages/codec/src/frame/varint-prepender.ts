import {
  type ByteSource,
  type Context,
  EncodeError,
  type Handler,
  type OutboundBytes,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import {
  byteLengthOf,
  checkNumber,
  checkOptions,
  encodeOnce,
  isOutboundBytes,
  type KnownOptions,
  toBuffer,
} from '@headrace/core/authoring';

/** Options of {@link VarintPrepender}. */
export interface VarintPrependerOptions {
  /** The longest body in bytes; take the same limit as the peer's decoder. @default 2147483647 */
  readonly maxBodyLength?: number;
}

const OPTIONS: KnownOptions<VarintPrependerOptions> = {
  maxBodyLength: true,
};

const INT_MAX = 2 ** 31 - 1;

/** A varint and the body that it counts, not yet copied together. */
class VarintPrefixed implements ByteSource {
  readonly byteLength: number;
  private readonly body: OutboundBytes;

  constructor(body: OutboundBytes) {
    const bytes = byteLengthOf(body);
    this.byteLength = varintSize(bytes) + bytes;
    this.body = body;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { body } = this;
    let at = offset;
    let rest = byteLengthOf(body);
    for (; rest > 0x7f; rest >>>= 7) target[at++] = (rest & 0x7f) | 0x80;
    target[at++] = rest;
    if (body instanceof Uint8Array) target.set(body, at);
    else body.writeTo(target, at);
  }
}

/** How many bytes a varint has. */
function varintSize(value: number): number {
  if (value < 1 << 7) return 1;
  if (value < 1 << 14) return 2;
  if (value < 1 << 21) return 3;
  return value < 1 << 28 ? 4 : 5;
}

/**
 * Puts the length of each message before it, as a varint.
 *
 * ```text
 *  BEFORE 300 bytes   →  AFTER ac 02 and the 300 bytes
 * ```
 *
 * **Place** beside {@link VarintFrameDecoder}.
 * **In** outbound `Buffer`, any `Uint8Array`, or a `ByteSource`; anything else passes by.
 * **Out** a `ByteSource` of the length and the body, which is not copied; in a group's broadcast one
 * `Buffer`, made once for all members.
 * **Errors** `HR_ERR_MESSAGE_TOO_LONG` for a body over the limit, which fails the write.
 * **State** none: one instance may serve all channels.
 * **Cost** one small object for each message.
 * **Pitfalls** none.
 *
 * @example
 * ```ts run
 * import { VarintPrepender } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new VarintPrepender());
 * channel.writeOutbound(Buffer.from('hi'));
 * console.log(channel.readOutbound<Buffer>()?.toString('hex')); // prints 026869
 * ```
 * @see Netty's `ProtobufVarint32LengthFieldPrepender`
 */
export class VarintPrepender implements Handler {
  declare readonly types: Types<{ accepts: OutboundBytes; writes: OutboundBytes }>;
  readonly sharable = true;
  private readonly maxBodyLength: number;
  private readonly key: string;
  private readonly encode: (body: OutboundBytes) => OutboundBytes;
  private readonly encodeForMany: (body: OutboundBytes) => OutboundBytes;

  constructor(options: VarintPrependerOptions = {}) {
    checkOptions('VarintPrepender', options, OPTIONS);
    this.maxBodyLength = options.maxBodyLength ?? INT_MAX;
    checkNumber('maxBodyLength', this.maxBodyLength, { max: INT_MAX, integer: true });
    this.key = `VarintPrepender:${this.maxBodyLength}`;
    this.encode = (body) => this.prepend(body);
    this.encodeForMany = (body) => toBuffer(this.prepend(body));
  }

  write(ctx: Context, message: unknown): WriteFuture {
    if (!isOutboundBytes(message)) return ctx.write(message);
    return ctx.write(encodeOnce(this.key, message, this.encode, this.encodeForMany));
  }

  private prepend(body: OutboundBytes): VarintPrefixed {
    const bytes = byteLengthOf(body);
    if (bytes <= this.maxBodyLength) return new VarintPrefixed(body);
    throw new EncodeError(
      'MESSAGE_TOO_LONG',
      `a body of ${bytes} bytes is longer than maxBodyLength, ${this.maxBodyLength}`,
      { bytes, maxBodyLength: this.maxBodyLength },
    );
  }
}
