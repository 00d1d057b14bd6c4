import { ChannelError, type Clock, type Logger } from '@headrace/core';
import { BUS_ERRORS } from './bus-errors.ts';

/** Waits for answers of a bus engine, over changing links. */
export class EngineAnswers<Host extends { readonly clock: Clock; readonly logger: Logger }> {
  private readonly name: string;
  private given: Host | undefined = undefined;
  /** Why the engine can never connect. */
  neverUp: Error | undefined = undefined;
  /** Functions that reject the calls that wait for an answer over the present link. */
  private readonly waiting = new Set<(error: Error) => void>();

  /** @param name - the name of the bus */
  constructor(name: string) {
    this.name = name;
  }

  /**
   * The process of the bus.
   *
   * @throws ChannelError `BUS_DOWN` before the bus was opened
   */
  get host(): Host {
    if (this.given !== undefined) return this.given;
    throw this.busError('is not open: Cluster.join({ bus }) or openBus(bus) opens it');
  }

  get isOpened(): boolean {
    return this.given !== undefined;
  }

  opened(host: Host): void {
    this.given = host;
  }

  /** Called when the engine can never connect: each later {@link downError} says why. */
  broken(cause: Error): void {
    this.neverUp = cause;
  }

  /** Makes the usual `BUS_DOWN` for callers. */
  downError(cause: Error | undefined = this.neverUp): ChannelError {
    const { neverUp } = this;
    return this.busError(
      neverUp === undefined ? 'is down' : `cannot work: ${neverUp.message}`,
      cause,
    );
  }

  /** Makes a `BUS_DOWN` for another reason. @param why - the text after the name of the bus */
  busError(why: string, cause?: Error): ChannelError {
    const { name: bus } = this;
    return new ChannelError(BUS_ERRORS.BUS_DOWN, `the bus ${bus} ${why}`, { bus }, cause);
  }

  /** Settles like the promise, but rejects at once when the link is lost. */
  whileLinked<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting.add(reject);
      promise.finally(() => this.waiting.delete(reject)).then(resolve, reject);
    });
  }

  /** Called when the link is lost and no further answer can arrive. */
  unlinked(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const reject of waiting) reject(this.downError());
  }
}
