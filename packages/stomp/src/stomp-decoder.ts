import { Buffer } from 'node:buffer';
import type { ByteInput } from '@headrace/codec';
import { ByteToMessageDecoder } from '@headrace/codec';
import { BYTES_AND_VALUES, frameTooLong, WAITING_OPTIONS } from '@headrace/codec/authoring';
import { type Channel, type Context, DecodeError } from '@headrace/core';
import { describeOptions, whole } from '@headrace/core/authoring';
import { parseStompHead, type StompHead } from './parse-stomp-head.ts';
import { StompFrame } from './stomp-frame.ts';
import { noteStompVersion, stompVersionOf } from './stomp-version.ts';

/** Options of {@link StompDecoder}. */
export interface StompDecoderOptions {
  /** Maximum length of a command and its headers, in bytes. @default 8192 */
  readonly maxHeadBytes?: number;
  /** Maximum number of headers in a frame. Each header uses more memory than its bytes. @default 100 */
  readonly maxHeaders?: number;
  /** Maximum length of a body, in bytes. @default 65_536 */
  readonly maxBodyBytes?: number;
  /** Maximum time for the head of a frame, and then for its body, in milliseconds, or `false` for no limit. @default 15_000 */
  readonly frameTimeoutMs?: number | false;
  /**
   * Size in bytes below which a body is copied into memory of its own, see {@link ByteToMessageDecoderOptions}.
   * @default false
   */
  readonly copyBelowBytes?: number | false;
}

const OPTIONS = describeOptions(
  'StompDecoder',
  {
    maxHeadBytes: whole({ min: 1, default: 8192 }),
    maxHeaders: whole({ default: 100 }),
    maxBodyBytes: whole({ default: 65_536 }),
  },
  WAITING_OPTIONS,
);

const EMPTY: Buffer = Buffer.alloc(0);
const LF = 10;
const CR = 13;
const NUL = 0;

/**
 * Reads frames of STOMP 1.0 to 1.2. CONNECT and CONNECTED decide about the version, as the specifications do: without a version,
 * it is 1.0, which has no escapes. Before them, it is 1.2.
 *
 * ```text
 *  BEFORE SEND\ndestination:/queue/a\n\nhello\0\n
 *  AFTER  StompFrame { command: 'SEND', headers: [['destination', '/queue/a']], body: 'hello' }
 * ```
 *
 * - **Place** First after the transport, next to {@link StompEncoder}.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** {@link StompFrame}.
 * - **Events** See {@link ByteToMessageDecoder}. The line ends between frames are STOMP's heartbeats and do not pass on. An idle
 *   handler before the decoder sees them as reads.
 * - **Errors** `HR_ERR_FRAME_CORRUPT`, `HR_ERR_FRAME_TOO_LONG`, `HR_ERR_TIMEOUT_READ`. Each error ends the channel, because the
 *   beginning of the next frame cannot be found after a bad frame.
 * - **State** The unfinished frame, within its limits and one read. Each channel needs its own decoder. The channel keeps the
 *   version.
 * - **Cost** Every byte is searched once.
 * - **Pitfalls** A body with a zero byte needs a content-length. A colon in a header's value is part of the value, as in STOMP
 *   1.0 and most brokers, although STOMP 1.2 requires an escape. A CR that does not end a line is refused.
 *
 * @example
 * ```ts run
 * import { StompDecoder, type StompFrame } from '@headrace/stomp';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new StompDecoder());
 * channel.writeInbound(Buffer.from('SEND\ndestination:/queue/a\n\nhello\0\n'));
 * const frame = channel.readInbound<StompFrame>();
 * console.log(frame?.command, frame?.header('destination'), String(frame?.body));
 * // prints SEND /queue/a hello
 * ```
 * @see Netty's `StompSubframeDecoder`, https://stomp.github.io/stomp-specification-1.2.html
 */
export class StompDecoder extends ByteToMessageDecoder<StompFrame> {
  private readonly maxHeadBytes: number;
  private readonly maxHeaders: number;
  private readonly maxBodyBytes: number;
  /** The head of the frame whose body has not arrived. */
  private head: StompHead | undefined = undefined;
  private searched = 0;
  private lineStart = 0;

  constructor(options: StompDecoderOptions = {}) {
    const { maxHeadBytes, maxHeaders, maxBodyBytes } = OPTIONS.resolve(options);
    super(WAITING_OPTIONS.only(options), BYTES_AND_VALUES);
    this.maxHeadBytes = maxHeadBytes;
    this.maxHeaders = maxHeaders;
    this.maxBodyBytes = maxBodyBytes;
  }

  override isWithinFrame(): boolean {
    return this.head !== undefined;
  }

  protected override decode(ctx: Context, input: ByteInput): StompFrame | undefined {
    const { channel } = ctx;
    if (this.head === undefined) this.readHead(channel, input);
    if (this.head === undefined) return undefined;
    const frame = this.readBody(input, this.head);
    if (frame !== undefined) noteStompVersion(channel, frame);
    return frame;
  }

  private readHead(channel: Channel, input: ByteInput): void {
    if (this.searched === 0) {
      skipLineEnds(input);
      // Half a line end between frames.
      if (input.length === 0 || (input.length === 1 && input.at(0) === CR)) return;
    }
    const end = this.findEmptyLine(input);
    if ((end === -1 ? input.length : end) > this.maxHeadBytes) {
      throw frameTooLong(input, 'a head', input.length, 'maxHeadBytes', this.maxHeadBytes);
    }
    if (end === -1) return;
    this.searched = 0;
    this.lineStart = 0;
    const head = parseStompHead(input.take(end), this.maxHeaders, stompVersionOf(channel));
    const { contentLength = 0 } = head;
    if (contentLength > this.maxBodyBytes) {
      throw frameTooLong(input, 'a body', contentLength, 'maxBodyBytes', this.maxBodyBytes);
    }
    this.head = head;
  }

  /** Returns the index after the empty line, or -1. */
  private findEmptyLine(input: ByteInput): number {
    for (;;) {
      const lf = input.indexOf(LF, this.searched);
      if (lf === -1) break;
      const length = lf - this.lineStart;
      this.searched = lf + 1;
      if (length === 0 || (length === 1 && input.at(lf - 1) === CR)) return lf + 1;
      this.lineStart = lf + 1;
    }
    this.searched = input.length;
    return -1;
  }

  private readBody(input: ByteInput, head: StompHead): StompFrame | undefined {
    const { contentLength } = head;
    const length = contentLength ?? input.indexOf(NUL, this.searched);
    if (length === -1 || input.length <= length) {
      if (contentLength === undefined) this.searched = input.length;
      else input.wanted = contentLength + 1;
      if (contentLength === undefined && input.length > this.maxBodyBytes) {
        throw frameTooLong(input, 'a body', input.length, 'maxBodyBytes', this.maxBodyBytes);
      }
      return undefined;
    }
    if (length > this.maxBodyBytes)
      throw frameTooLong(input, 'a body', length, 'maxBodyBytes', this.maxBodyBytes);
    if (input.at(length) !== NUL) {
      const text = `a body of content-length ${length} does not end in a zero byte`;
      throw new DecodeError('FRAME_CORRUPT', `no STOMP frame: ${text}`, { contentLength: length });
    }
    this.head = undefined;
    this.searched = 0;
    // A view of an empty body would keep the memory of the read alive.
    const body = length === 0 ? EMPTY : input.take(length);
    input.skip(1);
    return new StompFrame(head.command, head.headers, body);
  }
}

function skipLineEnds(input: ByteInput): void {
  let count = 0;
  for (; count < input.length; count++) {
    const byte = input.at(count);
    const isCrlf = byte === CR && input.length > count + 1 && input.at(count + 1) === LF;
    if (byte !== LF && !isCrlf) break;
  }
  input.skip(count);
}
