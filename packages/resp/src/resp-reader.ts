import { Buffer } from 'node:buffer';
import type { ByteInput } from '@headrace/codec';
import { describeFirstBytes, VALUE_BYTES } from '@headrace/codec/authoring';
import { DecodeError } from '@headrace/core';
import { splitInline } from './inline-command.ts';
import {
  type AggregateKind,
  finishAggregate,
  openAggregate,
  type RespAggregate,
} from './resp-aggregate.ts';
import { type RespLimits, tooLong } from './resp-limits.ts';
import { isLineType, lineValue } from './resp-line.ts';
import { respError } from './resp-number.ts';
import { StreamedString } from './resp-streamed-string.ts';
import { RespError, RespNull, type RespValue, RespVerbatim } from './resp-value.ts';

const CR = 13;
const LF = 10;
const MINUS = 0x2d;
const QUESTION_MARK = 0x3f;
/** Maximum number of digits of a length, so that the number is exact. */
const MAX_LENGTH_DIGITS = 15;
const EMPTY: Buffer = Buffer.alloc(0);

/** Stands for a value if more bytes are needed. */
const MORE: unique symbol = Symbol('more');
/** Stands for a value if a part was read, but no value is complete. */
const GOES_ON: unique symbol = Symbol('goes on');
type Part = RespValue | typeof MORE | typeof GOES_ON;

/** Results of `readLength` in place of a length. */
const NO_LENGTH_YET = -2;
const STREAMED = -3;

/**
 * Value count of a string of bytes, because its Buffer and the memory of the Buffer are three objects. This number and the next
 * number are measured.
 */
const STRING_VALUES = 3;
/** Value count of an aggregate in addition to its elements, for which the aggregate reserves memory. */
const AGGREGATE_VALUES = 2;

const BULK = 0x24; // $
const BULK_ERROR = 0x21; // !
const VERBATIM = 0x3d; // =
const CHUNK = 0x3b; // ;

/**
 * The state machine of `RespDecoder`. The reader takes one part after the other from the input: a line, a length or a string. The
 * reader keeps the incomplete aggregates in a list, so that their depth needs no stack. A part is read again only while its own
 * first line is not complete.
 */
export class RespReader {
  private readonly limits: RespLimits;
  private readonly inlineCommands: boolean;
  /** The innermost aggregate that is not complete. */
  private inner: RespAggregate | undefined = undefined;
  /** The type of the unfinished string, or 0. */
  private bulkType = 0;
  private bulkLength = 0;
  private streamed: StreamedString | undefined = undefined;
  private searched = 0;
  /** The count of the current message: its bytes, and {@link VALUE_BYTES} for each value. */
  private messageBytes = 0;
  /** Whether the current message began in an earlier read. */
  private spansReads = false;
  /** The index after the line that `readLength` has read. */
  private afterLength = 0;

  constructor(limits: RespLimits, inlineCommands: boolean) {
    this.limits = limits;
    this.inlineCommands = inlineCommands;
  }

  /** Whether a part of a message has been taken, but not the whole message. */
  get isWithinMessage(): boolean {
    return this.messageBytes > 0;
  }

  /**
   * Takes one message. If the message is not complete, takes the part that has arrived and returns `undefined`. Throws a
   * `DecodeError`.
   */
  read(input: ByteInput): RespValue | undefined {
    for (;;) {
      const part = this.readPart(input);
      if (part === MORE) {
        this.spansReads = this.messageBytes > 0;
        return undefined;
      }
      if (part === GOES_ON) continue;
      const value = this.add(part);
      if (value === GOES_ON) continue;
      this.messageBytes = 0;
      this.spansReads = false;
      return value;
    }
  }

  /** Drops an unfinished message. */
  forget(): void {
    this.inner = undefined;
    this.streamed = undefined;
    this.bulkType = 0;
    this.messageBytes = 0;
  }

  /** Counts a part when its head is known, before a value is made from the part. */
  private count(bytes: number, values: number, input: ByteInput): void {
    this.messageBytes += bytes + values * VALUE_BYTES;
    if (this.messageBytes > this.limits.maxMessageBytes)
      throw tooLong(this.limits, 'maxMessageBytes', this.messageBytes, input);
  }

  private isBetweenMessages(): boolean {
    return this.inner === undefined && this.streamed === undefined;
  }

  private readPart(input: ByteInput): Part {
    if (this.bulkType !== 0) return this.readAwaitedBulk(input);
    if (input.start === input.end) return MORE;
    const type = input.buffer[input.start]!;
    if (this.streamed !== undefined && type !== CHUNK) {
      throw respError("expected ';'", `a chunk must begin with ";"${describeFirstBytes(input)}`);
    }
    switch (type) {
      case BULK:
      case BULK_ERROR:
      case VERBATIM:
      case CHUNK:
        return this.readBulk(input, type);
      case 0x2a: // *
        return this.readAggregate(input, 'array');
      case 0x25: // %
        return this.readAggregate(input, 'map');
      case 0x7e: // ~
        return this.readAggregate(input, 'set');
      case 0x3e: // >
        return this.readAggregate(input, 'push');
      case 0x7c: // |
        return this.readAggregate(input, 'attributes');
      default:
        return this.readLine(input, type);
    }
  }

  // --- strings of bytes ---

  private readBulk(input: ByteInput, type: number): Part {
    const { buffer, end } = input;
    const length = this.readLength(input);
    if (length === NO_LENGTH_YET) return MORE;
    const from = this.afterLength;
    if (length < 0) return this.bulkWithoutLength(input, type, length);
    if (type === CHUNK && this.streamed === undefined) throw unexpected(input);
    const total = this.streamed === undefined ? length : this.streamed.length + length;
    if (total > this.limits.maxBulkBytes) throw tooLong(this.limits, 'maxBulkBytes', total, input);
    // Chunks are joined, and empty strings share one Buffer.
    const values = type === CHUNK || length === 0 ? 1 : STRING_VALUES;
    this.count(from - input.start + length + 2, values, input);
    if (type === CHUNK && length === 0) {
      input.start = from;
      return this.endOfChunks();
    }
    const to = from + length;
    if (to + 2 > end) {
      input.start = from;
      input.wanted = length + 2;
      this.bulkType = type;
      this.bulkLength = length;
      return MORE;
    }
    if (buffer[to] !== CR || buffer[to + 1] !== LF) throw noLineEnd(length);
    input.start = to + 2;
    return this.bulk(type, input.view(from, length));
  }

  private readAwaitedBulk(input: ByteInput): Part {
    const { bulkType, bulkLength } = this;
    if (input.length < bulkLength + 2) return MORE;
    if (input.at(bulkLength) !== CR || input.at(bulkLength + 1) !== LF) throw noLineEnd(bulkLength);
    const data = input.take(bulkLength);
    input.skip(2);
    input.wanted = 0;
    this.bulkType = 0;
    return this.bulk(bulkType, data);
  }

  private bulk(type: number, data: Buffer): Part {
    if (type === BULK) {
      if (data.length === 0) return EMPTY;
      // In a message that spans reads, each string would keep the memory of its read alive.
      return this.spansReads && this.inner !== undefined && isLoose(data) ? copyOf(data) : data;
    }
    if (type === BULK_ERROR) return new RespError(data);
    if (type === VERBATIM) {
      if (data[3] !== 0x3a)
        throw respError('invalid verbatim string', 'a verbatim string has no format');
      return new RespVerbatim(data.toString('latin1', 0, 3), data.subarray(4));
    }
    this.streamed!.add(data);
    return GOES_ON;
  }

  private bulkWithoutLength(input: ByteInput, type: number, length: number): Part {
    if (type !== BULK) throw unexpected(input);
    this.count(this.afterLength - input.start, length === -1 ? 1 : STRING_VALUES + 1, input);
    input.start = this.afterLength;
    if (length === -1) return RespNull.STRING;
    this.streamed = new StreamedString();
    return GOES_ON;
  }

  private endOfChunks(): Buffer {
    const whole = this.streamed!.bytes();
    this.streamed = undefined;
    return whole;
  }

  // --- aggregates ---

  private readAggregate(input: ByteInput, kind: AggregateKind): Part {
    const length = this.readLength(input);
    if (length === NO_LENGTH_YET) return MORE;
    const isPair = kind === 'map' || kind === 'attributes';
    const count = isPair && length > 0 ? length * 2 : length;
    if (count > this.limits.maxElements) throw tooLong(this.limits, 'maxElements', count, input);
    if (kind === 'push' && this.inner !== undefined) throw unexpected(input);
    if (length === -1 && kind !== 'array') throw unexpected(input);
    if (length === STREAMED && (kind === 'push' || kind === 'attributes')) throw unexpected(input);
    const depth = (this.inner?.depth ?? 0) + 1;
    if (depth > this.limits.maxDepth) throw tooLong(this.limits, 'maxDepth', depth, input);
    this.count(this.afterLength - input.start, AGGREGATE_VALUES, input);
    input.start = this.afterLength;
    if (length === -1) return RespNull.ARRAY;
    const left = length === STREAMED ? Number.POSITIVE_INFINITY : count;
    const aggregate = openAggregate(kind, left, this.inner);
    if (left === 0 && kind !== 'attributes') return finishAggregate(aggregate);
    this.inner = left === 0 ? attributed(aggregate) : aggregate;
    return GOES_ON;
  }

  /** Adds a value to the innermost aggregate. Returns the message if the value completes it. */
  private add(part: RespValue): RespValue | typeof GOES_ON {
    let value = part;
    let { inner } = this;
    while (inner !== undefined) {
      inner.items.push(value);
      inner.left -= 1;
      if (inner.left > 0) {
        this.inner = inner;
        if (inner.items.length > this.limits.maxElements)
          throw tooLong(this.limits, 'maxElements', inner.items.length);
        return GOES_ON;
      }
      if (inner.kind === 'attributes') {
        this.inner = attributed(inner);
        return GOES_ON;
      }
      value = finishAggregate(inner);
      inner = inner.outer;
    }
    this.inner = undefined;
    return value;
  }

  private endOfStreamed(input: ByteInput): RespValue {
    const { inner } = this;
    const isStreamed = inner !== undefined && inner.left === Number.POSITIVE_INFINITY;
    if (!isStreamed) throw unexpected(input);
    if (inner.kind === 'map' && inner.items.length % 2 === 1) {
      throw respError('invalid map', 'a map ended after a key without a value');
    }
    this.inner = inner.outer;
    return finishAggregate(inner);
  }

  // --- lines ---

  private readLine(input: ByteInput, type: number): Part {
    const isInline = this.inlineCommands && this.isBetweenMessages() && !isLineType(type);
    if (!isInline && !isLineType(type)) throw unexpected(input);
    const lf = input.indexOf(LF, this.searched);
    const length = lf === -1 ? input.length : lf;
    if (length > this.limits.maxLineBytes)
      throw tooLong(this.limits, 'maxLineBytes', length, input);
    if (lf === -1) {
      this.searched = length;
      return MORE;
    }
    this.searched = 0;
    const hasCr = lf > 0 && input.at(lf - 1) === CR;
    if (isInline) return this.inlineCommand(input, lf, hasCr);
    if (type === 0x2e) this.checkEmpty(input, lf);
    const line = input.buffer.subarray(input.start + 1, input.start + lf - 1);
    if (!hasCr || line.includes(CR)) {
      throw respError(
        'invalid line',
        `a line ends in CRLF and has neither within${describeFirstBytes(input)}`,
      );
    }
    const value = type === 0x2e ? this.endOfStreamed(input) : lineValue(type, line);
    this.count(lf + 1, type === 0x2e ? 0 : 1, input);
    input.start += lf + 1;
    return value;
  }

  private checkEmpty(input: ByteInput, lf: number): void {
    if (lf !== 2) throw respError('invalid end', `"." stands alone${describeFirstBytes(input)}`);
  }

  private inlineCommand(input: ByteInput, lf: number, hasCr: boolean): Part {
    const line = input.take(hasCr ? lf - 1 : lf);
    input.skip(hasCr ? 2 : 1);
    const words = splitInline(line);
    if (words === undefined) {
      throw respError(
        'unbalanced quotes in request',
        'the quotes of an inline command do not match',
      );
    }
    if (words.length === 0) return GOES_ON;
    this.count(lf + 1, AGGREGATE_VALUES + STRING_VALUES * words.length, input);
    return words;
  }

  private readLength(input: ByteInput): number {
    const { buffer, end } = input;
    let at = input.start + 1;
    const sign = at < end ? buffer[at]! : 0;
    if (sign === MINUS || sign === QUESTION_MARK) at += 1;
    const first = at;
    let value = 0;
    for (; at < end; at++) {
      const digit = buffer[at]! - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const digits = at - first;
    if (digits > MAX_LENGTH_DIGITS) throw this.badLength(input);
    if (at >= end) return NO_LENGTH_YET;
    if (buffer[at] !== CR) throw this.badLength(input);
    if (at + 1 === end) return NO_LENGTH_YET;
    const isNothing = sign === MINUS && digits === 1 && value === 1;
    const isStreamed = sign === QUESTION_MARK && digits === 0;
    const isPlain = sign !== MINUS && sign !== QUESTION_MARK && digits > 0;
    if (buffer[at + 1] !== LF || !(isNothing || isStreamed || isPlain)) throw this.badLength(input);
    this.afterLength = at + 2;
    if (isPlain) return value;
    return isNothing ? -1 : STREAMED;
  }

  // --- errors ---

  private badLength(input: ByteInput): DecodeError {
    const isArray = input.at(0) === 0x2a;
    const redis = isArray ? 'invalid multibulk length' : 'invalid bulk length';
    return respError(redis, `a length is not a number${describeFirstBytes(input)}`);
  }
}

/** Opens an aggregate for the value that follows complete attributes. */
function attributed(attributes: RespAggregate): RespAggregate {
  const aggregate = openAggregate('attributed', 1, attributes.outer);
  aggregate.items.push(finishAggregate(attributes));
  return aggregate;
}

function noLineEnd(length: number): DecodeError {
  return respError('invalid bulk length', `no CRLF follows a string of ${length} bytes`);
}

function unexpected(input: ByteInput): DecodeError {
  const got = String.fromCharCode(input.at(0));
  return respError(
    `expected '$', got '${got}'`,
    `${JSON.stringify(got)} is not expected here${describeFirstBytes(input)}`,
  );
}

/** Views up to this size keep too much memory alive. */
const SMALL_BYTES = 2048;
/** Longer views that are less than this share of their memory also keep too much memory alive. */
const SMALL_SHARE = 1 / 4;

/** Returns true for a small view of a large memory, because the view keeps the whole memory alive. */
function isLoose({ length, buffer }: Buffer): boolean {
  const { byteLength } = buffer;
  return (length <= SMALL_BYTES && length < byteLength) || length < byteLength * SMALL_SHARE;
}

/**
 * Copies into memory for these bytes alone, because a part of Node's pool would keep the whole pool alive (64 KiB from Node 24
 * on).
 */
function copyOf(data: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(data.length);
  copy.set(data);
  return copy;
}
