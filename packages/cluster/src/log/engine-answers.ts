import { ChannelError, type Clock, type Logger } from '@headrace/core';
import { CLUSTER_ERRORS } from '../error/cluster-errors.ts';

/** Questions to the engine of a bus, over links that come and go. */
export class EngineAnswers<Host extends { readonly clock: Clock; readonly logger: Logger }> {
  private readonly name: string;
  private given: Host | undefined = undefined;
  /** Each rejects what waits for an answer over the present link. */
  private readonly waiting = new Set<(error: Error) => void>();

  /** @param name - of the bus */
  constructor(name: string) {
    this.name = name;
  }

  /**
   * The process that the bus works for.
   *
   * @throws ChannelError `BUS_DOWN` before the bus was opened
   */
  get host(): Host {
    if (this.given !== undefined) return this.given;
    throw this.busError('is not open: Cluster.join({ bus }) opens it');
  }

  get isOpened(): boolean {
    return this.given !== undefined;
  }

  opened(host: Host): void {
    this.given = host;
  }

  /** The `BUS_DOWN` that callers get. */
  downError(cause?: Error): ChannelError {
    return this.busError('is down', cause);
  }

  /** A `BUS_DOWN` for another reason. @param why - what follows the name of the bus */
  busError(why: string, cause?: Error): ChannelError {
    const { name: bus } = this;
    return new ChannelError(CLUSTER_ERRORS.BUS_DOWN, `the bus ${bus} ${why}`, { bus }, cause);
  }

  /** Rejects when the link is lost, whatever the engine does with its promise then. */
  whileLinked<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting.add(reject);
      promise.finally(() => this.waiting.delete(reject)).then(resolve, reject);
    });
  }

  /** The link is lost: no answer comes over it. */
  unlinked(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const reject of waiting) reject(this.downError());
  }
}

/** The answers of an engine, for its log. */
export type LogAnswers = EngineAnswers<{ readonly clock: Clock; readonly logger: Logger }>;
