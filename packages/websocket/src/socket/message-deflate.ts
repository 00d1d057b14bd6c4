import { Buffer } from 'node:buffer';
import { constants, deflateRaw, inflateRaw } from 'node:zlib';
import { Fifo } from '@headrace/core/authoring';

/** Compresses and inflates the messages of one WebSocket in other threads; one call of each kind at a time. */
export interface MessageDeflate {
  /** @param done - gets the payload of a compressed message */
  compress(message: Uint8Array, done: DeflateCallback): void;
  /** @param done - gets an error with the code {@link INFLATED_TOO_LONG} for a message above the limit */
  inflate(payload: Uint8Array, done: DeflateCallback): void;
}

export type DeflateCallback = (error: (Error & { code?: string }) | null, bytes: Buffer) => void;

/** Node's code for output above `maxOutputLength`. */
export const INFLATED_TOO_LONG = 'ERR_BUFFER_TOO_LARGE';

/** A flush of zlib ends with it, and a message leaves it out (RFC 7692, section 7.2.1). */
export const TAIL: Buffer = Buffer.from([0x00, 0x00, 0xff, 0xff]);
const LARGEST_WINDOW_BYTES = 32 * 1024;
const LARGEST_WINDOW_BITS = 15;

/** Both directions, as a handshake agreed on them. */
export interface DeflateWindows {
  /** The size of the window that we compress with, as a power of two. */
  readonly windowBits: number;
  /** Messages that we send refer to those before them. */
  readonly keepsOwn: boolean;
  /** Messages of the peer refer to those before them. */
  readonly keepsPeer: boolean;
  /** The largest size of an inflated message, in bytes. */
  readonly maxMessageBytes: number;
}

/**
 * permessage-deflate (RFC 7692, section 7.2) without a stream of zlib's that lives as long as the connection: the window
 * that is kept from message to message is the end of the data before, and is given to zlib as its dictionary.
 */
export class WindowDeflate implements MessageDeflate {
  private readonly windows: DeflateWindows;
  private own: Buffer | undefined = undefined;
  private peer: Buffer | undefined = undefined;

  constructor(windows: DeflateWindows) {
    this.windows = windows;
  }

  compress(message: Uint8Array, done: DeflateCallback): void {
    const { windowBits, keepsOwn } = this.windows;
    const finishFlush = constants.Z_SYNC_FLUSH;
    const options = { windowBits, finishFlush, ...(this.own && { dictionary: this.own }) };
    if (keepsOwn) this.own = windowAfter(this.own, message);
    inTurn((ended) =>
      deflateRaw(message, options, (error, bytes) => {
        ended();
        done(error, error === null ? bytes.subarray(0, -TAIL.length) : bytes);
      }),
    );
  }

  inflate(payload: Uint8Array, done: DeflateCallback): void {
    const { keepsPeer, maxMessageBytes } = this.windows;
    const options = {
      windowBits: LARGEST_WINDOW_BITS,
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: maxMessageBytes,
      ...(this.peer && { dictionary: this.peer }),
    };
    inTurn((ended) =>
      inflateRaw(Buffer.concat([payload, TAIL]), options, (error, bytes) => {
        ended();
        if (error === null && keepsPeer) this.peer = windowAfter(this.peer, bytes);
        done(error, bytes);
      }),
    );
  }
}

/** A copy of the last bytes of the data, as many as the largest window has. */
function windowAfter(before: Buffer | undefined, added: Uint8Array): Buffer {
  if (added.length >= LARGEST_WINDOW_BYTES || before === undefined) {
    return Buffer.from(added.subarray(-LARGEST_WINDOW_BYTES));
  }
  return Buffer.concat([before.subarray(added.length - LARGEST_WINDOW_BYTES), added]);
}

/** More calls of zlib at once would only fragment the memory of the process (https://github.com/nodejs/node/issues/8871). */
const MAX_CALLS = 10;
const waiting = new Fifo<(ended: () => void) => void>();
let calls = 0;

/** The threads belong to the process, and so does the queue for them. */
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
