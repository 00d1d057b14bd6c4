import { ChannelError, type Clock } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import type { BusHost } from '../bus/bus.ts';
import type { BusLink, BusLinkSink } from '../bus/bus-engine.ts';
import { BUS_ERRORS } from '../bus/bus-errors.ts';
import { type Relay, RelayBytes, type RelayMember } from './relay.ts';

/** What a link within the process of a relay gives access to: kind `relay`. */
export interface RelayAccess {
  readonly relay: Relay;
  readonly clock: Clock;
  /** Resolves with the answer to a question, or never while the relay does not answer. Rejects when the link has ended. */
  ask<T>(question: () => T): Promise<T>;
  /** Runs a task later, like any engine, unless the link ends first. */
  deliver(task: () => void): void;
  /** Calls a function when the link ends. Returns a function that removes it. */
  onEnd(task: () => void): () => void;
}

/** A link within the process of the relay. */
export class LocalLink implements BusLink, RelayMember, RelayAccess {
  readonly relay: Relay;
  readonly clock: Clock;
  private readonly sink: BusLinkSink;
  private readonly answers: () => boolean;
  private readonly endings = new Set<() => void>();
  private isOpen = true;

  /** @param answers - a function that returns false while messages are lost and requests are not answered */
  constructor(relay: Relay, sink: BusLinkSink, { clock }: BusHost, answers = () => true) {
    this.relay = relay;
    this.sink = sink;
    this.clock = clock;
    this.answers = answers;
    relay.join(this);
  }

  get access(): RelayAccess {
    return this;
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (!this.isOpen || !this.answers()) return;
    this.relay.publish(subject, new RelayBytes(toBuffer(bytes)));
  }

  subscribe(subject: string): void {
    this.relay.subscribe(this, subject);
  }

  unsubscribe(subject: string): void {
    this.relay.unsubscribe(this, subject);
  }

  settled(): Promise<void> {
    return this.ask(() => {});
  }

  receivers(subject: string): Promise<number> {
    return this.ask(() => this.relay.receivers(subject));
  }

  /** Delivers later, like any engine, so that `publish` does not run the listeners. */
  received(subject: string, bytes: RelayBytes): void {
    this.deliver(() => this.sink.received(subject, bytes.bytes));
  }

  ask<T>(question: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) reject(new ChannelError(BUS_ERRORS.BUS_DOWN, 'the link has ended'));
      else if (this.answers()) resolve(question());
    });
  }

  deliver(task: () => void): void {
    this.clock.execute(() => {
      if (this.isOpen) task();
    });
  }

  onEnd(task: () => void): () => void {
    this.endings.add(task);
    return () => this.endings.delete(task);
  }

  async close(): Promise<void> {
    this.isOpen = false;
    this.relay.leave(this);
    for (const task of this.endings) task();
    this.endings.clear();
  }

  /** Ends the link like a killed server. */
  lose(cause: Error): void {
    if (!this.isOpen) return;
    void this.close();
    this.sink.lost(cause);
  }
}
