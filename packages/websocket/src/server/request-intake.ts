import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { Channel, ReadHold } from '@headrace/core';
import { unpinned } from '@headrace/core/authoring';

const HEAD = 0;
/** Node has received the head and has not reported the request yet. */
const HEAD_GIVEN = 1;
const BODY = 2;
const CHUNKS = 3;
/** Node has received the whole request, and the response has not been sent yet. */
const ANSWER = 4;
type Phase = typeof HEAD | typeof HEAD_GIVEN | typeof BODY | typeof CHUNKS | typeof ANSWER;

const NOTHING = Buffer.alloc(0);
const LF = 10;
const CR = 13;

/**
 * Passes one request at a time to Node's HTTP server. Node parses all requests that arrive together, and creates and keeps a
 * response for each request, even if the peer reads no responses. This class holds the bytes of the next request until the
 * previous response is sent, and holds reads meanwhile. The class only finds the end of each request, and Node interprets the
 * bytes (docs/decisions/README.md#decision-0069).
 *
 * @see RFC 9112, sections 6 and 9.3.2
 */
export class RequestIntake {
  private readonly channel: Channel;
  private readonly give: (bytes: Buffer) => void;
  private readonly isTaken: () => boolean;
  private rest: Buffer = NOTHING;
  private phase: Phase = HEAD;
  private isFeeding = false;
  private hold: ReadHold | undefined = undefined;
  private isAnswered = false;
  private onEmpty: (() => void) | undefined = undefined;
  // State of the current line.
  private lineLength = 0;
  private hasLines = false;
  /** Missing bytes of the body, or of the current chunk. */
  private bytesLeft = 0;
  private chunkSize = 0;
  private isSizeRead = false;
  private isInTrailers = false;

  /**
   * @param give - function that passes bytes to Node
   * @param isTaken - function that returns true if Node has consumed all bytes
   */
  constructor(channel: Channel, give: (bytes: Buffer) => void, isTaken: () => boolean) {
    this.channel = channel;
    this.give = give;
    this.isTaken = isTaken;
  }

  receive(bytes: Buffer): void {
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    this.feed();
  }

  /** Calls back when all received bytes have been passed on. */
  whenEmpty(then: () => void): void {
    if (this.rest.length === 0) then();
    else this.onEmpty = then;
  }

  requestStarted({ headers }: IncomingMessage): void {
    this.isAnswered = false;
    if (headers['transfer-encoding'] !== undefined) {
      this.phase = CHUNKS;
      this.isInTrailers = false;
      this.bytesLeft = 0;
    } else {
      this.bytesLeft = Number(headers['content-length'] ?? 0);
      this.phase = this.bytesLeft > 0 ? BODY : ANSWER;
    }
    // Node parses the head at this moment. If the stream began to flow after the head was passed on, no loop waits for this
    // call to return, and Node would parse a body within its head.
    if (!this.isFeeding) queueMicrotask(() => this.feed());
  }

  /** Called when the response has been sent. */
  answered(): void {
    if (this.phase === ANSWER) this.phase = HEAD;
    else this.isAnswered = true;
    this.feed();
  }

  /** Called when the rest of the input belongs to another protocol. The rest is held until `takeRest`. */
  upgradeStarted(rest: Buffer): void {
    this.phase = ANSWER;
    if (rest.length > 0) this.rest = Buffer.concat([rest, this.rest]);
  }

  /** Returns the rest of the input. The caller then calls {@link stop}. */
  takeRest(): Buffer {
    const { rest } = this;
    this.rest = NOTHING;
    return rest;
  }

  /** Stops passing bytes on. */
  stop(): void {
    this.phase = ANSWER;
    this.rest = NOTHING;
    this.release();
  }

  private feed(): void {
    if (this.isFeeding) return;
    this.isFeeding = true;
    while (this.rest.length > 0 && this.phase !== HEAD_GIVEN && this.phase !== ANSWER) {
      const count = this.cut(this.rest);
      const piece = this.rest.subarray(0, count);
      // An empty view, too, would keep the memory of the whole read.
      this.rest = piece.length === this.rest.length ? NOTHING : this.rest.subarray(count);
      this.give(piece);
    }
    this.isFeeding = false;
    if (this.phase === HEAD_GIVEN) setImmediate(() => this.retryHead());
    if (this.rest.length === 0) this.release();
    else {
      this.rest = unpinned(this.rest);
      this.hold ??= this.channel.holdReads('http');
    }
  }

  /** Continues with the head if Node has consumed the bytes without a request, because the head has not ended. */
  private retryHead(): void {
    if (this.phase !== HEAD_GIVEN || !this.isTaken()) return;
    this.phase = HEAD;
    this.feed();
  }

  private release(): void {
    const { hold, onEmpty } = this;
    this.hold = this.onEmpty = undefined;
    hold?.release();
    onEmpty?.();
  }

  /** Returns the number of bytes to pass on next. */
  private cut(bytes: Buffer): number {
    if (this.phase === HEAD) return this.cutHead(bytes);
    if (this.phase === BODY) return this.cutBody(bytes);
    return this.phase === CHUNKS ? this.cutChunks(bytes) : bytes.length;
  }

  /** Finds the empty line that ends a head. Empty lines before the head do not count. */
  private cutHead(bytes: Buffer): number {
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at]!;
      if (byte !== LF) {
        if (byte !== CR) this.lineLength += 1;
      } else if (this.lineLength > 0) {
        this.lineLength = 0;
        this.hasLines = true;
      } else if (this.hasLines) {
        this.hasLines = false;
        this.phase = HEAD_GIVEN;
        return at + 1;
      }
    }
    return bytes.length;
  }

  private cutBody(bytes: Buffer): number {
    const count = Math.min(bytes.length, this.bytesLeft);
    this.bytesLeft -= count;
    if (this.bytesLeft === 0) this.bodyGiven();
    return count;
  }

  /** Finds the empty line after the last chunk. */
  private cutChunks(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length) {
      const skipped = Math.min(this.bytesLeft, bytes.length - at);
      this.bytesLeft -= skipped;
      at += skipped;
      const byte = bytes[at++];
      if (byte === LF) {
        if (this.endChunkLine()) return at;
      } else if (byte !== undefined && byte !== CR) this.addToChunkLine(byte);
    }
    return bytes.length;
  }

  /** A size has any number of digits, because it may begin with zeros. What follows the digits is not needed. */
  private addToChunkLine(byte: number): void {
    this.lineLength += 1;
    if (this.isSizeRead) return;
    const digit = Number.parseInt(String.fromCharCode(byte), 16);
    if (Number.isNaN(digit)) this.isSizeRead = true;
    else this.chunkSize = this.chunkSize * 16 + digit;
  }

  /** Returns true after the empty line that ends the trailers. Node rejects an invalid size. */
  private endChunkLine(): boolean {
    const { chunkSize, lineLength } = this;
    this.lineLength = 0;
    this.chunkSize = 0;
    this.isSizeRead = false;
    if (this.isInTrailers && lineLength === 0) {
      this.bodyGiven();
      return true;
    }
    this.isInTrailers ||= chunkSize === 0;
    // Adds the length of the line break after the chunk.
    if (!this.isInTrailers) this.bytesLeft = chunkSize + 2;
    return false;
  }

  private bodyGiven(): void {
    this.phase = this.isAnswered ? HEAD : ANSWER;
  }
}
