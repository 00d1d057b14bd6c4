import type { Buffer } from 'node:buffer';
import type { Clock, Logger, Timer } from '@headrace/core';
import { systemClock } from '@headrace/core';
import { toBuffer, toError } from '@headrace/core/authoring';
import type { RESP_TYPES } from '@redis/client';
import type { BusLink, BusLinkSink } from '../bus/bus-engine.ts';
import { destroy, type RedisClient } from './redis-client.ts';
import { refusalOf } from './redis-role.ts';

/** The parts of a {@link RedisLink}. */
export interface RedisLinkParts {
  readonly publisher: RedisClient;
  readonly subscriber: RedisClient;
  readonly peer: typeof import('@redis/client');
  /** The id of the server's run. A different id means that the server was started again. */
  readonly runId: string;
  readonly maxBytes?: number | undefined;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** What a link to Redis gives access to: kind `redis`. */
export interface RedisAccess {
  readonly client: RedisClient;
  readonly types: typeof RESP_TYPES;
  /** The id of the server's run. A different id means that the server was started again. */
  readonly runId: string;
  /** Size of the longest message that the server reads, if known. */
  readonly maxBytes?: number | undefined;
  /** Calls the listener with the messages of a subject. The returned function ends the subscription. */
  readonly subscribe: (subject: string, listener: (bytes: Buffer) => void) => () => void;
  /** Writes a line to the log of this process. */
  readonly warn: (text: string) => void;
  /** Ends the link. */
  readonly lose: (cause: Error) => void;
}

/** Interval at which the server is asked whether it is still the master. */
const ROLE_EACH_MS = 1000;

/** Two connections to Redis. */
export class RedisLink implements BusLink {
  readonly maxBytes: number | undefined;
  readonly access: RedisAccess;
  private readonly publisher: RedisClient;
  private readonly subscriber: RedisClient;
  private readonly sink: BusLinkSink;
  /** Subscriptions that the server has not confirmed. Subscriptions of one turn are sent in one command. */
  private readonly unconfirmed = new Set<Promise<void>>();
  private batch: string[] = [];
  private isOver = false;
  private roleTimer: Timer | undefined = undefined;
  private readonly received: (bytes: Buffer, subject: Buffer) => void;

  constructor(parts: RedisLinkParts, sink: BusLinkSink) {
    const { publisher, subscriber, peer, runId, maxBytes, logger, clock } = parts;
    this.maxBytes = maxBytes;
    this.publisher = publisher;
    this.subscriber = subscriber;
    this.sink = sink;
    this.received = (bytes, subject) => sink.received(subject.toString('latin1'), bytes);
    const lose = (cause: Error) => this.lose(cause);
    this.access = {
      client: publisher,
      types: peer.RESP_TYPES,
      runId,
      maxBytes,
      warn: (text) => logger.log('warn', text),
      lose,
      subscribe: (subject, listener) => this.follow(subject, listener),
    };
    for (const client of [publisher, subscriber]) {
      client.on('error', (thrown: unknown) => this.lose(toError(thrown)));
      client.on('end', () => this.lose(undefined));
    }
    this.watchRole(clock);
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (this.isOver) return;
    // If Redis refuses one command, for example with NOPERM, it refuses all, including heartbeats.
    this.publisher.sendCommand(['PUBLISH', subject, toBuffer(bytes)]).catch(this.refused);
  }

  subscribe(subject: string): void {
    if (this.isOver) return;
    this.batch.push(subject);
    if (this.batch.length === 1) systemClock.execute(() => this.subscribeBatch());
  }

  unsubscribe(subject: string): void {
    if (this.isOver) return;
    this.subscribeBatch();
    this.confirm(this.subscriber.unsubscribe(subject, this.received, true));
  }

  async settled(): Promise<void> {
    this.subscribeBatch();
    await Promise.all(this.unconfirmed);
  }

  async receivers(subject: string): Promise<number> {
    const [, count] = await this.publisher.sendCommand<[string, number]>([
      'PUBSUB',
      'NUMSUB',
      subject,
    ]);
    return Number(count);
  }

  async close(flush: boolean): Promise<void> {
    this.isOver = true;
    this.roleTimer?.cancel();
    // The answer arrives after the answers to all earlier commands.
    if (flush) await this.publisher.sendCommand(['PING']).catch(() => {});
    destroy(this.publisher);
    destroy(this.subscriber);
  }

  private readonly refused = (thrown: unknown) => this.lose(toError(thrown));

  private subscribeBatch(): void {
    const { batch } = this;
    if (batch.length === 0 || this.isOver) return;
    this.batch = [];
    this.confirm(this.subscriber.subscribe(batch, this.received, true));
  }

  /** Adds a listener of another package. Returns a function that removes the listener. */
  private follow(subject: string, listener: (bytes: Buffer) => void): () => void {
    if (this.isOver) return () => {};
    this.confirm(this.subscriber.subscribe(subject, listener, true));
    return () => {
      if (!this.isOver) this.confirm(this.subscriber.unsubscribe(subject, listener, true));
    };
  }

  private confirm(command: Promise<void>): void {
    const confirmed = command.then(
      () => void this.unconfirmed.delete(confirmed),
      (thrown: unknown) => {
        this.unconfirmed.delete(confirmed);
        this.lose(toError(thrown));
      },
    );
    this.unconfirmed.add(confirmed);
  }

  /** Ends the link when the server becomes a replica. A server that was a master keeps its connections. */
  private watchRole(clock: Clock): void {
    this.roleTimer = clock.schedule(() => {
      this.publisher.sendCommand(['INFO', 'replication']).then((info) => {
        const refusal = refusalOf(String(info));
        if (refusal !== undefined) this.lose(new Error(refusal));
        else if (!this.isOver) this.watchRole(clock);
      }, this.refused);
    }, ROLE_EACH_MS);
  }

  private lose(cause: Error | undefined): void {
    if (this.isOver) return;
    this.isOver = true;
    this.roleTimer?.cancel();
    destroy(this.publisher);
    destroy(this.subscriber);
    this.sink.lost(cause);
  }
}
