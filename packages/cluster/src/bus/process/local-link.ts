import { Buffer } from 'node:buffer';
import type { LogEntry, LogLimits, LogLink, LogPage, LogPosition } from '../../log/log.ts';
import type { BusHost, BusSubscription } from '../bus.ts';
import type { BusLink, BusLinkSink } from '../bus-engine.ts';
import type { Relay, RelayMember } from './relay.ts';
import { RelayBytes } from './relay-frame.ts';

/** A link within the process of the relay. */
export class LocalLink implements BusLink, RelayMember {
  readonly log: LogLink;
  private readonly relay: Relay;
  private readonly sink: BusLinkSink;
  private readonly host: BusHost;
  private readonly followers = new Map<string, Set<(entry: LogEntry) => void>>();
  private isOpen = true;

  constructor(relay: Relay, sink: BusLinkSink, host: BusHost) {
    this.relay = relay;
    this.sink = sink;
    this.host = host;
    this.log = this.logLink();
    relay.join(this);
  }

  publish(subject: string, { buffer, byteOffset, byteLength }: Uint8Array): void {
    if (!this.isOpen) return;
    this.relay.publish(subject, new RelayBytes(Buffer.from(buffer, byteOffset, byteLength)));
  }

  subscribe(subject: string): void {
    this.relay.subscribe(this, subject);
  }

  unsubscribe(subject: string): void {
    this.relay.unsubscribe(this, subject);
  }

  async settled(): Promise<void> {}

  async receivers(subject: string): Promise<number> {
    return this.relay.receivers(subject);
  }

  /** Later, as any engine: who publishes does not run the listeners. */
  received(subject: string, bytes: RelayBytes): void {
    this.host.clock.execute(() => {
      if (this.isOpen) this.sink.received(subject, bytes.bytes);
    });
  }

  appended(stream: string, entry: LogEntry): void {
    this.host.clock.execute(() => {
      if (!this.isOpen) return;
      for (const follower of this.followers.get(stream) ?? []) follower(entry);
    });
  }

  async close(): Promise<void> {
    this.isOpen = false;
    this.relay.leave(this);
  }

  private logLink(): LogLink {
    const { relay } = this;
    const { clock } = this.host;
    return {
      open: async (stream: string, limits: LogLimits): Promise<void> => relay.open(stream, limits),
      append: async (stream: string, id: string, bytes: Uint8Array): Promise<LogPosition> =>
        relay.append(stream, id, bytes, clock.now()),
      read: async (stream: string, after: number, limit: number): Promise<LogPage> =>
        relay.read(stream, after, limit, clock.now()),
      follow: (stream, listener) => this.follow(stream, listener),
    };
  }

  private follow(stream: string, listener: (entry: LogEntry) => void): BusSubscription {
    return addFollower(this.followers, stream, listener, {
      first: () => this.relay.follow(this, stream),
      last: () => this.relay.unfollow(this, stream),
    });
  }
}

/** Adds a listener to those of a stream; the first and the last one of a stream make and end what is behind them. */
export function addFollower(
  followers: Map<string, Set<(entry: LogEntry) => void>>,
  stream: string,
  listener: (entry: LogEntry) => void,
  { first, last }: { readonly first: () => void; readonly last: () => void },
): BusSubscription {
  const own = (entry: LogEntry): void => listener(entry);
  const listeners = followers.get(stream);
  if (listeners === undefined) {
    followers.set(stream, new Set([own]));
    first();
  } else listeners.add(own);
  return {
    close: () => {
      const left = followers.get(stream);
      if (!left?.delete(own) || left.size > 0) return;
      followers.delete(stream);
      last();
    },
  };
}
