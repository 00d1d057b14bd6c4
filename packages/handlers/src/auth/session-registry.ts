import type { Channel, CloseInfo, Timer } from '@headrace/core';
import { checkFunction, describeOptions, number, WatchedEmitter } from '@headrace/core/authoring';
import type { Session, Sessions } from './sessions.ts';

/** The events of a {@link SessionRegistry}. An id may have many connections, one after the other or at the same time. */
export interface SessionRegistryEvents<Principal> {
  /** Emitted when an id that was offline has a session. */
  online: [id: string, session: Session<Principal>];
  /** Emitted when an id stays online, but has another newest channel, because it signed in again or its newest channel closed. */
  moved: [id: string, session: Session<Principal>, previous: Channel];
  /**
   * Emitted when the id has had no session for `graceMs`. `info` tells how its last channel closed. `info` is `undefined` if that
   * channel is still open, because the channel moved to another principal or was kicked.
   */
  offline: [id: string, last: Session<Principal>, info: CloseInfo | undefined];
}

/** Options of a {@link SessionRegistry}. */
export interface SessionRegistryOptions {
  /**
   * Time that an id may have no session before it is offline, in milliseconds, by its channel's clock. If a client reconnects
   * within this time, only `moved` is emitted.
   * @default 0
   */
  readonly graceMs?: number;
}

const OPTIONS = describeOptions('SessionRegistry', {
  graceMs: number({ max: 2 ** 31 - 1, default: 0 }),
});

/** An id that has lost its last session, and may sign in again. */
interface Leaving<Principal> {
  readonly last: Session<Principal>;
  timer: Timer | undefined;
}

/**
 * The connected sessions by id. The AuthHandlers of one server share the registry and keep it up to date. The registry finds the
 * channel of an id, recognizes a second sign-in, and reports who is there with the events `online`, `moved` and `offline`. An id
 * does not go offline if it signs in again before its old connection is found dead, or if the new sign-in kicks the old session.
 *
 * An error of a listener is logged, and does not affect the connection.
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { AuthHandler, SessionRegistry } from '@headrace/handlers';
 *
 * const sessions = new SessionRegistry<string>((id) => id, { graceMs: 5000 });
 * sessions.on('online', (id) => console.log(`${id} is online`));
 * sessions.on('moved', (id) => console.log(`${id} has a new connection`));
 * const authenticate = (id: string) => ({ principal: id });
 * const signIn = () => new EmbeddedChannel(new AuthHandler({ authenticate, sessions }));
 * const first = signIn();
 * first.writeInbound('ann');
 * first.close();
 * signIn().writeInbound('ann');
 * sessions.channel('ann')?.writeAndFlush('hello');
 * // prints ann is online
 * // prints ann has a new connection
 * ```
 */
export class SessionRegistry<Principal>
  extends WatchedEmitter<SessionRegistryEvents<Principal>>
  implements Sessions<Principal>
{
  readonly idOf: (principal: Principal) => string;
  private readonly graceMs: number;
  /** The sessions of each id, the oldest first. */
  private readonly sessions = new Map<string, Session<Principal>[]>();
  private readonly leaving = new Map<string, Leaving<Principal>>();

  constructor(idOf: (principal: Principal) => string, options: SessionRegistryOptions = {}) {
    const purpose = 'returns the id of a principal';
    const guarded = checkFunction('idOf', idOf, { answers: 'sync', purpose });
    const { graceMs } = OPTIONS.resolve(options);
    super();
    this.idOf = guarded;
    this.graceMs = graceMs;
  }

  /** Number of connected ids. */
  get size(): number {
    return this.sessions.size;
  }

  /** Returns the connected ids, in the order in which they connected. */
  ids(): IterableIterator<string> {
    return this.sessions.keys();
  }

  has(id: string): boolean {
    return this.sessions.has(id);
  }

  /** Returns true from `online` to `offline`: while the id is connected, and for `graceMs` after that. */
  isOnline(id: string): boolean {
    return this.sessions.has(id) || this.leaving.has(id);
  }

  /** Returns the newest channel of an id. */
  channel(id: string): Channel | undefined {
    return this.sessions.get(id)?.at(-1)?.channel;
  }

  /** Returns all channels of an id, the oldest first. */
  channels(id: string): Channel[] {
    return (this.sessions.get(id) ?? []).map((session) => session.channel);
  }

  /** Returns the sessions of a principal's id, except the session of the given channel. */
  othersOf(principal: Principal, channel: Channel): readonly Session<Principal>[] {
    const all = this.sessions.get(this.idOf(principal)) ?? [];
    return all.filter((session) => session.channel !== channel);
  }

  add(session: Session<Principal>): void {
    const id = this.idOf(session.principal);
    const all = this.sessions.get(id);
    const left = this.leaving.get(id);
    if (all === undefined) this.sessions.set(id, [session]);
    else all.push(session);
    left?.timer?.cancel();
    this.leaving.delete(id);
    const previous = all?.at(-2) ?? left?.last;
    if (previous === undefined) this.emit('online', id, session);
    else if (previous.channel !== session.channel) {
      this.emit('moved', id, session, previous.channel);
    }
  }

  remove(session: Session<Principal>): boolean {
    const id = this.idOf(session.principal);
    const all = this.sessions.get(id);
    const index = all?.indexOf(session) ?? -1;
    if (all === undefined || index < 0) return false;
    all.splice(index, 1);
    const newest = all.at(-1);
    if (newest === undefined) {
      this.sessions.delete(id);
      this.leave(id, session);
    } else if (index === all.length) {
      this.emit('moved', id, newest, session.channel);
    }
    return true;
  }

  /**
   * Reports the id as offline only after the present event, in which a session that kicks it, or its next sign-in, may follow.
   */
  private leave(id: string, last: Session<Principal>): void {
    const leaving: Leaving<Principal> = { last, timer: undefined };
    this.leaving.set(id, leaving);
    const gone = () => {
      if (this.leaving.get(id) !== leaving) return;
      this.leaving.delete(id);
      this.emit('offline', id, last, last.channel.closeInfo);
    };
    const { clock } = last.channel;
    if (this.graceMs === 0) clock.execute(gone);
    else leaving.timer = clock.deadlines.schedule(gone, this.graceMs);
  }

  protected override listenerFailed(event: string, args: readonly unknown[], error: Error): void {
    const { channel } = args[1] as Session<Principal>;
    channel.logger.log('error', `${channel} a listener of '${event}' failed`, error);
  }
}
