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

/** Options of {@link ContentLengthPrepender}. */
export interface ContentLengthPrependerOptions {
  /** The longest body in bytes; take the same limit as the peer's decoder. @default 2147483647 */
  readonly maxBodyLength?: number;
}

const OPTIONS: KnownOptions<ContentLengthPrependerOptions> = { maxBodyLength: true };

const INT_MAX = 2 ** 31 - 1;
const NAME: Buffer = Buffer.from('Content-Length: ');
const END: Buffer = Buffer.from('\r\n\r\n');
const ZERO = 48;

/** A header and the body that it counts, not yet copied together. */
class ContentLengthPrefixed implements ByteSource {
  readonly byteLength: number;
  private readonly body: OutboundBytes;

  constructor(body: OutboundBytes, bytes: number) {
    this.byteLength = NAME.length + digitsOf(bytes) + END.length + bytes;
    this.body = body;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { body } = this;
    const bytes = byteLengthOf(body);
    target.set(NAME, offset);
    const end = offset + NAME.length + digitsOf(bytes);
    let rest = bytes;
    for (let at = end - 1; at >= offset + NAME.length; at--) {
      target[at] = ZERO + (rest % 10);
      rest = Math.floor(rest / 10);
    }
    target.set(END, end);
    if (body instanceof Uint8Array) target.set(body, end + END.length);
    else body.writeTo(target, end + END.length);
  }
}

function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits += 1;
  return digits;
}

/**
 * Puts a header with the length of each message before it, as the Language Server Protocol has it.
 *
 * ```text
 *  BEFORE "{}"   →  AFTER Content-Length: 2 CR LF CR LF { }
 * ```
 *
 * **Place** beside {@link ContentLengthFrameDecoder}.
 * **In** outbound `Buffer`, any `Uint8Array`, or a `ByteSource`; anything else passes by.
 * **Out** a `ByteSource` of the header and the body, which is not copied; in a group's broadcast one
 * `Buffer`, made once for all members.
 * **Errors** `HR_ERR_MESSAGE_TOO_LONG` for a body over the limit, which fails the write.
 * **State** none: one instance may serve all channels.
 * **Cost** one small object for each message.
 * **Pitfalls** none.
 *
 * @example
 * ```ts run
 * import { ContentLengthPrepender } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new ContentLengthPrepender());
 * channel.writeOutbound(Buffer.from('{}'));
 * console.log(JSON.stringify(String(channel.readOutbound())));
 * // prints "Content-Length: 2\r\n\r\n{}"
 * ```
 * @see the Language Server Protocol, "Base Protocol"
 */
export class ContentLengthPrepender implements Handler {
  declare readonly types: Types<{ accepts: OutboundBytes; writes: OutboundBytes }>;
  readonly sharable = true;
  private readonly maxBodyLength: number;
  private readonly key: string;
  private readonly encode: (body: OutboundBytes) => OutboundBytes;
  private readonly encodeForMany: (body: OutboundBytes) => OutboundBytes;

  constructor(options: ContentLengthPrependerOptions = {}) {
    checkOptions('ContentLengthPrepender', options, OPTIONS);
    this.maxBodyLength = options.maxBodyLength ?? INT_MAX;
    checkNumber('maxBodyLength', this.maxBodyLength, { max: INT_MAX, integer: true });
    this.key = `ContentLengthPrepender:${this.maxBodyLength}`;
    this.encode = (body) => this.prepend(body);
    this.encodeForMany = (body) => toBuffer(this.prepend(body));
  }

  write(ctx: Context, message: unknown): WriteFuture {
    if (!isOutboundBytes(message)) return ctx.write(message);
    return ctx.write(encodeOnce(this.key, message, this.encode, this.encodeForMany));
  }

  private prepend(body: OutboundBytes): ContentLengthPrefixed {
    const bytes = byteLengthOf(body);
    if (bytes <= this.maxBodyLength) return new ContentLengthPrefixed(body, bytes);
    throw new EncodeError(
      'MESSAGE_TOO_LONG',
      `a body of ${bytes} bytes is longer than maxBodyLength, ${this.maxBodyLength}`,
      { bytes, maxBodyLength: this.maxBodyLength },
    );
  }
}
