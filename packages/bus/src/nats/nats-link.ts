import { RecentMap, toBuffer, toError } from '@headrace/core/authoring';
import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { BusHost } from '../bus/bus.ts';
import type { BusLink, BusLinkSink } from '../bus/bus-engine.ts';
import { NatsInbox, type NatsPeer } from './nats-inbox.ts';
import {
  FORBIDDEN_MS,
  forbiddenBy,
  NatsSubscription,
  type NatsSubscriptionParts,
} from './nats-subscription.ts';

const NOTHING = new Uint8Array(0);
/** Maximum number of forbidden subjects that are remembered. */
const MAX_FORBIDDEN = 1000;

/** The parts of a {@link NatsLink}. */
export interface NatsLinkParts {
  readonly connection: NatsConnection;
  readonly peer: NatsPeer;
  readonly inboxPrefix: string | undefined;
  readonly replicas: number | undefined;
  readonly maxBytes?: number | undefined;
}

/** What a link to NATS gives access to: kind `nats`. */
export interface NatsAccess extends NatsSubscriptionParts {
  /** The client package. */
  readonly peer: NatsPeer;
  /** Receives answers without a subscription for each. */
  readonly inbox: NatsInbox;
  /** Wanted number of replicas of each stream, if the application has set it. */
  readonly replicas: number | undefined;
  /** Maximum size of each stream in bytes, if the application has set it. */
  readonly maxBytes?: number | undefined;
  /** Writes a line to the log of this process. */
  readonly warn: (text: string) => void;
}

/** One connection to NATS. */
export class NatsLink implements BusLink {
  readonly access: NatsAccess;
  private readonly connection: NatsConnection;
  private readonly sink: BusLinkSink;
  private readonly host: BusHost;
  private readonly inbox: NatsInbox;
  private readonly subscriptions = new Map<string, NatsSubscription>();
  private roundTrip: Promise<void> | undefined = undefined;
  private isOver = false;
  private hasFailedToSend = false;
  /** The subjects that the server has forbidden to publish, and the time of the next try. */
  private readonly forbidden = new RecentMap<number>(MAX_FORBIDDEN);
  /** What is forbidden and was logged. */
  private readonly told = new RecentMap<true>(MAX_FORBIDDEN);

  constructor(parts: NatsLinkParts, sink: BusLinkSink, host: BusHost) {
    const { connection, peer, inboxPrefix, replicas, maxBytes } = parts;
    this.connection = connection;
    this.sink = sink;
    this.host = host;
    this.inbox = new NatsInbox(connection, peer, inboxPrefix);
    const lose = (cause: Error) => this.lose(cause);
    const { clock, logger } = host;
    const warn = (text: string) => logger.log('warn', text);
    const { inbox } = this;
    this.access = { connection, peer, inbox, clock, lose, warn, replicas, maxBytes };
    connection.closed().then(
      (error) => this.lose(error instanceof Error ? error : undefined),
      (error: unknown) => this.lose(toError(error)),
    );
    void this.watch();
  }

  get maxBytes(): number | undefined {
    return this.connection.info?.max_payload;
  }

  isForbidden(subject: string): boolean {
    if (this.forbidden.size === 0) return false;
    const until = this.forbidden.peek(subject);
    if (until === undefined || this.host.clock.now() < until) return until !== undefined;
    this.forbidden.delete(subject);
    return false;
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (this.isOver) return;
    try {
      this.connection.publish(subject, bytes);
    } catch (thrown) {
      // The connection was closed a moment ago.
      if (this.hasFailedToSend || this.connection.isClosed()) return;
      this.hasFailedToSend = true;
      const error = toError(thrown);
      const text = `${bytes.byteLength} bytes for ${subject} were not sent: ${error.message}`;
      this.host.logger.log('warn', text, error);
    }
  }

  subscribe(subject: string): void {
    if (this.isOver || this.connection.isClosed() || this.subscriptions.has(subject)) return;
    const received = ({ reply, data }: Msg) => {
      // An empty message with a reply subject is the question of another node whether this node listens.
      if (reply === undefined || reply === '') this.sink.received(subject, toBuffer(data));
    };
    this.subscriptions.set(subject, new NatsSubscription(this.access, subject, received));
  }

  unsubscribe(subject: string): void {
    this.subscriptions.get(subject)?.close();
    this.subscriptions.delete(subject);
  }

  settled(): Promise<void> {
    return this.connection.flush();
  }

  /**
   * Publishes a question that no listener answers. Without a listener, the server reports this at once, before it answers the
   * following ping. So if only the ping is answered, a listener exists.
   */
  receivers(subject: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const { reply, forget } = this.inbox.expect(() => resolve(0));
      try {
        this.connection.publish(subject, NOTHING, { reply });
      } catch (thrown) {
        forget();
        reject(toError(thrown));
        return;
      }
      this.ping().then(() => {
        forget();
        resolve(1);
      }, reject);
    });
  }

  async close(flush: boolean): Promise<void> {
    this.isOver = true;
    if (flush && !this.connection.isClosed()) await this.connection.flush().catch(() => {});
    await this.connection.close();
  }

  /** Makes one round trip for all calls in the same turn. */
  private ping(): Promise<void> {
    this.roundTrip ??= Promise.resolve().then(() => {
      this.roundTrip = undefined;
      return this.connection.flush();
    });
    return this.roundTrip;
  }

  /** Receives the errors of the server. One forbidden subject does not stop the others. */
  private async watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type !== 'error' || this.isOver) continue;
      const { error } = status;
      const forbidden = forbiddenBy(error);
      if (forbidden === undefined) continue;
      const { operation, subject } = forbidden;
      if (operation === 'publish') {
        this.forbidden.use(subject, this.host.clock.now() + FORBIDDEN_MS);
      }
      const what = `${operation} ${subject}`;
      if (this.told.peek(what) !== undefined) continue;
      this.told.use(what, true);
      const kind = operation === 'publish' ? 'messages' : 'a subscription';
      this.host.logger.log('warn', `NATS refuses ${kind}: ${error.message}`);
    }
  }

  private lose(cause: Error | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.connection.close().catch(() => {});
    this.sink.lost(cause);
  }
}
