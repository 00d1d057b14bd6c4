import { type Context, DecodeError } from '@headrace/core';
import { describeOptions, flag, rememberMethods, whole } from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import { describeFirstBytes, frameTooLong } from './first-bytes.ts';

/** Options of {@link JsonObjectDecoder}. */
export interface JsonObjectDecoderOptions extends ByteToMessageDecoderOptions {
  /** Maximum length of an object, an array or a streamed element, in bytes. @default 1_048_576 */
  readonly maxObjectLength?: number;
  /** Whether to pass on each element of a top-level array as a frame of its own. @default false */
  readonly streamArrayElements?: boolean;
}

const OPTIONS = describeOptions(
  'JsonObjectDecoder',
  {
    maxObjectLength: whole({ min: 1, default: 1024 * 1024 }),
    streamArrayElements: flag({ default: false }),
  },
  BYTE_DECODER_OPTIONS,
);

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** The states: between values, in a value, in the elements of an array, or lost after corrupt input. */
const BETWEEN = 0;
const IN_VALUE = 1;
const IN_ARRAY = 2;
const LOST = 3;

/**
 * Cuts a stream of JSON objects or arrays into one frame for each value. White space between the values is allowed. The decoder
 * only counts braces and brackets outside strings. {@link JsonCodec} checks whether a frame is JSON.
 *
 * ```text
 *  BEFORE {"a":1}{"b | ":"}"} [1]             →  AFTER '{"a":1}', '{"b":"}"}', '[1]'
 * streamArrayElements: true
 *  BEFORE [ {"a":1}, [2] , 3 ]                →  AFTER '{"a":1}', '[2]', '3'
 * ```
 *
 * - **Place** First after the transport, for peers that send JSON without any framing.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** One `Buffer` for each object, array or element.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_FRAME_CORRUPT` for a value that is not an object or an array. After this error, all input is dropped.
 *   `HR_ERR_FRAME_TOO_LONG` for an object over `maxObjectLength`. With `frameErrorPolicy: 'skip'`, exactly that object is
 *   skipped. With `'emit'`, all bytes that have arrived are dropped, as in Netty. `HR_ERR_TIMEOUT_READ` for an object that does
 *   not end in time.
 * - **State** The unfinished object, at most `maxObjectLength` bytes and one read. Each channel needs its own decoder.
 * - **Cost** Every byte is examined once.
 * - **Pitfalls** Numbers, strings and `null` at the top level are not frames, because nothing marks their end.
 *
 * @example
 * ```ts run
 * import { JsonObjectDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new JsonObjectDecoder());
 * channel.writeInbound(Buffer.from('{"a":1}{"b'), Buffer.from('":2}'));
 * console.log(String(channel.readInbound()), String(channel.readInbound())); // prints {"a":1} {"b":2}
 * ```
 * @see Netty's `JsonObjectDecoder`
 */
export class JsonObjectDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly maxObjectLength: number;
  private readonly streamArrayElements: boolean;
  private state = BETWEEN;
  private depth = 0;
  private inString = false;
  private escaped = false;
  private scanned = 0;
  /** Whether the rest of an object that is too long is being discarded. */
  private discarding = false;

  constructor(options: JsonObjectDecoderOptions = {}) {
    const { maxObjectLength, streamArrayElements } = OPTIONS.resolve(options);
    super(options, undefined, OPTIONS);
    this.maxObjectLength = maxObjectLength;
    this.streamArrayElements = streamArrayElements;
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  override isWithinFrame(): boolean {
    return this.discarding;
  }

  /** @internal Counts a streamed array that has begun, although no deadline runs for its next element. */
  protected override heldBytes(): number {
    return super.heldBytes() || (this.state === IN_ARRAY ? 1 : 0);
  }

  protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
    if (this.state === LOST) {
      input.skip(input.length);
      return undefined;
    }
    if (this.state === BETWEEN && !this.begin(input)) return undefined;
    const { length } = input;
    // At this length the object is too long, even if it ends here.
    const limit = this.discarding ? length : Math.min(length, this.maxObjectLength + 1);
    const end = this.findEnd(input, limit);
    if (end !== -1) return this.finish(input, end);
    this.scanned = limit;
    if (this.discarding) {
      input.skip(length);
      this.scanned = 0;
    } else if (limit > this.maxObjectLength) throw this.exceeded(input);
    return undefined;
  }

  /** Returns the index of the last brace of a value, or of the comma or bracket after an element, or -1. */
  private findEnd(input: ByteInput, limit: number): number {
    const { buffer, start } = input;
    const isElement = this.state === IN_ARRAY;
    let { depth, inString } = this;
    let at = this.scanned;
    for (; at < limit; at++) {
      const byte = buffer[start + at]!;
      if (inString) {
        if (this.escaped) this.escaped = false;
        else if (byte === BACKSLASH) this.escaped = true;
        else if (byte === QUOTE) inString = false;
      } else if (byte === QUOTE) {
        inString = true;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth += 1;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth -= 1;
        if (depth === 0 && (!isElement || byte === CLOSE_BRACKET)) break;
      } else if (isElement && byte === COMMA && depth === 1) break;
    }
    this.depth = depth;
    this.inString = inString;
    return at < limit ? at : -1;
  }

  /** Skips white space. Returns false if no value has begun. */
  private begin(input: ByteInput): boolean {
    let at = 0;
    while (at < input.length && isWhiteSpace(input.at(at))) at += 1;
    input.skip(at);
    this.scanned = 0;
    if (input.length === 0) return false;
    const byte = input.at(0);
    if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) throw this.corrupt(input);
    this.depth = 1;
    this.inString = false;
    this.escaped = false;
    if (byte === OPEN_BRACKET && this.streamArrayElements) {
      this.state = IN_ARRAY;
      input.skip(1);
    } else {
      this.state = IN_VALUE;
      this.scanned = 1;
    }
    return true;
  }

  /** Takes a value. The byte at `at` ends the value, or is the comma or bracket after it. */
  private finish(input: ByteInput, at: number): Buffer | undefined {
    const byte = input.at(at);
    const isElement = this.state === IN_ARRAY;
    const frameEnd = isElement ? at : at + 1;
    const isTooLong = frameEnd > this.maxObjectLength && !this.discarding;
    // The treatment of the rest must not depend on whether the end of the too long value has arrived.
    if (isTooLong && this.frameErrorPolicy !== 'skip') throw this.exceeded(input);
    if (!isElement || byte === CLOSE_BRACKET) this.state = BETWEEN;
    this.scanned = 0;
    if (isTooLong) throw this.tooLong(input, `${frameEnd}`, at + 1);
    const frame = input.take(at + 1).subarray(0, frameEnd);
    if (this.discarding) {
      this.discarding = false;
      return undefined;
    }
    return isElement ? trimmed(frame) : frame;
  }

  private exceeded(input: ByteInput): DecodeError {
    if (this.frameErrorPolicy === 'skip') {
      this.discarding = true;
      const error = this.tooLong(input, `at least ${this.scanned}`, this.scanned);
      this.scanned = 0;
      return error;
    }
    this.state = BETWEEN;
    this.scanned = 0;
    return this.tooLong(input, `at least ${this.maxObjectLength + 1}`, input.length);
  }

  private tooLong(input: ByteInput, length: string, dropped: number): DecodeError {
    const { maxObjectLength } = this;
    const error = frameTooLong(input, 'a JSON value', length, 'maxObjectLength', maxObjectLength);
    input.skip(dropped);
    return error;
  }

  /** Handles corrupt input. After it, no value can be recognized. */
  private corrupt(input: ByteInput): DecodeError {
    const error = new DecodeError(
      'FRAME_CORRUPT',
      `neither a JSON object nor an array${describeFirstBytes(input)}`,
      { firstByte: input.at(0) },
    );
    this.state = LOST;
    input.skip(1);
    return error;
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(JsonObjectDecoder);

/** Returns true for white space as defined in Java, for the same result as Netty: tab to CR, FS to US, and space. */
function isWhiteSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 9 && byte <= 13) || (byte >= 28 && byte <= 31);
}

function trimmed(frame: Buffer): Buffer {
  let [start, end] = [0, frame.length];
  while (start < end && isWhiteSpace(frame[start]!)) start += 1;
  while (end > start && isWhiteSpace(frame[end - 1]!)) end -= 1;
  return frame.subarray(start, end);
}
