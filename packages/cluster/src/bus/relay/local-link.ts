import { ChannelError } from '@headrace/core';
import { toBuffer } from '@headrace/core/authoring';
import { CLUSTER_ERRORS } from '../../error/cluster-errors.ts';
import type { BusSubscription } from '../../log/bus-subscription.ts';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '../../log/log.ts';
import { OpenedLimits } from '../../log/opened-limits.ts';
import type { StateEntry, StateLimits, StateLink } from '../../log/state-log.ts';
import type { BusHost } from '../bus.ts';
import type { BusLink, BusLinkSink } from '../bus-engine.ts';
import { type Relay, RelayBytes, type RelayMember } from './relay.ts';

/** A link within the process of the relay. */
export class LocalLink implements BusLink, LogLink, RelayMember {
  readonly log: LogLink = this;
  readonly stateLog: StateLink = {
    open: (stream, limits) => this.ask(() => this.limits.open(stream, limits)),
    append: (stream, id, write) =>
      this.ask(() => {
        const limits = this.limits.of(stream);
        return this.relay.state(stream).append(id, write, limits, this.host.clock.now());
      }),
    read: (stream, after, limit) =>
      this.ask(() => {
        const limits = this.limits.of(stream);
        return this.relay.state(stream).read(after, limit, limits, this.host.clock.now());
      }),
    follow: (stream, listener) => {
      this.relay.followState(this, stream);
      return followed(this.stateFollowers, stream, listener, () =>
        this.relay.unfollow(this, stream),
      );
    },
  };
  private readonly relay: Relay;
  private readonly sink: BusLinkSink;
  private readonly host: BusHost;
  private readonly answers: () => boolean;
  private readonly followers = new Map<string, (entry: LogEntry) => void>();
  /** The limits of states. */
  private readonly limits = new OpenedLimits<StateLimits>();
  private readonly stateFollowers = new Map<string, (entry: StateEntry) => void>();
  private isOpen = true;

  /** @param answers - a function that returns false while messages are lost and requests are not answered */
  constructor(relay: Relay, sink: BusLinkSink, host: BusHost, answers = () => true) {
    this.relay = relay;
    this.sink = sink;
    this.host = host;
    this.answers = answers;
    relay.join(this);
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
    this.host.clock.execute(() => {
      if (this.isOpen) this.sink.received(subject, bytes.bytes);
    });
  }

  appended(stream: string, entry: LogEntry): void {
    this.host.clock.execute(() => {
      if (this.isOpen) this.followers.get(stream)?.(entry);
    });
  }

  changed(stream: string, entry: StateEntry): void {
    this.host.clock.execute(() => {
      if (this.isOpen) this.stateFollowers.get(stream)?.(entry);
    });
  }

  open(stream: string, limits: LogLimits): Promise<void> {
    return this.ask(() => this.relay.stream(stream).limit(limits));
  }

  append(stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> {
    return this.ask(() => this.relay.stream(stream).append(id, bytes, this.host.clock.now()));
  }

  read(stream: string, after: number, limit: number): Promise<LogPage> {
    return this.ask(() => this.relay.stream(stream).read(after, limit, this.host.clock.now()));
  }

  follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    this.relay.follow(this, stream);
    return followed(this.followers, stream, listener, () => this.relay.unfollow(this, stream));
  }

  async close(): Promise<void> {
    this.isOpen = false;
    this.relay.leave(this);
  }

  /** Ends the link like a killed server. */
  lose(cause: Error): void {
    if (!this.isOpen) return;
    void this.close();
    this.sink.lost(cause);
  }

  private ask<T>(question: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.isOpen) reject(new ChannelError(CLUSTER_ERRORS.BUS_DOWN, 'the link has ended'));
      else if (this.answers()) resolve(question());
    });
  }
}

/** Adds the follower of a stream. A link has one follower for each stream. `unfollow` runs when the follower is closed. */
export function followed<E>(
  followers: Map<string, (entry: E) => void>,
  stream: string,
  listener: (entry: E) => void,
  unfollow: () => void,
): BusSubscription {
  const own = (entry: E): void => listener(entry);
  followers.set(stream, own);
  return {
    close: () => {
      if (followers.get(stream) !== own) return;
      followers.delete(stream);
      unfollow();
    },
  };
}
