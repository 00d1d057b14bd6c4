import type { Clock, Timer } from '@headrace/core';
import type { Msg, NatsConnection, Subscription } from '@nats-io/transport-node';

/** Time after which a subject that the server has forbidden is tried again, because permissions can change. */
export const FORBIDDEN_MS = 3000;

/** The connection of a {@link NatsSubscription}. */
export interface NatsSubscriptionParts {
  readonly connection: NatsConnection;
  readonly clock: Clock;
  readonly lose: (cause: Error) => void;
}

/**
 * A subscription that begins again and again while the server forbids its subject. One forbidden subject ends neither the link nor
 * the other subscriptions. The link logs each subject that is forbidden.
 */
export class NatsSubscription {
  private readonly parts: NatsSubscriptionParts;
  private readonly subject: string;
  private readonly received: (message: Msg) => void;
  private subscription: Subscription | undefined = undefined;
  private timer: Timer | undefined = undefined;
  isClosed = false;

  constructor(parts: NatsSubscriptionParts, subject: string, received: (message: Msg) => void) {
    this.parts = parts;
    this.subject = subject;
    this.received = received;
    this.begin();
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    this.subscription?.unsubscribe();
  }

  private begin(): void {
    const { connection, clock, lose } = this.parts;
    this.timer = undefined;
    if (this.isClosed || connection.isClosed()) return;
    const callback = (error: Error | null, message: Msg) => {
      if (error === null) this.received(message);
      else if (forbiddenBy(error) === undefined) lose(error);
      else if (!this.isClosed) this.timer ??= clock.schedule(() => this.begin(), FORBIDDEN_MS);
    };
    this.subscription = connection.subscribe(this.subject, { callback });
  }
}

/** What the server has forbidden. */
interface Forbidden {
  readonly operation: 'publish' | 'subscription';
  readonly subject: string;
}

/** Returns what the server forbids by an error, or `undefined` for another error. */
export function forbiddenBy(error: Error): Forbidden | undefined {
  // The class is not exported by all versions of the client.
  return error.name === 'PermissionViolationError' ? (error as Error & Forbidden) : undefined;
}
