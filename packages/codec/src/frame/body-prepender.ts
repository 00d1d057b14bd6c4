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
  describeOptions,
  encodeOnce,
  isOutboundBytes,
  toBuffer,
  whole,
} from '@headrace/core/authoring';

/** Options of the prependers whose header fits any length. */
export interface BodyPrependerOptions {
  /** The longest body in bytes; take the same limit as the peer's decoder. @default 2147483647 */
  readonly maxBodyLength?: number;
}

const INT_MAX = 2 ** 31 - 1;
const OPTIONS = describeOptions('BodyPrepender', {
  maxBodyLength: whole({ max: INT_MAX, default: INT_MAX }),
});

/** How the length of a body is written before it. */
export interface LengthHeader {
  sizeOf(bodyBytes: number): number;
  /** Returns where the body begins. */
  write(target: Uint8Array, offset: number, bodyBytes: number): number;
}

/** A header and the body that it counts, not yet copied together. */
class Prefixed implements ByteSource {
  readonly byteLength: number;
  private readonly header: LengthHeader;
  private readonly body: OutboundBytes;

  constructor(header: LengthHeader, body: OutboundBytes, bytes: number) {
    this.byteLength = header.sizeOf(bytes) + bytes;
    this.header = header;
    this.body = body;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { body } = this;
    const at = this.header.write(target, offset, byteLengthOf(body));
    if (body instanceof Uint8Array) target.set(body, at);
    else body.writeTo(target, at);
  }
}

/** Puts the length of each message before it: the base of the prependers whose header fits any length. */
export abstract class BodyPrepender implements Handler {
  declare readonly types: Types<{ accepts: OutboundBytes; writes: OutboundBytes }>;
  readonly sharable = true;
  private readonly header: LengthHeader;
  private readonly maxBodyLength: number;
  private readonly key: string;
  private readonly encode = (body: OutboundBytes): OutboundBytes => this.prepend(body);
  private readonly encodeForMany = (body: OutboundBytes): OutboundBytes =>
    toBuffer(this.prepend(body));

  /** @param name - the class, for errors and broadcasts */
  constructor(name: string, header: LengthHeader, options: BodyPrependerOptions) {
    const { maxBodyLength } = OPTIONS.resolve(options, name);
    this.header = header;
    this.maxBodyLength = maxBodyLength;
    this.key = `${name}:${maxBodyLength}`;
  }

  write(ctx: Context, message: unknown): WriteFuture {
    if (!isOutboundBytes(message)) return ctx.write(message);
    return ctx.write(encodeOnce(this.key, message, this.encode, this.encodeForMany));
  }

  private prepend(body: OutboundBytes): Prefixed {
    const { header, maxBodyLength } = this;
    const bytes = byteLengthOf(body);
    if (bytes <= maxBodyLength) return new Prefixed(header, body, bytes);
    throw new EncodeError(
      'MESSAGE_TOO_LONG',
      `a body of ${bytes} bytes is longer than maxBodyLength, ${maxBodyLength}`,
      { bytes, maxBodyLength },
    );
  }
}
