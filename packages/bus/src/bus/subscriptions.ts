import type { Buffer } from 'node:buffer';
import { toError } from '@headrace/core/authoring';
import type { BusListener, BusSubscription } from './bus.ts';

/** Notified by {@link Subscriptions}. */
export interface SubscriptionsOwner {
  /** The first listener of a subject was added. */
  subscribed(subject: string): void;
  /** The last listener of a subject was removed. */
  unsubscribed(subject: string): void;
  listenerThrew(subject: string, error: Error): void;
}

/** The listeners of one bus, by subject. */
export class Subscriptions {
  private readonly owner: SubscriptionsOwner;
  /**
   * A single listener is stored without a set. Most subjects have one listener, for example those of a hundred thousand users.
   */
  private readonly bySubject = new Map<string, Listening | Set<Listening>>();

  constructor(owner: SubscriptionsOwner) {
    this.owner = owner;
  }

  get size(): number {
    return this.bySubject.size;
  }

  subjects(): IterableIterator<string> {
    return this.bySubject.keys();
  }

  add(subject: string, listener: BusListener): BusSubscription {
    const own = new Listening(this, subject, listener);
    const listeners = this.bySubject.get(subject);
    if (listeners instanceof Set) listeners.add(own);
    else this.bySubject.set(subject, listeners === undefined ? own : new Set([listeners, own]));
    if (listeners === undefined) this.owner.subscribed(subject);
    return own;
  }

  remove(own: Listening): void {
    const { subject } = own;
    const listeners = this.bySubject.get(subject);
    if (listeners instanceof Set) {
      if (!listeners.delete(own) || listeners.size > 0) return;
    } else if (listeners !== own) return;
    this.bySubject.delete(subject);
    this.owner.unsubscribed(subject);
  }

  deliver(subject: string, bytes: Buffer): void {
    const listeners = this.bySubject.get(subject);
    if (listeners === undefined) return;
    if (listeners instanceof Listening) {
      this.call(listeners, bytes);
      return;
    }
    // A listener can subscribe again while it runs. The new listener receives only later messages.
    for (const one of [...listeners]) if (listeners.has(one)) this.call(one, bytes);
  }

  clear(): void {
    this.bySubject.clear();
  }

  private call({ listener, subject }: Listening, bytes: Buffer): void {
    try {
      listener(bytes, subject);
    } catch (thrown) {
      this.owner.listenerThrew(subject, toError(thrown));
    }
  }
}

/** One call of `subscribe`. A process has many thousands of these objects, so they must stay small and have no closure. */
class Listening implements BusSubscription {
  private readonly all: Subscriptions;
  readonly subject: string;
  readonly listener: BusListener;

  constructor(all: Subscriptions, subject: string, listener: BusListener) {
    this.all = all;
    this.subject = subject;
    this.listener = listener;
  }

  close(): void {
    this.all.remove(this);
  }
}
