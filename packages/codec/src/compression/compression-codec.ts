import zlib from 'node:zlib';
import { type Context, DecodeError, type OutboundBytes } from '@headrace/core';
import { checkNumber, choice, describeOptions, toBuffer, whole } from '@headrace/core/authoring';
import {
  MESSAGE_DECODER_OPTIONS,
  type MessageToMessageDecoderOptions,
} from '../base/message-decoding.ts';
import { MessageToMessageCodec } from '../base/message-to-message-codec.ts';
import { BYTES_AND_BYTES } from '../base/usual-kinds.ts';

/** The format of compressed bytes: gzip, zlib (`deflate`), zlib without a header (`deflate-raw`), or Brotli. */
export type CompressionFormat = 'gzip' | 'deflate' | 'deflate-raw' | 'brotli';

/** Options of {@link CompressionCodec}. */
export interface CompressionCodecOptions extends MessageToMessageDecoderOptions {
  readonly format: CompressionFormat;
  /** Maximum length of an inbound message after inflation, in bytes. @default 1_048_576 */
  readonly maxInflatedBytes?: number;
  /** The compression effort, a whole number from 0 (fast) to 9 (small), or to 11 with Brotli. @default 6, with Brotli 4 */
  readonly level?: number;
}

const OPTIONS = describeOptions(
  'CompressionCodec',
  {
    format: choice(['gzip', 'deflate', 'deflate-raw', 'brotli'], { required: true }),
    maxInflatedBytes: whole({ min: 1, max: 2 ** 31, default: 1024 * 1024 }),
    level: whole(),
  },
  MESSAGE_DECODER_OPTIONS,
);

interface Methods {
  readonly maxLevel: number;
  readonly deflate: (bytes: Uint8Array, level: number) => Buffer;
  readonly inflate: (bytes: Uint8Array, options: InflateOptions) => Buffer;
}

/** With `info`, zlib returns an {@link Inflated} in place of a `Buffer`, which Node's types do not mention. */
interface InflateOptions {
  readonly maxOutputLength: number;
  readonly info: true;
}

interface Inflated {
  readonly buffer: Buffer;
  /** `bytesWritten` is the number of bytes that zlib has read. */
  readonly engine: { readonly bytesWritten: number };
}

const METHODS: Readonly<Record<CompressionFormat, Methods>> = {
  gzip: {
    maxLevel: 9,
    deflate: (bytes, level) => zlib.gzipSync(bytes, { level }),
    inflate: (bytes, options) => zlib.gunzipSync(bytes, options),
  },
  deflate: {
    maxLevel: 9,
    deflate: (bytes, level) => zlib.deflateSync(bytes, { level }),
    inflate: (bytes, options) => zlib.inflateSync(bytes, options),
  },
  'deflate-raw': {
    maxLevel: 9,
    deflate: (bytes, level) => zlib.deflateRawSync(bytes, { level }),
    inflate: (bytes, options) => zlib.inflateRawSync(bytes, options),
  },
  brotli: {
    maxLevel: 11,
    deflate: (bytes, level) =>
      zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: level } }),
    inflate: (bytes, options) => zlib.brotliDecompressSync(bytes, options),
  },
};

/**
 * Compresses each outbound message and inflates each inbound message, in order and independently of other messages. Inflation
 * stops at a size limit.
 *
 * ```text
 *  wire | frame | [CompressionCodec] | message codec | app
 *  BEFORE 1f 8b 08 … (gzip of "hi")  →  AFTER "hi"
 * ```
 *
 * - **Place** Between a frame decoder and a message codec.
 * - **In** Bytes in both directions. Other messages are refused (`otherMessages`).
 * - **Out** `Buffer` in both directions.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG` for a message that would inflate to more than `maxInflatedBytes`. Inflation stops there.
 *   `HR_ERR_MESSAGE_INVALID` for bytes that are truncated, not compressed in this format, or followed by other bytes. With gzip,
 *   several members in a row are one message (RFC 1952).
 * - **State** Whether decoding has failed. Each channel needs its own codec.
 * - **Cost** The codec works on the event loop, which keeps the order without extra cost. A small message takes about
 *   ten microseconds, and a message of 64 KiB about a millisecond. A broadcast to a group is compressed once.
 * - **Pitfalls** Small messages grow. If a message contains secrets and also text that a stranger chose, its compressed size
 *   reveals information about the secrets.
 *
 * @example
 * ```ts run
 * import { CompressionCodec, lengthPrefixed, StringCodec } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel();
 * channel.pipeline.addLast(
 *   ...lengthPrefixed({ maxFrameLength: 65_536 }),
 *   new CompressionCodec({ format: 'gzip', maxInflatedBytes: 1_000_000 }),
 *   new StringCodec(),
 * );
 * channel.writeOutbound('hello '.repeat(1000));
 * const bytes = channel.readOutbound<Buffer>();
 * channel.writeInbound(bytes);
 * console.log(bytes!.length < 100, channel.readInbound<string>()?.length); // prints true 6000
 * ```
 * @see Netty's `JdkZlibDecoder`, which, unlike this codec, uses one stream for a whole connection
 */
export class CompressionCodec extends MessageToMessageCodec<
  Buffer,
  Buffer,
  OutboundBytes,
  OutboundBytes
> {
  private readonly format: CompressionFormat;
  private readonly methods: Methods;
  private readonly maxInflatedBytes: number;
  private readonly level: number;

  constructor(options: CompressionCodecOptions) {
    const { format, maxInflatedBytes, ...given } = OPTIONS.resolve(options);
    const methods = METHODS[format];
    const { level = format === 'brotli' ? 4 : 6 } = given;
    super(options, `CompressionCodec:${format}:${level}`, BYTES_AND_BYTES, OPTIONS);
    this.format = format;
    this.methods = methods;
    this.level = checkNumber('level', level, { max: methods.maxLevel, integer: true });
    this.maxInflatedBytes = maxInflatedBytes;
  }

  override decode(_ctx: Context, bytes: Buffer): Buffer {
    const { maxInflatedBytes: maxOutputLength } = this;
    let inflated: Inflated;
    try {
      const result: unknown = this.methods.inflate(bytes, { maxOutputLength, info: true });
      inflated = result as Inflated;
    } catch (thrown) {
      throw this.refuse(bytes, thrown as NodeJS.ErrnoException);
    }
    // zlib stops at the end of the compressed data, and reports no error for what follows.
    const left = bytes.length - inflated.engine.bytesWritten;
    if (left > 0) throw this.refuse(bytes, new Error(`${left} bytes follow the compressed data`));
    return inflated.buffer;
  }

  override encode(bytes: OutboundBytes): Buffer {
    return this.methods.deflate(toBuffer(bytes), this.level);
  }

  private refuse(bytes: Buffer, thrown: NodeJS.ErrnoException): DecodeError {
    const details = { bytes: bytes.length, maxInflatedBytes: this.maxInflatedBytes };
    if (thrown.code === 'ERR_BUFFER_TOO_LARGE') {
      const text = `${bytes.length} bytes inflate to more than maxInflatedBytes, ${this.maxInflatedBytes}`;
      return new DecodeError('FRAME_TOO_LONG', text, details, thrown);
    }
    const text = `${bytes.length} bytes are not valid ${this.format}: ${thrown.message}`;
    return new DecodeError('MESSAGE_INVALID', text, details, thrown);
  }
}
