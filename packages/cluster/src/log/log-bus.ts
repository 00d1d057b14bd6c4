import type { Clock, Logger } from '@headrace/core';

/** What an `EngineLog` needs of its bus. */
export interface LogBus {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The `BUS_DOWN` that callers get. */
  downError(cause?: Error): Error;
  /** Rejects when the link is lost, whatever the engine does with its promise. */
  whileLinked<T>(promise: Promise<T>): Promise<T>;
}
