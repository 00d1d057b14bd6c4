import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Address, CloseInfo, Logger, TlsInfo } from '../contract.ts';
import type { ReadMemory } from './read-memory.ts';

/**
 * The receiver of a transport's reports: its channel. All calls come on the event loop, none from
 * within `open`.
 */
export interface TransportSink {
  /**
   * True while the channel takes no more input: a transport that cuts several messages out of one read keeps
   * the rest until `requestRead`.
   */
  readonly isReadHeld: boolean;
  /** Where reads go, if a handler has asked for it; for a transport that copies them anyway. */
  readonly readMemory?: ReadMemory | undefined;
  /** A connecting transport is connected. */
  connected(): void;
  /** Input: bytes, messages, or accepted connections. The receiver may keep them. */
  received(message: unknown): void;
  /**
   * For a transport that cuts many messages out of one read, every few messages: if this connection has used its
   * time in this turn of the event loop, `isReadHeld` becomes true until the next turn.
   */
  checkTurn(): void;
  /**
   * The end of what came in together. Reading goes on only if it is asked for again.
   *
   * @param hasMore - more input is probably there already: the read filled its buffer
   */
  readComplete(hasMore?: boolean): void;
  /** The peer has ended its half; no input follows. */
  inputEnded(): void;
  /**
   * Everything given to `write` has been taken by the kernel.
   *
   * @param failures - by their places in that call, the messages that were not taken, and why. Only from a transport
   *   whose {@link Transport.messagesAreIndependent}, and which goes on without them. @default none
   */
  written(failures?: ReadonlyMap<number, Error>): void;
  /** Our half has been shut down. */
  outputEnded(): void;
  /** An error that the transport survives: one connection could not be accepted, one message was broken. */
  caught(error: Error): void;
  /** An error that ends the transport. On an established connection `disconnected` follows. */
  failed(error: Error): void;
  /**
   * It is over; comes once and last, even after `close` and `abort`.
   *
   * @param info - why, if the transport knows more than that the peer is gone: for example, that
   *   the channel or stream below it was closed
   */
  disconnected(info?: CloseInfo): void;
}

/** A message that its transport keeps until the work for it is done, see {@link Transport.holdMessage}. */
export interface MessageHold {
  /** The message was read before, by a process that did not finish its work. */
  readonly isRepeated: boolean;
  /** The work is done. Further calls do nothing. */
  release(): void;
}

/**
 * A connection as bytes or messages in and out, without a pipeline. A channel opens it once, asks for
 * input burst by burst, and gives it one write at a time.
 */
export interface Transport {
  /** True once connected; a listening transport is active while it listens. */
  readonly isActive: boolean;
  /** Our end; `undefined` where it has no address, or none yet. */
  readonly localAddress: Address | undefined;
  /** The peer's end; `undefined` where it has no address, or none yet. */
  readonly remoteAddress: Address | undefined;
  /** The messages that `write` takes, in words, for error texts. */
  readonly accepts: string;
  /**
   * Bytes taken by `write` and not yet by the kernel; so a slow write differs from a stuck one. Only its changes count,
   * so a transport on top of a channel subtracts that one's `outboundProgress`.
   */
  readonly unsentBytes: number;
  /**
   * The number of bytes that the kernel has taken and the peer has not acknowledged. A transport that does not know it leaves it
   * out; core then asks Linux, by the addresses of the connection.
   */
  readonly unacknowledgedBytes?: number | undefined;
  /**
   * True if no code can see the bytes of a write once the transport has taken it, since they went to the kernel. Read after
   * the write. A transport that may pass the same bytes on to another part of the program leaves it out.
   */
  readonly keepsNoWrites?: boolean | undefined;
  /**
   * True for datagrams: any message may be refused, lost, broken or forged, and the others go on. Each write has a
   * future of its own then, and {@link TransportSink.written} reports which failed; a write above `maxOutboundBytes` fails
   * and closes nothing; there is no watch for a stall; a decoder that cannot read a message reads the next one.
   * @default false
   */
  readonly messagesAreIndependent?: boolean | undefined;
  /**
   * The negotiated TLS parameters; `undefined` before the end of the handshake, and without TLS.
   */
  readonly tls?: TlsInfo | undefined;

  /** Begins to report. A second call, by a transport that goes on top of this one, replaces the sink. */
  open(sink: TransportSink): void;
  /** Allows one more burst of input. */
  requestRead(): void;
  /** Takes the permission back. */
  pauseReading(): void;
  /**
   * The failure that the next read would meet, such as a reset. The channel asks now and then while it reads nothing and
   * its own half is open: systems report a failure only to reads and writes. Reads nothing itself. Left out by a
   * transport that reports each failure by itself.
   */
  lookForFailure?(): Error | undefined;
  /**
   * An error that no handler caught. True if the transport goes on without the message that it is about; otherwise, and
   * where this is left out, the channel closes.
   */
  outlives?(error: Error): boolean;
  /**
   * Of a listening channel: so many connections at a time, of which those of strangers are given up for newcomers, as
   * senders of datagrams can be forged. A handler that refuses newcomers earlier lets strangers lock others out.
   * @default none is given up
   */
  readonly placesForStrangers?: number | undefined;
  /**
   * The channel's logger, made of the one of its options. For a transport whose peers are not known: anybody may send
   * with any address, and what each of them causes must not fill the log. Asked for each line. @default that of the options
   */
  loggerOf?(logger: Logger): Logger;
  /** The message's size in bytes, or -1 if `write` does not take such messages. */
  sizeOf(message: unknown): number;
  /**
   * Takes messages of `bytes` bytes together, but not the array they come in. True: the kernel has them all;
   * false: `written` will report that. Not called again before. A {@link ByteSource} is read within this call, and bytes
   * until `written`: after that their owner may use the memory again.
   */
  write(messages: readonly unknown[], bytes: number): boolean;
  /** Ends our half after everything that was written. */
  shutdownOutput(info: CloseInfo): void;
  /** Drops the connection now; bytes that the kernel has taken still arrive. */
  close(info: CloseInfo): void;
  /** Resets the connection. */
  abort(info: CloseInfo): void;
  /**
   * Called while a message is being received: keeps it until the work for it is done. A transport that goes on in another
   * process if this one is killed, as that of a lasting channel with a log, gives the message there again.
   *
   * @default messages are done when they were received
   */
  holdMessage?(): MessageHold | undefined;
  /**
   * Gives the connection away as a Node stream, for TLS on top. This transport reports nothing more, also
   * not its end; its addresses, `unsentBytes`, `close` and `abort` still work. Called before `open`, even while
   * it is connecting (the stream has `connecting` and the event `connect` then, as a `net.Socket`), or while
   * no write is in flight. A transport without it is wrapped in a stream, which opens it (again).
   */
  detach?(): Duplex;
  /**
   * The transport of a TLS socket on the stream that `detach` gave away, if there is a shorter way than through the streams.
   *
   * @internal
   */
  overTls?(socket: TLSSocket, explain: (error: Error) => Error): Transport | undefined;
}
