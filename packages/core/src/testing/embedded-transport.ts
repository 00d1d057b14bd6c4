import { Buffer } from 'node:buffer';
import { isByteSource, sizeOfBytes, toBuffer } from '../bytes/byte-source.ts';
import type { Address } from '../contract/connection.ts';
import { endLoan, keepIfLent, lendRead } from '../transport/read-loan.ts';
import type { ConnectionlessRules, Transport, TransportSink } from '../transport/transport.ts';

/** A transport without a socket that accepts any message and keeps it for the test. */
export class EmbeddedTransport implements Transport {
  readonly accepts = 'any message';
  localAddress: Address | undefined = { path: 'embedded' };
  remoteAddress: Address | undefined = { path: 'embedded' };
  unsentBytes = 0;
  isActive = true;
  /** Rules with which each message can fail alone, as with datagrams. Set before the channel is registered. */
  connectionless: ConnectionlessRules | undefined = undefined;
  /** Whether the transport holds writes until `release`, as a kernel with a full buffer does. */
  isStuck = false;
  /** Number of `read()` calls that reached the transport. */
  reads = 0;
  isReading = false;
  wasAborted = false;
  /** Whether the channel has ended its half. */
  isOutputEnded = false;
  private opened: TransportSink | undefined = undefined;
  private readonly take: (message: unknown) => void;
  private waiting: readonly unknown[] | undefined = undefined;

  constructor(take: (message: unknown) => void) {
    this.take = take;
  }

  open(sink: TransportSink): void {
    this.opened = sink;
  }

  /**
   * The receiver of the transport's reports, after the channel was registered. A test calls it in place of the network, for
   * example `channel.run(() => channel.embedded.sink.failed(error))`.
   */
  get sink(): TransportSink {
    if (this.opened === undefined) throw new Error('the channel is not registered yet');
    return this.opened;
  }

  requestRead(): void {
    this.reads += 1;
    this.isReading = true;
  }

  pauseReading(): void {
    this.isReading = false;
  }

  sizeOf(message: unknown): number {
    if (typeof message === 'string') return message.length;
    return Math.max(0, sizeOfBytes(message));
  }

  /** Returns the message as a socket delivers it: bytes that no handler keeps are in memory that is overwritten after the burst. */
  read(message: unknown): unknown {
    if (!Buffer.isBuffer(message) || this.sink.keepsNoReads !== true) return message;
    return lendRead(message, this.sink) ?? message;
  }

  /** Ends a burst of {@link read} messages. */
  endBurst(): void {
    endLoan(this.sink, this.waiting === undefined && this.sink.hasKeptNothing === true, true);
  }

  write(messages: readonly unknown[]): boolean {
    // The test reads what was written.
    for (const message of messages) keepIfLent(message);
    if (this.isStuck) {
      this.waiting = [...messages];
      for (const message of messages) this.unsentBytes += this.sizeOf(message);
      return false;
    }
    this.takeAll(messages);
    return true;
  }

  /**
   * Accepts the writes that were held.
   *
   * @param failures - errors of the messages that the transport rejects, by the message's index; only if messages are
   *   independent
   */
  release(failures?: ReadonlyMap<number, Error>): void {
    this.isStuck = false;
    const { waiting } = this;
    if (waiting === undefined) return;
    this.waiting = undefined;
    this.unsentBytes = 0;
    this.takeAll(failures === undefined ? waiting : waiting.filter((_, i) => !failures.has(i)));
    this.opened?.written(failures);
  }

  shutdownOutput(): void {
    this.isOutputEnded = true;
    this.opened?.outputEnded();
  }

  close(): void {
    this.isActive = false;
  }

  abort(): void {
    this.wasAborted = true;
    this.isActive = false;
  }

  private takeAll(messages: readonly unknown[]): void {
    for (const message of messages) this.take(isByteSource(message) ? toBuffer(message) : message);
  }
}
