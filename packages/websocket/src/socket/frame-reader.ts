import type { Buffer } from 'node:buffer';
import { ByteInput } from '@headrace/codec';
import type { DecodeError } from '@headrace/core';
import { bufferPlace, bufferView, keepLoan, unpinned } from '@headrace/core/authoring';
import { BegunMessage } from './begun-message.ts';
import { CUT_OFF, NO_CODE } from './close-codes.ts';
import { MAX_CONTROL_BYTES } from './control-message.ts';
import { applyMask } from './mask.ts';
import { INFLATED_TOO_LONG, type MessageDeflate } from './message-deflate.ts';
import { BINARY, CLOSE, CONTINUATION, firstByte, PING, PONG, TEXT } from './message-frame.ts';
import type { ReadLimits } from './message-limits.ts';
import { BROKEN, NOT_UTF8, protocolError, TOO_LONG, TOO_MANY } from './protocol-error.ts';
import { isAscii, isUtf8 } from './text-check.ts';
import type { WebSocketInput } from './text-message.ts';

interface InflatedMessage {
  readonly isText: boolean;
  readonly payload: Buffer;
}

/** Receives the results of a {@link FrameReader}, in order. */
export interface FrameListener {
  /** False while the listener accepts no more messages. Further input waits unread. */
  readonly isTaking: boolean;
  arrived(message: WebSocketInput): void;
  pinged(payload: Buffer): void;
  /** Receives a pong, which can answer a ping or none. */
  ponged(payload: Buffer): void;
  /** Receives the peer's close frame, after which nothing follows. */
  closeRead(code: number, reason: string): void;
  /** Called when the peer broke the protocol or a limit. Nothing follows. */
  broken(error: DecodeError): void;
  /** Called when the input that arrived during inflation has been read. */
  inflated(): void;
}

const MASK_BYTES = 4;

/**
 * Reads the frames of one end (RFC 6455, section 5) and joins their messages. A client's frames are masked; a server's are not.
 * Between two frames, the reader keeps no memory. A binary message in one frame is a view of the received bytes. The reader keeps no
 * other bytes without a call of `keepLoan`.
 */
export class FrameReader {
  /** Number of complete messages that have been read. */
  finished = 0;
  /** Whether a message is being inflated in another thread. Later messages wait, and the caller should pass no more input. */
  isInflating = false;
  /** Whether bytes, or an inflated message, wait until the listener accepts more. Then call {@link readOn}. */
  isWaiting = false;
  /** Compression of the peer's messages. Set before the first frame if the handshake agreed on compression. */
  deflate: MessageDeflate | undefined = undefined;
  readonly limits: ReadLimits;
  private readonly listener: FrameListener;
  private readonly maskBytes: number;
  /** Whether reading has ended. */
  private isOver = false;
  /** Bytes of an incomplete frame, and bytes that wait. */
  private input: ByteInput | undefined = undefined;
  /** The message whose last frame has not arrived. */
  private begun: BegunMessage | undefined = undefined;
  /** The inflated message. Later input waits until the listener accepts the message. */
  private ready: InflatedMessage | undefined = undefined;
  /** Length of the incomplete frame, if it is known. */
  private wanted = 0;

  /** @param isMasked - whether the peer is a client */
  constructor(limits: ReadLimits, isMasked: boolean, listener: FrameListener) {
    this.limits = limits;
    this.listener = listener;
    this.maskBytes = isMasked ? MASK_BYTES : 0;
  }

  /** Whether a message or a frame has begun whose rest the peer has not sent. */
  get isWithin(): boolean {
    if (this.isInflating || this.isWaiting) return false;
    return this.begun !== undefined || this.input !== undefined;
  }

  receive(bytes: Buffer): void {
    if (this.isOver) return;
    const { input } = this;
    if (input === undefined) {
      const at = this.isBehind ? 0 : this.readFrames(bytes, 0, bytes.length);
      if (at === bytes.length || this.isOver) return;
      const rest = at === 0 ? bytes : bytes.subarray(at);
      this.input = new ByteInput();
      // The wait has no time limit, so the bytes are copied.
      this.input.append(this.isWaiting ? unpinned(rest) : rest);
      this.keep(this.input);
    } else {
      input.append(bytes);
      this.readKept(input);
    }
  }

  /** Continues when the listener accepts more. */
  readOn(): void {
    const { ready } = this;
    if (ready !== undefined) {
      this.isWaiting = !this.listener.isTaking;
      if (this.isWaiting) return;
      this.ready = undefined;
      this.finish(ready.isText, ready.payload);
    }
    if (this.input !== undefined) this.readKept(this.input);
  }

  /** Whether an earlier message must be delivered before further frames are read. */
  private get isBehind(): boolean {
    return this.isInflating || this.ready !== undefined;
  }

  private readKept(input: ByteInput): void {
    if (!this.isBehind) {
      const { buffer, start, end } = input;
      input.skip(this.readFrames(buffer, start, end) - start);
    }
    if (input.length === 0 || this.isOver) this.dropInput();
    else this.keep(input);
  }

  private keep(input: ByteInput): void {
    input.wanted = this.wanted;
    input.settle();
  }

  /** Reads all complete frames between two offsets. Returns the offset of the rest. */
  private readFrames(bytes: Buffer, from: number, to: number): number {
    let at = from;
    this.wanted = 0;
    this.isWaiting = false;
    while (to - at >= 2 && !this.isOver && !this.isInflating) {
      if (!this.listener.isTaking) {
        this.isWaiting = true;
        break;
      }
      const second = bytes[at + 1]!;
      if (this.isRefused(bytes[at]!, second)) return to;
      const short = second & 0x7f;
      const begin = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
      if (to < begin) break;
      const length = short < 126 ? short : lengthAt(bytes, at + 2, begin - at - 2);
      if (short >= 126 && length < (short === 126 ? 126 : 65_536)) {
        this.fail(BROKEN, `a length of ${length} is not written in the shortest form`);
        return to;
      }
      if (this.isTooLong(bytes[at]!, length)) return to;
      const from = begin + this.maskBytes;
      const next = from + length;
      if (next > to) {
        this.wanted = next - at;
        break;
      }
      this.readFrame(bytes, at, from, next);
      at = next;
    }
    return at;
  }

  /** Checks the first two bytes for errors. Returns true if reading has ended. */
  private isRefused(first: number, second: number): boolean {
    const why = this.fault(first, second);
    if (why !== undefined) this.fail(BROKEN, why);
    return this.isOver;
  }

  private fault(first: number, second: number): string | undefined {
    const { begun } = this;
    const opcode = first & 0x0f;
    if ((first & 0x30) !== 0) return 'a reserved bit of a frame is set';
    if (second < 0x80 !== (this.maskBytes === 0)) {
      return second < 0x80 ? 'a frame of a client has no mask' : 'a frame of a server has a mask';
    }
    const isCompressed = (first & 0x40) !== 0;
    if (isCompressed && (this.deflate === undefined || (opcode !== TEXT && opcode !== BINARY))) {
      return 'a frame is compressed that may not be';
    }
    if (opcode === CONTINUATION) return begun ? undefined : 'a message begins in its middle';
    if (opcode === TEXT || opcode === BINARY) {
      return begun ? 'a message begins before the end of another' : undefined;
    }
    if (opcode !== CLOSE && opcode !== PING && opcode !== PONG) return `the opcode ${opcode}`;
    if (first < 0x80) return 'a control frame has fragments';
    const length = second & 0x7f;
    if (length > MAX_CONTROL_BYTES) return 'a control frame is longer than 125 bytes';
    return opcode === CLOSE && length === 1 ? 'a close frame has half a code' : undefined;
  }

  private isTooLong(first: number, length: number): boolean {
    if ((first & 0x08) !== 0) return false;
    const { begun } = this;
    const { maxMessageBytes } = this.limits;
    const isCompressed = begun?.isCompressed ?? (first & 0x40) !== 0;
    const most = isCompressed ? longestCompressed(maxMessageBytes) : maxMessageBytes;
    if ((begun?.bytes ?? 0) + length > most) this.fail(TOO_LONG);
    return this.isOver;
  }

  /** Reads one complete frame, whose header begins at `at` and whose payload begins at `from`. The frame ends before `to`. */
  private readFrame(bytes: Buffer, at: number, from: number, to: number): void {
    const first = bytes[at]!;
    const isPlain =
      this.maskBytes === 0
        ? first === TEXT_FRAME && isAsciiOnly(bytes, from, to)
        : applyMask(bytes, from - MASK_BYTES, from, to);
    if ((first & 0x08) !== 0) {
      this.controlRead(first & 0x0f, this.kept(bytes, from, to));
    } else if (this.begun === undefined && (first & 0xc0) === 0x80) {
      // A message of one frame.
      if ((first & 0x0f) === BINARY) this.deliver(this.kept(bytes, from, to));
      else if (isPlain) this.deliver(bytes.toString('latin1', from, to));
      else this.deliverText(bytes.subarray(from, to));
    } else {
      this.begun ??= new BegunMessage((first & 0x0f) === TEXT, (first & 0x40) !== 0);
      this.fragmentRead(this.begun, this.kept(bytes, from, to), first >= 0x80);
    }
  }

  /** Returns a view that may outlive the burst. */
  private kept(bytes: Buffer, from: number, to: number): Buffer {
    keepLoan();
    const { input } = this;
    if (input?.buffer === bytes) return input.view(from, to - from);
    const { memory, offset } = bufferPlace(bytes);
    return bufferView(memory, offset + from, to - from);
  }

  private dropInput(): void {
    this.input?.clear();
    this.input = undefined;
  }

  private controlRead(opcode: number, payload: Buffer): void {
    if (opcode === PING) this.listener.pinged(payload);
    else if (opcode === PONG) this.listener.ponged(payload);
    else if (opcode === CLOSE) this.closeRead(payload);
  }

  private closeRead(payload: Buffer): void {
    const code = payload.length === 0 ? NO_CODE : payload.readUInt16BE(0);
    const reason = payload.subarray(2);
    if (payload.length > 0 && !isCloseCode(code)) this.fail(BROKEN, `the close code ${code}`);
    else if (!isUtf8(reason)) this.fail(NOT_UTF8);
    else {
      this.isOver = true;
      this.listener.closeRead(code, reason.toString());
    }
  }

  private fragmentRead(message: BegunMessage, payload: Buffer, isLast: boolean): void {
    message.add(payload, isLast);
    if (message.fragments > this.limits.maxFragments) this.fail(TOO_MANY);
    if (!isLast || this.isOver) return;
    this.begun = undefined;
    const { isText, isCompressed } = message;
    if (!isCompressed) {
      this.finish(isText, message.payload());
      return;
    }
    this.isInflating = true;
    this.deflate!.inflate(message.payload(), (error, bytes) => {
      this.isInflating = false;
      if (!this.isOver) this.inflated(isText, error, bytes);
      this.listener.inflated();
    });
  }

  private inflated(
    isText: boolean,
    error: (Error & { code?: string }) | null,
    bytes: Buffer,
  ): void {
    if (error !== null) {
      const isTooLong = error.code === INFLATED_TOO_LONG;
      const why = `a compressed message does not inflate: ${error.message}`;
      this.fail(isTooLong ? TOO_LONG : BROKEN, why, error);
      return;
    }
    this.ready = { isText, payload: bytes };
    this.readOn();
  }

  private finish(isText: boolean, payload: Buffer): void {
    if (isText) this.deliverText(payload);
    else this.deliver(payload);
  }

  private deliverText(payload: Buffer): void {
    if (isUtf8(payload)) this.deliver(payload.toString());
    else this.fail(NOT_UTF8);
  }

  private deliver(message: WebSocketInput): void {
    this.finished += 1;
    this.listener.arrived(message);
  }

  private fail(closeCode: number, why = '', cause?: Error): void {
    this.stop();
    this.listener.broken(protocolError(closeCode, why, cause));
  }

  /** Ends reading. */
  stop(): void {
    this.isOver = true;
    this.isWaiting = false;
    this.dropInput();
    this.begun = this.ready = undefined;
  }
}

/**
 * Returns the maximum length of a message before its inflation. Compression makes random bytes longer: deflate takes up to 9 bits
 * for each byte, and some bytes for each block and flush.
 */
function longestCompressed(maxMessageBytes: number): number {
  return Math.ceil((maxMessageBytes * 9) / 8) + BLOCK_ENDS_BYTES;
}

/** More than the ends of the blocks of a message with the usual number of fragments. */
const BLOCK_ENDS_BYTES = 1024;

const TEXT_FRAME = firstByte(true);
/** Length below which a Node call costs more than it saves. */
const SHORT_BYTES = 64;

function isAsciiOnly(bytes: Buffer, from: number, to: number): boolean {
  if (to - from > SHORT_BYTES) return isAscii(bytes.subarray(from, to));
  let seen = 0;
  for (let at = from; at < to; at++) seen |= bytes[at]!;
  return seen < 0x80;
}

/** Reads a length of two or of eight bytes. A length beyond the precision of a number still exceeds every limit. */
function lengthAt(bytes: Buffer, at: number, size: number): number {
  if (size === 2) return bytes.readUInt16BE(at);
  return bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

/** Returns true for a code that is valid in a close frame (RFC 6455, section 7.4). */
function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_CODE && code !== CUT_OFF;
}
