import { Buffer } from 'node:buffer';
import type { Channel, Clock } from '@headrace/core';
import { describePart, type Resolved, toError, warnFirst, whole } from '@headrace/core/authoring';
import { EngineText } from '../engine/engine-packet.ts';
import { randomText } from '../engine/random-text.ts';
import { EncodedPacket, EVENT, encodePacket } from '../packet/socket-packet.ts';
import { KeptEvents, type OlderEvent } from './kept-events.ts';
import type { LoggedMessage, LogPlace, NamespaceLog } from './namespace-nodes.ts';
import { comesAgain } from './namespace-transport.ts';
import { RecoverySession } from './recovery-session.ts';
import { LocalSessions, type Sessions } from './sessions.ts';
import { SharedSessions } from './shared-sessions.ts';
import { SocketIoEvent } from './socket-io-event.ts';

/** Limits of the state that a namespace keeps for clients that lose their connections. */
export interface SocketIoRecoveryOptions {
  /**
   * Maximum time until a client comes again, in milliseconds (`maxDisconnectionDuration`). With `durableNodes`, a session can live twice
   * as long. @default 120000
   */
  readonly maxDisconnectionMs?: number;
  /**
   * Maximum number of clients that are away and whose state is kept in this process. Those that left first are forgotten first. With
   * `durableNodes`, the store keeps them, and only those count that it has not stored yet. @default 16384
   */
  readonly maxSessions?: number;
  /** Maximum size of the events that a client is sent when it comes again, in bytes. @default 524288 */
  readonly maxMissedBytes?: number;
  /** Maximum size of the events that the namespace keeps in this process, in bytes, with 320 bytes for each. @default 16777216 */
  readonly maxBytes?: number;
}

/** @internal */
export const RECOVERY_OPTIONS = describePart('recovery', {
  maxDisconnectionMs: whole({ min: 1, max: 2 ** 31 - 1, default: 120_000 }),
  maxSessions: whole({ min: 1, default: 16_384 }),
  maxMissedBytes: whole({ min: 1, default: 512 * 1024 }),
  maxBytes: whole({ min: 1, default: 16 * 1024 * 1024 }),
});

type RecoverySettings = Resolved<SocketIoRecoveryOptions, typeof RECOVERY_OPTIONS.kinds>;

/** What a client sent for the recovery. */
interface GivenByClient {
  readonly pid?: unknown;
  readonly offset?: unknown;
}

/** Number of random bytes of a client's id and of the key of its session, which lets a client take the session over. */
const ID_BYTES = 15;
const KEY_BYTES = 18;
/** Number of random bytes that tell the offsets of this process from those of another. */
const EPOCH_BYTES = 6;
const ENTRY_OVERHEAD_BYTES = 320;
/** Time until a dead connection is noticed on another node, in milliseconds, with the defaults of Engine.IO. */
const ALIVE_MS = 65_000;

/**
 * The connection state recovery of a namespace. Each event has a number and is kept once, for all clients. It ends with its offset, which
 * a client sends when it comes again (`offset`, with the key of its session as `pid`). Numbers and sessions are those of this process, or
 * with a log those of all nodes.
 *
 * The client then gets exactly the events after this offset that were for it: an event counts for a client that was in one of the
 * rooms when the event was sent, or that was away and in one of them before. If one of them is not kept any more, the client gets a
 * new session. Therefore no event of the namespace is lost or doubled without `recovered` being false.
 *
 * - Events go through the one group of the namespace, so a client gets them in the order of their numbers.
 * - An event that ends with a text is taken for one with an offset by clients. Events that are not kept never end with a text.
 * - A client that has answered a ping has the events that were sent before it.
 */
export class Recovery {
  private readonly namespace: string;
  private readonly settings: RecoverySettings;
  private epoch = randomText(EPOCH_BYTES);
  private readonly events: KeptEvents;
  private readonly byChannel = new Map<Channel, RecoverySession>();
  private sessions: Sessions;
  private log: NamespaceLog | undefined = undefined;
  private filling: Promise<void> = Promise.resolve();
  /** Whether entries of the log were lost before the next one. */
  private hasHole = false;
  private keepMs = 0;
  private clock: Clock | undefined = undefined;
  private hasWarned = false;

  constructor(namespace: string, settings: RecoverySettings) {
    const { maxBytes, maxDisconnectionMs, maxSessions } = settings;
    this.namespace = namespace;
    this.settings = settings;
    this.events = new KeptEvents(maxBytes);
    this.sessions = new LocalSessions(maxDisconnectionMs, maxSessions, () => {
      if (this.sessions.isEmpty) this.events.restart(this.events.newest);
    });
  }

  get maxDisconnectionMs(): number {
    return this.settings.maxDisconnectionMs;
  }

  /** What is kept. */
  get held(): { readonly sessions: number; readonly events: number; readonly bytes: number } {
    return { sessions: [...this.sessions.all].length, ...this.events.held };
  }

  /** Keeps numbers and sessions with the other nodes, by a log. */
  share(log: NamespaceLog): void {
    this.log = log;
    this.clock = log.clock;
    this.keepMs = log.recordMs + ALIVE_MS;
    this.epoch = '';
    const sessions = new SharedSessions(log, {
      namespace: this.namespace,
      epoch: () => this.epoch,
      maxLeaving: this.settings.maxSessions,
    });
    this.sessions = sessions;
    log.whenLeaving(() => sessions.settled());
  }

  // --- events ---

  /**
   * Gives an event its offset and keeps it. An event that cannot be encoded fails when it is written.
   *
   * @param at - place of the event in the log of the nodes
   */
  keep(event: SocketIoEvent, at?: LogPlace): void {
    const { clock } = this;
    if (at !== undefined) this.passed(at);
    if (clock === undefined || this.sessions.isEmpty) return;
    const number = at?.offset ?? this.events.newest + 1;
    const packet = this.encoded(event, number);
    if (packet === undefined) return;
    event.kept = packet;
    const now = clock.now();
    this.events.add({ number, event, size: packet.byteLength + ENTRY_OVERHEAD_BYTES, at: now });
    this.trim(now);
  }

  private encoded({ name, args }: SocketIoEvent, number: number): EncodedPacket | undefined {
    const { namespace, epoch } = this;
    const data = [name, ...args, `${epoch}.${number}`];
    try {
      const packet = encodePacket({ type: EVENT, namespace, data }, EngineText.forMany);
      // The owner of the bytes may use them again.
      const attachments = packet.attachments.map((bytes) => Buffer.from(bytes));
      return new EncodedPacket(packet.text, attachments);
    } catch {
      return undefined;
    }
  }

  /** @param isEntry - whether an entry of the log is at this place, or the position of this node has changed without one */
  passed({ epoch, offset }: LogPlace, isEntry = true): void {
    const { events } = this;
    const isLater = isEntry ? offset > events.newest : offset >= events.newest;
    if (epoch !== this.epoch || !isLater || this.hasHole) {
      if (this.epoch !== '' && !this.hasHole) this.lost();
      this.hasHole = false;
      this.epoch = epoch;
      events.restart(isEntry ? offset - 1 : offset);
    }
    events.newest = offset;
  }

  /** Called when events were lost that are not known here. The clients that may miss one of them get new sessions, even after later events. */
  lost(): void {
    this.hasHole = this.log !== undefined;
    for (const session of this.sessions.all) {
      session.lost();
      this.sessions.changed(session);
    }
  }

  private trim(now: number): void {
    this.events.trim(now - this.keepMs);
  }

  /** Returns the events that a client has missed; `undefined` if they are not kept, or too many. */
  missed(session: RecoverySession): readonly SocketIoEvent[] | undefined {
    return this.events.missed(session, this.settings.maxMissedBytes);
  }

  // --- sessions ---

  /** Returns the channel of a session whose client comes again before its end was noticed. */
  holderOf(key: unknown): Channel | undefined {
    return this.sessions.holderOf(key);
  }

  /** Whether {@link bring} must be called for a client that gave this key. */
  isElsewhere(key: unknown): boolean {
    return this.sessions.areShared && key !== undefined;
  }

  /** Takes the session of a client from another node, and what it has missed, for {@link take} or {@link leave}. */
  async bring({ pid, offset }: GivenByClient): Promise<RecoverySession | undefined> {
    const session = await this.sessions.bring(pid);
    if (session === undefined) return undefined;
    const { log, events, namespace } = this;
    const place = placeOf(offset);
    const needed = Math.max(session.noted, place?.epoch === this.epoch ? place.offset : 0);
    try {
      // The other node may have received more than this one.
      if (needed > events.newest) await log!.limited(() => log!.caughtUp());
      // What the client has would be sent again, and into rooms of another time.
      if (needed > events.newest) session.lost();
      session.after = Math.max(session.after, this.numberOf(offset));
      const filling = this.filling.then(() => this.fill(session.after));
      this.filling = filling.catch(() => {});
      await log!.limited(() => filling);
    } catch (thrown) {
      session.lost();
      const text = `the log of the namespace ${namespace} could not be read for a client that comes again`;
      log!.logger.log('warn', text, toError(thrown));
    }
    return session;
  }

  /** Reads the events after a number that this node has not kept, because it was not there or has kept newer ones. */
  private async fill(after: number): Promise<void> {
    const { events, epoch, log, settings } = this;
    const through = events.from;
    if (after >= through) return;
    const older: OlderEvent[] = [];
    let bytes = 0;
    for (let offset = after; offset < through; ) {
      const part = await log!.since({ epoch, offset });
      if (part === undefined || (part.isComplete && part.to < through)) return;
      for (const entry of this.keptOf(part.messages, through)) {
        bytes += entry.size;
        older.push(entry);
      }
      if (bytes > settings.maxBytes) return;
      offset = part.to;
    }
    if (epoch !== this.epoch || events.from !== through) return;
    events.addOlder(after, older, log!.clock.now());
  }

  private *keptOf(messages: readonly LoggedMessage[], through: number): Iterable<OlderEvent> {
    for (const { message: event, at } of messages) {
      const number = at.offset;
      if (!(event instanceof SocketIoEvent) || number > through) continue;
      const packet = this.encoded(event, number);
      if (packet === undefined) continue;
      event.kept = packet;
      yield { number, event, size: packet.byteLength + ENTRY_OVERHEAD_BYTES };
    }
  }

  /**
   * Returns the session of a client that comes again, or a new one. Its channel follows in {@link enter}, or {@link leave}.
   *
   * @param given - what the client sent: `pid` and `offset`
   * @param aliveMs - maximum time until the end of a dead connection is noticed
   * @param brought - the session that another node had
   */
  take(
    { pid, offset }: GivenByClient,
    connection: Channel,
    aliveMs: number,
    brought?: RecoverySession,
  ): RecoverySession {
    const { sessions, settings, log } = this;
    this.clock = log?.clock ?? connection.clock;
    const awayMs = log?.recordMs ?? settings.maxDisconnectionMs;
    this.keepMs = Math.max(this.keepMs, awayMs + aliveMs);
    this.trim(this.clock.now());
    const known = brought ?? sessions.take(pid);
    if (known !== undefined) {
      known.after = Math.max(known.after, this.numberOf(offset));
      known.pinged = 0;
      if (this.missed(known) !== undefined) {
        known.isRecovered = true;
        return known;
      }
      sessions.end(known);
      if (known.knowsMissed) this.logMissed(connection);
    }
    const [id, key] = [randomText(ID_BYTES), randomText(KEY_BYTES)];
    const session = new RecoverySession(key, { id, after: this.events.newest });
    // Without a position, what the client misses is not known.
    if (this.epoch === '' || this.hasHole) session.lost();
    sessions.add(session, this.clock);
    return session;
  }

  /** Returns the number of an offset. A client with an offset of another log or process has got no event of its session. */
  private numberOf(given: unknown): number {
    const place = placeOf(given);
    if (place?.epoch !== this.epoch) return 0;
    return place.offset <= this.events.newest ? place.offset : 0;
  }

  private logMissed(connection: Channel): void {
    const { maxMissedBytes, maxBytes } = this.settings;
    const text = `begins again in ${this.namespace}: the events that it missed are more than recovery keeps (maxMissedBytes is ${maxMissedBytes}, maxBytes is ${maxBytes})`;
    warnFirst(connection, !this.hasWarned, text);
    this.hasWarned = true;
  }

  enter(session: RecoverySession, channel: Channel): void {
    session.channel = channel;
    this.byChannel.set(channel, session);
    channel.onClosed(() => this.ended(session, channel));
  }

  /** Called when the application may have set the data of a client. */
  changed(channel: Channel): void {
    const session = this.byChannel.get(channel);
    if (session !== undefined) this.sessions.changed(session);
  }

  joined(channel: Channel, room: string): void {
    this.byChannel.get(channel)?.joins(room, this.events.newest);
    this.changed(channel);
  }

  left(channel: Channel, room: string): void {
    this.byChannel.get(channel)?.leaves(room, this.events.newest, this.events.from);
    this.changed(channel);
  }

  /** Whether another node has taken over the session of a channel. */
  isReplaced(channel: Channel, owner: string): boolean {
    const session = this.byChannel.get(channel);
    return session !== undefined && this.sessions.isReplaced(session, owner);
  }

  private ended(session: RecoverySession, channel: Channel): void {
    this.byChannel.delete(channel);
    session.channel = undefined;
    if (comesAgain(channel)) this.leave(session);
    else this.sessions.end(session);
  }

  /** Called instead of {@link enter}. @param hasLeft - whether the client has left by itself */
  gone(session: RecoverySession, hasLeft: boolean): void {
    if (hasLeft) this.sessions.end(session);
    else this.leave(session);
  }

  /** Keeps a session whose client is away. */
  leave(session: RecoverySession): void {
    this.sessions.leave(session);
  }

  /** A client was sent a ping behind all its events so far. */
  pinged(channel: Channel): void {
    const session = this.byChannel.get(channel);
    if (session !== undefined) session.pinged = this.events.newest;
  }

  /** A client has answered a ping, so it has all events before it. */
  ponged(channel: Channel): void {
    const session = this.byChannel.get(channel);
    if (session !== undefined) session.after = Math.max(session.after, session.pinged);
  }
}

/** Returns the place that an offset of a client names. */
function placeOf(given: unknown): LogPlace | undefined {
  if (typeof given !== 'string') return undefined;
  const dot = given.lastIndexOf('.');
  const digits = given.slice(dot + 1);
  if (dot < 1 || !/^\d{1,15}$/.test(digits)) return undefined;
  return { epoch: given.slice(0, dot), offset: Number(digits) };
}
