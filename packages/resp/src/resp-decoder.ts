import type { ByteInput } from '@headrace/codec';
import { ByteToMessageDecoder } from '@headrace/codec';
import { BYTES_AND_VALUES, WAITING_OPTIONS } from '@headrace/codec/authoring';
import type { Context, HandlerTypes, Types } from '@headrace/core';
import { describeOptions, flag, whole } from '@headrace/core/authoring';
import { RespReader } from './resp-reader.ts';
import type { RespValue } from './resp-value.ts';

/** Options of {@link RespDecoder}. */
export interface RespDecoderOptions {
  /** Maximum length of a string, in bytes. @default 16_777_216 (16 MiB) */
  readonly maxBulkBytes?: number;
  /** Maximum number of elements in an array, set or push. In a map, keys and values count together. @default 1_048_576 */
  readonly maxElements?: number;
  /** Maximum number of aggregates that are nested in each other. @default 32 */
  readonly maxDepth?: number;
  /**
   * Maximum count of a message: its bytes, plus 64 for each value and chunk, 128 for an aggregate, and 192 for a string of bytes.
   * The held part of a message uses at most twice this number in memory. A part is counted when its head arrives, so that the
   * result does not depend on how the stream is cut.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxMessageBytes?: number;
  /** Maximum length of a line, in bytes: a simple string, an error, or an inline command. @default 65_536 */
  readonly maxLineBytes?: number;
  /** Whether a server accepts commands as typed in telnet: lines without a type byte. @default false */
  readonly inlineCommands?: boolean;
  /** Maximum time for the next part of a message that has begun, in milliseconds, or `false` for no limit. @default 15_000 */
  readonly frameTimeoutMs?: number | false;
  /**
   * Size in bytes below which a string is copied into memory of its own, see {@link ByteToMessageDecoderOptions}.
   * @default false
   */
  readonly copyBelowBytes?: number | false;
}

/** Options of the decoder, also used by `RespCodec`. */
export const RESP_DECODER_OPTIONS = describeOptions(
  'RespDecoder',
  {
    maxBulkBytes: whole({ default: 16 * 1024 * 1024 }),
    maxElements: whole({ default: 1024 * 1024 }),
    maxDepth: whole({ min: 1, default: 32 }),
    maxMessageBytes: whole({ min: 16, default: 64 * 1024 * 1024 }),
    maxLineBytes: whole({ min: 16, default: 64 * 1024 }),
    inlineCommands: flag({ default: false }),
  },
  WAITING_OPTIONS,
);

/**
 * Reads messages of the Redis protocol, versions 2 and 3, whole and nested.
 *
 * ```text
 *  BEFORE "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"  →  AFTER [Buffer "GET", Buffer "k"]
 *  BEFORE "+OK\r\n"                         →  AFTER RespSimple "OK"
 *  BEFORE "%1\r\n+a\r\n:1\r\n"              →  AFTER RespMap [RespSimple "a", 1]
 * ```
 *
 * - **Place** First after the transport (or TLS).
 * - **In** `Buffer`, in reads of any size.
 * - **Out** A {@link RespValue} for each top-level message.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_FRAME_CORRUPT`, also for a simple string that is not UTF-8, `HR_ERR_FRAME_TOO_LONG`, `HR_ERR_TIMEOUT_READ`.
 *   Each error ends the channel, because no later message can be read. `error.details.redis` is the error text of Redis.
 * - **State** The unfinished message: at most `maxMessageBytes` and one read, including its values, and up to twice that size
 *   while memory grows.
 * - **Cost** Each byte of a line is read once. The bytes of strings are not read. Each string is a view.
 * - **Pitfalls** Strings are views of the read. Copy the strings that you keep for long, or set `copyBelowBytes`. A client can
 *   send `"a"` as `+a` or as `$1 a`, which are different values.
 *
 * @example
 * ```ts run
 * import { RespDecoder } from '@headrace/resp';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new RespDecoder());
 * channel.writeInbound(Buffer.from('*2\r\n$3\r\nGET\r\n$1\r\nk\r\n:7\r\n'));
 * console.log(String(channel.readInbound()), channel.readInbound());
 * // prints GET,k 7
 * ```
 * @see Netty's `RedisDecoder` and its aggregators; the specification at redis.io
 */
export class RespDecoder<
  H extends HandlerTypes = Types<{ reads: Buffer; passesOn: RespValue }>,
> extends ByteToMessageDecoder<RespValue, H> {
  private readonly reader: RespReader;

  constructor(options: RespDecoderOptions = {}) {
    const { inlineCommands, ...limits } = RESP_DECODER_OPTIONS.resolve(options);
    super(WAITING_OPTIONS.only(options), BYTES_AND_VALUES);
    this.reader = new RespReader(limits, inlineCommands);
  }

  override isWithinFrame(): boolean {
    return this.reader.isWithinMessage;
  }

  protected override decode(_ctx: Context, input: ByteInput): RespValue | undefined {
    try {
      return this.reader.read(input);
    } catch (error) {
      // The channel can stay open for a while, and the rest of the message is no longer needed.
      this.reader.forget();
      throw error;
    }
  }
}
