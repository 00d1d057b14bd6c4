import type { Context, HandlerTypes, Types } from '@headrace/core';
import { describeOptions, flag, whole } from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import { ByteToMessageDecoder, WAITING_OPTIONS } from '../base/byte-to-message-decoder.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { RespReader } from './resp-reader.ts';
import type { RespValue } from './resp-value.ts';

/** Options of {@link RespDecoder}. */
export interface RespDecoderOptions {
  /** The longest string of bytes. @default 16_777_216 (16 MiB) */
  readonly maxBulkBytes?: number;
  /** The most elements of one array, set or push; of a map, keys and values together. @default 1_048_576 */
  readonly maxElements?: number;
  /** How many aggregates may be nested. @default 32 */
  readonly maxDepth?: number;
  /**
   * The most that one message may count: its bytes, and 64 for each value and chunk in it, 128 for an aggregate, 192
   * for a string of bytes. The part of it that is held takes at most twice as much memory. Counted when the head of a part
   * arrives, so the cut does not matter.
   * @default 67_108_864 (64 MiB)
   */
  readonly maxMessageBytes?: number;
  /** The longest line: simple strings, errors, inline commands. @default 65_536 */
  readonly maxLineBytes?: number;
  /** For servers: a line that does not begin with a type byte is a command, as typed in telnet. @default false */
  readonly inlineCommands?: boolean;
  /** How many milliseconds the next part of a begun message may take, `false` for ever. @default 15_000 */
  readonly frameTimeoutMs?: number | false;
  /** Strings below this size get memory of their own, see {@link ByteToMessageDecoderOptions}. @default false */
  readonly copyBelowBytes?: number | false;
}

/** Options of the decoder; `RespCodec` uses them. */
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
 * **Place** first after the transport (or TLS).
 * **In** `Buffer`, in any cut.
 * **Out** a {@link RespValue} for each message at the top.
 * **Events** as {@link ByteToMessageDecoder}.
 * **Errors** `HR_ERR_FRAME_CORRUPT`, `HR_ERR_FRAME_TOO_LONG`, `HR_ERR_TIMEOUT_READ`: after them nothing can
 * be read, so the channel ends. `error.details.redis` is the error text of Redis.
 * **State** the message that is being read: at most `maxMessageBytes` and one read, values included, up to
 * twice that while memory grows.
 * **Cost** each byte of a line is read once, the bytes of strings are not; a view for each string.
 * **Pitfalls** strings are views of what was read: copy what you keep for long, or set `copyBelowBytes`. `"a"`
 * sent by a client as `+a` is not the same as `$1 a`.
 *
 * @example
 * ```ts run
 * import { RespDecoder } from '@headrace/codec';
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
      // The channel may stay open for a while; what was read of the message is not needed any more.
      this.reader.forget();
      throw error;
    }
  }
}
