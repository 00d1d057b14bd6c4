import zlib from 'node:zlib';
import { type Context, DecodeError, type OutboundBytes } from '@headrace/core';
import { checkNumber, choice, describeOptions, toBuffer, whole } from '@headrace/core/authoring';
import {
  MESSAGE_DECODER_OPTIONS,
  type MessageToMessageDecoderOptions,
} from '../base/message-decoding.ts';
import { MessageToMessageCodec } from '../base/message-to-message-codec.ts';
import { BYTES_AND_BYTES } from '../base/usual-kinds.ts';

/** How bytes are compressed: gzip, zlib (`deflate`), zlib without header (`deflate-raw`), Brotli. */
export type CompressionFormat = 'gzip' | 'deflate' | 'deflate-raw' | 'brotli';

/** Options of {@link CompressionCodec}. */
export interface CompressionCodecOptions extends MessageToMessageDecoderOptions {
  readonly format: CompressionFormat;
  /** The largest message in bytes, inflated; for what comes in. @default 1_048_576 */
  readonly maxInflatedBytes?: number;
  /** The effort, a number from 0 (fast) to 9 (small), with Brotli to 11. @default 6, with Brotli 4 */
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
  readonly inflate: (bytes: Uint8Array, maxOutputLength: number) => Buffer;
}

const METHODS: Readonly<Record<CompressionFormat, Methods>> = {
  gzip: {
    maxLevel: 9,
    deflate: (bytes, level) => zlib.gzipSync(bytes, { level }),
    inflate: (bytes, maxOutputLength) => zlib.gunzipSync(bytes, { maxOutputLength }),
  },
  deflate: {
    maxLevel: 9,
    deflate: (bytes, level) => zlib.deflateSync(bytes, { level }),
    inflate: (bytes, maxOutputLength) => zlib.inflateSync(bytes, { maxOutputLength }),
  },
  'deflate-raw': {
    maxLevel: 9,
    deflate: (bytes, level) => zlib.deflateRawSync(bytes, { level }),
    inflate: (bytes, maxOutputLength) => zlib.inflateRawSync(bytes, { maxOutputLength }),
  },
  brotli: {
    maxLevel: 11,
    deflate: (bytes, level) =>
      zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: level } }),
    inflate: (bytes, maxOutputLength) => zlib.brotliDecompressSync(bytes, { maxOutputLength }),
  },
};

/**
 * Compresses each outbound message and inflates each inbound one, each on its own, in order, and never to more
 * bytes than allowed.
 *
 * ```text
 *  wire | frame | [CompressionCodec] | message codec | app
 *  BEFORE 1f 8b 08 … (gzip of "hi")  →  AFTER "hi"
 * ```
 *
 * **Place** between a frame decoder and a message codec. **In** bytes both ways; anything else is refused (`otherMessages`).
 * **Out** `Buffer` both ways. **Events** all pass. **Errors** `HR_ERR_FRAME_TOO_LONG` for a message that would inflate to more
 * than `maxInflatedBytes`: it is not inflated any further; `HR_ERR_MESSAGE_INVALID` for bytes that are not compressed so, or are
 * cut off. **State** whether it has failed: one codec for each channel. **Cost** it works on the event loop, which keeps the
 * order at no cost: some ten microseconds for each message and about a millisecond for 64 KiB. A broadcast to a group is
 * compressed once. **Pitfalls** small messages get larger. If secrets are compressed together with what a stranger chose, the
 * size of the result reveals something about the secrets.
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
 * @see Netty's `JdkZlibDecoder`, whose one stream for a whole connection this is not
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
    try {
      return this.methods.inflate(bytes, this.maxInflatedBytes);
    } catch (thrown) {
      throw this.refuse(bytes, thrown as NodeJS.ErrnoException);
    }
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
