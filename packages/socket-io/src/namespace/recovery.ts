import { Buffer } from 'node:buffer';
import type { Channel, Clock } from '@headrace/core';
import { describePart, Fifo, type Resolved, warnFirst, whole } from '@headrace/core/authoring';
import { EngineText } from '../engine/engine-packet.ts';
import { randomText } from '../engine/random-text.ts';
import { EncodedPacket, EVENT, encodePacket } from '../packet/socket-packet.ts';
import { comesAgain } from './namespace-transport.ts';
import { RecoverySession } from './recovery-session.ts';
import type { SocketIoEvent } from './socket-io-event.ts';

/** Limits of the state that a namespace keeps for clients that lose their connections. */
export interface SocketIoRecoveryOptions {
  /** Maximum time until a client comes again, in milliseconds (`maxDisconnectionDuration`). @default 120000 */
  readonly maxDisconnectionMs?: number;
  /** Maximum number of clients that are away and whose state is kept. Those that left first are forgotten first. @default 16384 */
  readonly maxSessions?: number;
  /** Maximum size of the events that a client is sent when it comes again, in bytes. @default 524288 */
  readonly maxMissedBytes?: number;
  /** Maximum size of the events that the namespace keeps, in bytes, with 320 bytes for each. @default 16777216 */
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

/** Number of random bytes of a client's id and of the key of its session, which lets a client take the session over. */
const ID_BYTES = 15;
const KEY_BYTES = 18;
/** Number of random bytes that tell the offsets of this process from those of another. */
const EPOCH_BYTES = 6;
const ENTRY_OVERHEAD_BYTES = 320;

/** An event that clients may miss. */
interface KeptEvent {
  readonly number: number;
  readonly event: SocketIoEvent;
  readonly rooms: readonly string[];
  readonly except: readonly string[];
  readonly size: number;
  readonly at: number;
}

/**
 * The connection state recovery of a namespace, in the memory of this process. Each event has a number and is kept once, for all
 * clients. It ends with its offset, which a client sends when it comes again (`offset`, with the key of its session as `pid`).
 *
 * The client then gets exactly the events after this offset that were for it: an event counts for a client that was in one of the
 * rooms when the event was sent, or that was away and in one of them before. If one of them is not kept any more, the client gets a
 * new session. Therefore no event of the namespace is lost or doubled without `recovered` being false.
 *
 * - Events go through the one group of the namespace, so a client gets them in the order of their numbers.
 * - An event that ends with a text is taken for one with an offset by clients. Events that are not kept never end with a text.
 * - An event that is older than the longest absence of a client, and than the time until a dead connection is noticed, cannot be
 *   missed by a client that is known.
 */
export class Recovery {
  private readonly namespace: string;
  private readonly settings: RecoverySettings;
  private readonly epoch = randomText(EPOCH_BYTES);
  private readonly sessions = new Map<string, RecoverySession>();
  private readonly byChannel = new Map<Channel, RecoverySession>();
  /** Sessions of clients that are away, in the order in which they left. */
  private readonly away = new Set<RecoverySession>();
  private readonly events = new Fifo<KeptEvent>();
  private newest = 0;
  private bytes = 0;
  /** Number of the newest event that was removed before its time. */
  private lostThrough = 0;
  private keepMs = 0;
  private clock: Clock | undefined = undefined;
  private hasWarned = false;

  constructor(namespace: string, settings: RecoverySettings) {
    this.namespace = namespace;
    this.settings = settings;
  }

  /** What is kept. */
  get held(): { readonly sessions: number; readonly events: number; readonly bytes: number } {
    return { sessions: this.sessions.size, events: this.events.size, bytes: this.bytes };
  }

  // --- events ---

  /** Gives an event its offset and keeps it. An event that cannot be encoded fails when it is written. */
  keep(event: SocketIoEvent, rooms: readonly string[], except: readonly string[]): void {
    const { clock } = this;
    if (clock === undefined || this.sessions.size === 0) return;
    const { namespace, epoch } = this;
    const number = this.newest + 1;
    const data = [event.name, ...event.args, `${epoch}.${number}`];
    let packet: EncodedPacket;
    try {
      packet = encodePacket({ type: EVENT, namespace, data }, EngineText.forMany);
    } catch {
      return;
    }
    // The owner of the bytes may use them again.
    const attachments = packet.attachments.map((bytes) => Buffer.from(bytes));
    event.kept = new EncodedPacket(packet.text, attachments);
    this.newest = number;
    const at = clock.now();
    const size = packet.byteLength + ENTRY_OVERHEAD_BYTES;
    this.bytes += size;
    this.events.push({ number, event, rooms, except, size, at });
    this.trim(at);
  }

  /** Called when events were lost that are not known here. The clients that may miss one of them get new sessions, even after later events. */
  lost(): void {
    for (const session of this.sessions.values()) session.lost();
  }

  private trim(now: number): void {
    const { events, settings, keepMs } = this;
    for (let oldest = events.peek(); oldest !== undefined; oldest = events.peek()) {
      const isOld = now - oldest.at > keepMs;
      if (!isOld && this.bytes <= settings.maxBytes) return;
      if (!isOld) this.lostThrough = oldest.number;
      events.shift();
      this.bytes -= oldest.size;
    }
  }

  /** Returns the events that a client has missed; `undefined` if they are not kept, or too many. */
  missed(session: RecoverySession): readonly SocketIoEvent[] | undefined {
    const { events, lostThrough, newest } = this;
    if (session.after < lostThrough || !session.knowsMissed) return undefined;
    const missed: SocketIoEvent[] = [];
    let bytes = 0;
    for (let at = Math.max(0, events.size - (newest - session.after)); at < events.size; at++) {
      const entry = events.at(at)!;
      if (!isFor(session, entry)) continue;
      missed.push(entry.event);
      bytes += entry.event.kept!.byteLength;
      if (bytes > this.settings.maxMissedBytes) return undefined;
    }
    return missed;
  }

  // --- sessions ---

  /** Returns the channel of a session whose client comes again before its end was noticed. */
  holderOf(key: unknown): Channel | undefined {
    return this.sessions.get(key as string)?.channel;
  }

  /**
   * Returns the session of a client that comes again, or a new one. Its channel follows in {@link enter}, or {@link leave}.
   *
   * @param given - what the client sent: `pid` and `offset`
   * @param aliveMs - maximum time until the end of a dead connection is noticed
   */
  take(given: Readonly<Record<string, unknown>>, connection: Channel, aliveMs: number) {
    const { clock } = connection;
    const { sessions, settings } = this;
    this.clock = clock;
    this.keepMs = Math.max(this.keepMs, settings.maxDisconnectionMs + aliveMs);
    this.trim(clock.now());
    const known = sessions.get(given['pid'] as string);
    if (known !== undefined && this.away.has(known)) {
      known.timer?.cancel();
      this.away.delete(known);
      known.after = Math.max(known.after, this.numberOf(given['offset']));
      if (this.missed(known) !== undefined) {
        known.isRecovered = true;
        return known;
      }
      sessions.delete(known.key);
      this.logMissed(connection);
    }
    const [id, key] = [randomText(ID_BYTES), randomText(KEY_BYTES)];
    const session = new RecoverySession(id, key, this.newest);
    sessions.set(key, session);
    return session;
  }

  /** Returns the number of an offset. A client with an offset of another process has got no event of its session. */
  private numberOf(offset: unknown): number {
    const [epoch, digits = ''] = typeof offset === 'string' ? offset.split('.') : [];
    const number = epoch === this.epoch && /^\d{1,15}$/.test(digits) ? Number(digits) : 0;
    return number <= this.newest ? number : 0;
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

  joined(channel: Channel, room: string): void {
    this.byChannel.get(channel)?.joins(room, this.newest);
  }

  left(channel: Channel, room: string): void {
    const oldest = this.events.peek()?.number ?? this.newest + 1;
    this.byChannel.get(channel)?.leaves(room, this.newest, oldest);
  }

  private ended(session: RecoverySession, channel: Channel): void {
    this.byChannel.delete(channel);
    session.channel = undefined;
    if (comesAgain(channel)) this.leave(session);
    else this.forget(session);
  }

  /** Keeps a session whose client is away. */
  leave(session: RecoverySession): void {
    const { away, clock, settings } = this;
    const { maxDisconnectionMs, maxSessions } = settings;
    away.add(session);
    session.timer = clock!.deadlines.schedule(() => this.forget(session), maxDisconnectionMs);
    const [first] = away;
    if (away.size > maxSessions) this.forget(first!);
  }

  private forget(session: RecoverySession): void {
    session.timer?.cancel();
    this.away.delete(session);
    this.sessions.delete(session.key);
    if (this.sessions.size > 0) return;
    this.events.clear();
    this.bytes = 0;
  }
}

function isFor(session: RecoverySession, { number, rooms, except }: KeptEvent): boolean {
  const wasIn = (room: string) => session.wasIn(room, number);
  return (rooms.length === 0 || rooms.some(wasIn)) && !except.some(wasIn);
}
