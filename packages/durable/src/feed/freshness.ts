import type { Logger } from '@headrace/core';
import { WatchedEmitter } from '@headrace/core/authoring';

/** Events of what a node has read from its store. */
export interface FreshnessEvents {
  /** The store cannot be read now. Others may have changed what this node has. */
  stale: [];
  /** The store was read again, up to its end. */
  fresh: [];
}

/** What a node has read from its store, while it can be older than what the store has. */
export abstract class Freshness extends WatchedEmitter<FreshnessEvents> {
  private readonly logger: Logger;
  private readonly subject: string;

  /** @internal @param subject - what it is, for the line about a listener that failed */
  constructor(logger: Logger, subject: string) {
    super();
    this.logger = logger;
    this.subject = subject;
  }

  /**
   * True while this node cannot read the store: the bus is down, or the store has not answered for some seconds. Others may have changed
   * what this node has.
   */
  abstract get isStale(): boolean;

  protected override listenerFailed(event: string, _args: readonly unknown[], error: Error): void {
    this.logger.log('error', `a listener of "${event}" of ${this.subject} failed`, error);
  }
}
