import { Buffer } from 'node:buffer';
import { constants, deflateRaw, inflateRaw } from 'node:zlib';
import { Fifo } from '@headrace/core/authoring';

/** Compresses and inflates the messages of one WebSocket in other threads, with one call of each kind at the same time. */
export interface MessageDeflate {
  /**
   * @param done - callback that receives the compressed payload, or `undefined` for a message that does not become shorter, which
   * is sent as it is. A longer form could exceed the peer's limit of a message
   */
  compress(message: Uint8Array, done: CompressCallback): void;
  /** @param done - callback that receives the message; above the limit, an error with the code {@link INFLATED_TOO_LONG} */
  inflate(payload: Uint8Array, done: DeflateCallback): void;
}

type CompressCallback = (error: Error | null, bytes: Buffer | undefined) => void;
export type DeflateCallback = (error: (Error & { code?: string }) | null, bytes: Buffer) => void;

/** Node's error code for output above `maxOutputLength`. */
export const INFLATED_TOO_LONG = 'ERR_BUFFER_TOO_LARGE';

/** End of each flush of zlib, which a compressed message omits (RFC 7692, section 7.2.1). */
const TAIL: Buffer = Buffer.from([0x00, 0x00, 0xff, 0xff]);
/** {@link TAIL} and an empty last block. Only a whole message is read up to the end of these bytes. */
const END: Buffer = Buffer.concat([TAIL, Buffer.from([0x03, 0x00])]);
/** A message without bytes. Some peers omit this byte. */
const NOTHING: Buffer = Buffer.alloc(1);
const LARGEST_WINDOW_BYTES = 32 * 1024;
const LARGEST_WINDOW_BITS = 15;

/** The windows of both directions, as agreed in the handshake. */
export interface DeflateWindows {
  /** Size of this end's compression window, as a power of two. */
  readonly windowBits: number;
  /** Whether messages of this end refer to its earlier messages. */
  readonly keepsOwn: boolean;
  /** Whether messages of the peer refer to its earlier messages. */
  readonly keepsPeer: boolean;
  /** Maximum size of an inflated message, in bytes. */
  readonly maxMessageBytes: number;
}

/**
 * permessage-deflate (RFC 7692, section 7.2) without a zlib stream for each connection. A window that is kept between messages is
 * the end of the earlier data, and is passed to zlib as the dictionary.
 */
export class WindowDeflate implements MessageDeflate {
  private readonly windows: DeflateWindows;
  private own: Buffer | undefined = undefined;
  private peer: Buffer | undefined = undefined;

  constructor(windows: DeflateWindows) {
    this.windows = windows;
  }

  compress(message: Uint8Array, done: CompressCallback): void {
    const { windowBits, keepsOwn } = this.windows;
    const finishFlush = constants.Z_SYNC_FLUSH;
    const options = { windowBits, finishFlush, ...(this.own && { dictionary: this.own }) };
    inTurn((ended) =>
      deflateRaw(message, options, (error, bytes) => {
        ended();
        const compressed = error === null ? shorter(bytes, message) : undefined;
        if (compressed !== undefined && keepsOwn) this.own = windowAfter(this.own, message);
        done(error, compressed);
      }),
    );
  }

  inflate(payload: Uint8Array, done: DeflateCallback): void {
    const { keepsPeer, maxMessageBytes } = this.windows;
    const options = {
      windowBits: LARGEST_WINDOW_BITS,
      maxOutputLength: maxMessageBytes,
      info: true,
      ...(this.peer && { dictionary: this.peer }),
    };
    const whole = Buffer.concat([payload.length === 0 ? NOTHING : payload, END]);
    inTurn((ended) =>
      inflateRaw(whole, options, (error, result: unknown) => {
        ended();
        const { buffer, engine } = (result ?? {}) as Inflated;
        const wrong = error ?? wrongEnd(whole, engine.bytesWritten);
        if (wrong === null && keepsPeer) this.peer = windowAfter(this.peer, buffer);
        done(wrong, buffer);
      }),
    );
  }
}

/** Returns the payload of a flush of zlib, or `undefined` if the payload is not shorter than the message. */
export function shorter(flushed: Buffer, message: Uint8Array): Buffer | undefined {
  const length = flushed.length - TAIL.length;
  return length < message.length ? flushed.subarray(0, length) : undefined;
}

/** What zlib returns with `info`, which Node's types do not mention. */
interface Inflated {
  readonly buffer: Buffer;
  /** `bytesWritten` is the number of bytes that zlib has read. */
  readonly engine: { readonly bytesWritten: number };
}

/**
 * Returns an error if zlib did not read a whole message. A message can contain a last block of its own, with a zero byte after it
 * (RFC 7692, section 7.2.3.4). zlib reports no error for any other bytes after a last block.
 */
function wrongEnd(whole: Buffer, read: number): Error | null {
  const left = whole.length - END.length - read;
  if (left <= 0 || (left === 1 && whole[read] === 0)) return null;
  return new Error(`${left} bytes follow the compressed data`);
}

/** Returns a copy of the last bytes of the data, up to the size of the largest window. */
function windowAfter(before: Buffer | undefined, added: Uint8Array): Buffer {
  if (added.length >= LARGEST_WINDOW_BYTES || before === undefined) {
    return Buffer.from(added.subarray(-LARGEST_WINDOW_BYTES));
  }
  return Buffer.concat([before.subarray(added.length - LARGEST_WINDOW_BYTES), added]);
}

/**
 * Maximum number of zlib calls at the same time. More calls only fragment the memory of the process
 * (https://github.com/nodejs/node/issues/8871).
 */
const MAX_CALLS = 10;
const waiting = new Fifo<(ended: () => void) => void>();
let calls = 0;

/** Queues a call for the whole process, because all connections share the threads of zlib. */
function inTurn(call: (ended: () => void) => void): void {
  waiting.push(call);
  callWaiting();
}

function callWaiting(): void {
  while (calls < MAX_CALLS && !waiting.isEmpty) {
    calls += 1;
    waiting.shift()!(callEnded);
  }
}

function callEnded(): void {
  calls -= 1;
  callWaiting();
}
