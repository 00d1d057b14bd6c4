import { isByteSource, sizeOfBytes, toBuffer } from '../bytes/byte-source.ts';
import type { Address } from '../contract.ts';
import type { Transport, TransportSink } from '../transport/transport.ts';

/** A transport without a socket: it takes any message and keeps it for the test. */
export class EmbeddedTransport implements Transport {
  readonly accepts = 'any message';
  localAddress: Address | undefined = { path: 'embedded' };
  remoteAddress: Address | undefined = { path: 'embedded' };
  unsentBytes = 0;
  isActive = true;
  /** As with datagrams: each message may fail alone, and an error that no handler caught closes nothing. */
  messagesAreIndependent = false;
  /** Holds writes back, as a kernel with a full buffer does, until `release`. */
  isStuck = false;
  /** How often `read()` reached the transport. */
  reads = 0;
  /** Input is asked for. */
  isReading = false;
  /** The channel was aborted. */
  wasAborted = false;
  /** The channel has ended its half. */
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
   * Takes what a transport reports: a test calls it in place of the network, for example
   * `channel.run(() => channel.embedded.sink.failed(error))`. The channel is registered then.
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

  write(messages: readonly unknown[]): boolean {
    if (this.isStuck) {
      this.waiting = [...messages];
      for (const message of messages) this.unsentBytes += this.sizeOf(message);
      return false;
    }
    this.takeAll(messages);
    return true;
  }

  outlives(): boolean {
    return this.messagesAreIndependent;
  }

  /**
   * Takes what waited.
   *
   * @param failures - by their places, messages that it does not take, if they are independent
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
