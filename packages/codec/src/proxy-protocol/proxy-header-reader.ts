import { Buffer } from 'node:buffer';
import { DecodeError } from '@headrace/core';
import type { ByteInput } from '../base/byte-input.ts';
import { describeFirstBytes } from '../frame/first-bytes.ts';
import {
  BLOCK_HEAD_BYTES,
  checkBlockHead,
  MAX_ADDRESS_BYTES,
  parseProxyBlock,
  SIGNATURE,
} from './proxy-block.ts';
import type { ProxyHeader } from './proxy-header.ts';
import { MAX_LINE_BYTES, parseProxyLine } from './proxy-line.ts';

/**
 * The moment at which the decoder refuses input that is not a header, or a header that is too long:
 *
 * - `'at-once'`: at the first byte that cannot belong to a header.
 * - `'when-too-long'`: when the line or block is complete and wrong, or is longer than allowed.
 * - `'at-its-end'`: when the line or block is complete. Until then, a line or block that is too long is discarded.
 */
export type ProxyRefusal = 'at-once' | 'when-too-long' | 'at-its-end';

const LINE_START = Buffer.from('PROXY ');
const CR = 13;
const LF = 10;
/** Number of bytes that are enough to find the version. */
const VERSION_BYTES = 13;

/** Takes the header at the beginning of a stream, in reads of any size. */
export class ProxyHeaderReader {
  private readonly refusal: ProxyRefusal;
  private readonly maxBlockBytes: number;
  private version: 1 | 2 | undefined = undefined;
  private searched = 0;
  private discarded = 0;

  constructor(refusal: ProxyRefusal, maxTlvBytes: number) {
    this.refusal = refusal;
    this.maxBlockBytes = BLOCK_HEAD_BYTES + MAX_ADDRESS_BYTES + maxTlvBytes;
  }

  /** Whether a part of an overlong header has been discarded. */
  get isDiscarding(): boolean {
    return this.discarded > 0;
  }

  /** Takes the header, or returns `undefined` while the header is not complete. Throws a `DecodeError`. */
  read(input: ByteInput): ProxyHeader | undefined {
    this.version ??= this.findVersion(input);
    if (this.version === undefined) return undefined;
    return this.version === 1 ? this.readLine(input) : this.readBlock(input);
  }

  private findVersion(input: ByteInput): 1 | 2 | undefined {
    const first = input.peek(SIGNATURE.length);
    if (this.refusal !== 'at-once') {
      if (input.length < VERSION_BYTES) return undefined;
      return first.equals(SIGNATURE) ? 2 : 1;
    }
    if (first.equals(SIGNATURE.subarray(0, first.length))) {
      return first.length === SIGNATURE.length ? 2 : undefined;
    }
    const start = first.subarray(0, LINE_START.length);
    if (!start.equals(LINE_START.subarray(0, start.length))) throw noHeader(input);
    return start.length === LINE_START.length ? 1 : undefined;
  }

  private readLine(input: ByteInput): ProxyHeader | undefined {
    const end = this.findLineEnd(input);
    if (end === -1) {
      this.waitForLineEnd(input);
      return undefined;
    }
    const length = this.discarded + end;
    if (length > MAX_LINE_BYTES) throw this.lineTooLong(input, length);
    const line = input.take(end).toString('latin1');
    input.skip(2);
    return parseProxyLine(line);
  }

  private findLineEnd(input: ByteInput): number {
    for (;;) {
      const cr = input.indexOf(CR, this.searched);
      this.searched = cr === -1 ? input.length : cr;
      if (cr === -1 || cr + 1 === input.length) return -1;
      if (input.at(cr + 1) === LF) return cr;
      this.searched = cr + 1;
    }
  }

  private waitForLineEnd(input: ByteInput): void {
    // A CR at the end is not counted, because the length of a line must not depend on how the stream is cut.
    const length = this.searched;
    if (this.discarded + length <= MAX_LINE_BYTES) return;
    if (this.refusal !== 'at-its-end') throw this.lineTooLong(input, length);
    this.discarded += length;
    input.skip(length);
    this.searched = 0;
  }

  private readBlock(input: ByteInput): ProxyHeader | undefined {
    if (this.discarded > 0) return this.discardBlock(input);
    if (this.refusal === 'at-once') checkBlockHead(input.peek(BLOCK_HEAD_BYTES));
    if (input.length < BLOCK_HEAD_BYTES) return undefined;
    const total = BLOCK_HEAD_BYTES + ((input.at(14) << 8) | input.at(15));
    input.wanted = Math.min(total, this.maxBlockBytes);
    const isWhole = input.length >= total;
    if (total > this.maxBlockBytes && (isWhole || this.refusal === 'at-once')) {
      throw this.blockTooLong(input, total);
    }
    if (isWhole) return parseProxyBlock(input.take(total));
    if (input.length > this.maxBlockBytes) {
      if (this.refusal !== 'at-its-end') throw this.blockTooLong(input, total);
      this.discarded = total;
      return this.discardBlock(input);
    }
    return undefined;
  }

  private discardBlock(input: ByteInput): undefined {
    if (input.length >= this.discarded) throw this.blockTooLong(input, this.discarded);
    this.discarded -= input.length;
    input.skip(input.length);
    return undefined;
  }

  private lineTooLong(input: ByteInput, length: number): DecodeError {
    const text = `a PROXY header of version 1 has at most ${MAX_LINE_BYTES} bytes, but ${length} came`;
    return new DecodeError('FRAME_TOO_LONG', `${text}${describeFirstBytes(input)}`, { length });
  }

  private blockTooLong(input: ByteInput, length: number): DecodeError {
    const { maxBlockBytes } = this;
    return new DecodeError(
      'FRAME_TOO_LONG',
      `a PROXY header of ${length} bytes is longer than ${maxBlockBytes}, as maxTlvBytes allows${describeFirstBytes(input)}`,
      { length, maxBlockBytes },
    );
  }
}

function noHeader(input: ByteInput): DecodeError {
  return new DecodeError(
    'FRAME_CORRUPT',
    `the connection does not begin with a PROXY header${describeFirstBytes(input)}: is the peer a proxy that sends one?`,
  );
}
