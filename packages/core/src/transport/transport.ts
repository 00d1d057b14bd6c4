import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Address, CloseInfo, TlsInfo } from '../contract/connection.ts';
import type { Logger } from '../contract/logger.ts';
import type { ReadMemory } from './read-memory.ts';

/** The receiver of a transport's reports: its channel. The event loop makes all calls, and never within `open`. */
export interface TransportSink {
  /**
   * Whether the channel accepts no more input now. A transport that cuts several messages out of one read keeps the
   * remaining messages until `requestRead`.
   */
  readonly isReadHeld: boolean;
  /** Memory for reads, if a handler has asked for it. A transport that copies its reads can use the memory. */
  readonly readMemory?: ReadMemory | undefined;
  /** Whether no handler keeps a view of the bytes that it reads, see `Handler.keepsReads`. */
  readonly keepsNoReads?: boolean;
  /**
   * Whether nothing but the transport holds bytes of the burst that has just ended: all handlers saw its end, and the transport has
   * got all output.
   */
  readonly hasKeptNothing?: boolean;
  /** Called when a connecting transport is connected. */
  connected(): void;
  /**
   * Called with input: bytes, a message, or an accepted connection. The receiver may keep the input, except for bytes while
   * `keepsNoReads` holds: the transport may use their memory again after the burst, unless the burst is kept (decision 0064).
   */
  received(message: unknown): void;
  /**
   * Checks whether the connection has used its time in this turn of the event loop. If so, `isReadHeld` becomes true
   * until the connection's next turn. A transport that cuts many messages out of one read calls the method every few
   * messages.
   */
  checkTurn(): void;
  /**
   * Called at the end of a burst of input. Reading continues only after another request.
   *
   * @param hasMore - whether more input has probably arrived already, because the read filled its buffer
   */
  readComplete(hasMore?: boolean): void;
  /** Called when the peer has ended its half. No input follows. */
  inputEnded(): void;
  /**
   * Called when the kernel has accepted all messages of the last `write`.
   *
   * @param failures - errors of refused messages, by the places of the messages in that call. Only a transport with
   * {@link Transport.connectionless} that continues without these messages passes errors.
   * @default none
   */
  written(failures?: ReadonlyMap<number, Error>): void;
  /** Called when the output half has been shut down. */
  outputEnded(): void;
  /**
   * Called for an error that the transport survives, for example a broken message or a connection that was not
   * accepted.
   */
  caught(error: Error): void;
  /** Called for an error that ends the transport. On an established connection `disconnected` follows. */
  failed(error: Error): void;
  /**
   * Called once, as the last call of all, when the connection has ended, including after `close` or `abort`.
   *
   * @param info - reason for the end, if the transport knows a more exact reason than the end of the peer: for
   * example, the close of the channel or stream below
   */
  disconnected(info?: CloseInfo): void;
}

/** What a channel does differently if anybody can send with any address, see {@link Transport.connectionless}. */
export interface ConnectionlessRules {
  /**
   * Called with an error that no handler caught. The channel continues without the message that caused the error.
   * @default the channel closes
   */
  uncaught?(error: Error): void;
  /**
   * Returns the logger for each line of the channel, made from the logger of its options. No sender may fill the log.
   * @default that of the options
   */
  loggerOf?(logger: Logger): Logger;
  /**
   * Maximum number of connections of a listening channel. At the maximum, a stranger's connection is given up for a
   * newcomer. A handler that refuses newcomers earlier lets strangers lock others out, and asks for the number to warn of it.
   * @default none is given up
   */
  readonly placesForStrangers?: number | undefined;
}

/** What carries a connection, as OpenTelemetry names it (`network.transport`). `'pipe'` is a named pipe of Windows. */
export type Carrier = 'tcp' | 'udp' | 'unix' | 'pipe';

/**
 * A connection that carries bytes or messages in both directions, without a pipeline. A channel opens the transport
 * once, requests its input burst by burst, and has only one write under way.
 */
export interface Transport {
  /** Whether the transport is connected. A listening transport is active while it listens. */
  readonly isActive: boolean;
  /** Address of this end; `undefined` if it has no address, or none yet. */
  readonly localAddress: Address | undefined;
  /** Address of the peer; `undefined` if the peer has no address, or none yet. */
  readonly remoteAddress: Address | undefined;
  /**
   * What carries the connection. A transport over another channel leaves the property out: the carrier is that of its channel's
   * parent.
   * @default none, as for memory or a serial port
   */
  readonly carrier?: Carrier | undefined;
  /** Description of the messages that `write` accepts, for error texts. */
  readonly accepts: string;
  /**
   * Number of bytes that `write` has accepted and the kernel has not. The number distinguishes a slow write from a
   * stuck write. Only changes of the number count, so a transport on top of a channel subtracts the
   * `outboundProgress` of that channel.
   */
  readonly unsentBytes: number;
  /**
   * Number of bytes that the kernel has accepted and the peer has not acknowledged. Without this property, core asks
   * Linux, by the addresses of the connection.
   */
  readonly unacknowledgedBytes?: number | undefined;
  /**
   * Whether the kernel has the bytes of an accepted write, so that no code can see them. The value is read after the
   * write. A transport that can pass the same bytes to another part of the program leaves the property out.
   */
  readonly keepsNoWrites?: boolean | undefined;
  /**
   * Present if messages are independent, like datagrams: a message can be refused, lost, broken or forged without an
   * effect on others. Each write then has a future of its own, and {@link TransportSink.written} reports the failed
   * messages. A write above `maxOutboundBytes` fails, and the channel stays open. The channel does not watch for a
   * stall. A decoder that cannot read a message reads the next message.
   * @default messages are parts of a connection
   */
  readonly connectionless?: ConnectionlessRules | undefined;
  /** Negotiated TLS parameters; `undefined` before the end of the handshake, and without TLS. */
  readonly tls?: TlsInfo | undefined;

  /** Begins to report. On a second call, the sink of a transport on top replaces the first sink. */
  open(sink: TransportSink): void;
  /** Allows one more burst of input. */
  requestRead(): void;
  /** Withdraws the permission to read. */
  pauseReading(): void;
  /**
   * Returns the failure that the next read would meet, such as a reset, without reading. Systems report a failure
   * only to reads and writes, so the channel sometimes calls the method while it reads nothing and its output half is
   * open. A transport that reports each failure itself leaves the method out.
   */
  detectFailure?(): Error | undefined;
  /** Returns the message's size in bytes, or -1 if `write` does not accept such messages. */
  sizeOf(message: unknown): number;
  /**
   * Accepts messages with a total of `bytes` bytes, but does not keep their array. Returns true if the kernel has
   * accepted all messages. Otherwise `written` follows, and `write` is not called before `written`. A
   * {@link ByteSource} is read within this call, and bytes are read until `written`. After `written`, their owner can
   * use the memory again.
   */
  write(messages: readonly unknown[], bytes: number): boolean;
  /** Ends the output half after all written messages. */
  shutdownOutput(info: CloseInfo): void;
  /**
   * Closes the connection now. Bytes that the kernel has accepted still arrive. If a write is not complete, resets the
   * connection instead, so that the peer does not take a part for the whole. A transport without a kernel sends what it has
   * accepted before the reset.
   */
  close(info: CloseInfo): void;
  /** Resets the connection. */
  abort(info: CloseInfo): void;
  /**
   * Gives the connection away as a Node stream, for TLS on top. This transport then reports nothing more, not even
   * the end of the connection. Its addresses, `unsentBytes`, `close` and `abort` still work. The method is called
   * before `open`, or while no write is in flight. Before `open`, the transport can still be connecting. The stream
   * then has `connecting` and the event `connect`, like a `net.Socket`. A transport without this method is wrapped in
   * a stream, which opens the transport (again).
   */
  detach?(): Duplex;
  /**
   * Returns the transport of a TLS socket on the stream that `detach` returned, if there is a shorter way than
   * through the streams.
   *
   * @internal
   */
  overTls?(socket: TLSSocket, explain: (error: Error) => Error): Transport | undefined;
}
