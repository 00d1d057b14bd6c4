import { type Channel, type ChannelOptions, OptionError, openChannel } from '@headrace/core';
import { RecentMap, type Resolved, toError } from '@headrace/core/authoring';
import { PRINCIPAL, principalOf, restoreSignIn } from '@headrace/handlers';
import { beginLasting, type LastingChannel } from '../channel/lasting-channel.ts';
import type { ResumeLink } from '../channel/present-link.ts';
import type { ResumeTransportOptions } from '../channel/resume-owner.ts';
import { ResumeMachine, systemRandom, type WantedTerms } from '../protocol/resume-machine.ts';
import { ResumeSecrets } from '../protocol/resume-secrets.ts';
import type { SessionState } from '../protocol/session-bytes.ts';
import type { RecordedSession } from '../protocol/session-record.ts';
import { AbsentSessions } from './absent-sessions.ts';
import { type GoneReason, noneGone } from './gone-reason.ts';
import { HandOver, type HandOverOptions, type HandOverReport } from './hand-over.ts';
import { LoggedSessions } from './logged-sessions.ts';
import { nameOf } from './logged-transport.ts';
import { ResumeSession, type SessionTable } from './resume-session.ts';
import {
  MOVE,
  type MoveOptions,
  OPTIONS,
  type ResumeTableOptions,
} from './resume-table-options.ts';

/** The counters of a {@link ResumeTable}. */
export interface ResumeTableCounters {
  /** Returning clients that received `RESUME_GONE`, by reason. */
  readonly gone: Readonly<Record<GoneReason, number>>;
}

/** @internal The result of a RESUME. */
export type ResumeVerdict =
  | { readonly session: ResumeSession }
  /** Another process has the channel, or will have it. The client must reconnect soon, there or here. */
  | { readonly do: 'come-again' }
  /** Too many clients return. The client must reconnect, at the time that its retry policy gives. */
  | { readonly do: 'busy' }
  /** Another process may have stored the channel, see {@link ResumeTable.lookUp}. */
  | { readonly do: 'look-up' }
  | { readonly gone: GoneReason };

/**
 * The table of a server's lasting channels, shared by the {@link ResumeHandler}s of all links. The table finds the channel that a
 * link resumes, and limits the cost of absent clients.
 *
 * @example
 * ```ts run
 * import { ResumeTable } from '@headrace/lasting';
 *
 * const table = new ResumeTable({ windowMs: 30_000, maxDetached: 1000 });
 * console.log(table.size, table.detached, table.detachedBytes);
 * // prints 0 0 0
 * ```
 */
export class ResumeTable {
  /**
   * Counts of `RESUME_GONE` by reason, in more detail than clients receive. Use the counts with `metricsOf`. Each case is also
   * logged at level `debug`.
   *
   * @example
   * ```ts check
   * import { metricsOf, ServerMetrics } from '@headrace/handlers';
   * import { ResumeTable } from '@headrace/lasting';
   *
   * const table = new ResumeTable();
   * const read = () => table.counters;
   * new ServerMetrics().include(metricsOf('headrace_lasting', read, { label: 'reason' }));
   * ```
   */
  readonly counters: ResumeTableCounters;
  /** Maximum time until a link sends its first frame. */
  readonly helloTimeoutMs: number;
  private readonly options: Resolved<ResumeTableOptions, typeof OPTIONS.kinds>;
  private readonly sessions = new Map<string, ResumeSession>();
  private readonly absent = new AbsentSessions();
  /** Sessions that ended while their clients were absent, the oldest first. Returning clients are notified. */
  private readonly remembered = new RecentMap<ResumeSession>(Number.POSITIVE_INFINITY);
  private readonly owner: SessionTable;
  private readonly logged: LoggedSessions | undefined;
  private readonly goneCounts = noneGone();
  /** Number of hand-overs under way. */
  private leaving = 0;
  /** Channels of the log that this process is about to serve. Each promise settles when the channel is here, or is not. */
  private readonly arrivals = new Set<Promise<ResumeVerdict>>();

  constructor(options: ResumeTableOptions = {}) {
    this.options = OPTIONS.resolve(options);
    this.helloTimeoutMs = this.options.helloTimeoutMs;
    this.counters = { gone: this.goneCounts };
    const { log, windowMs } = this.options;
    if (log !== undefined) {
      if (windowMs > log.keepMs / 2) throw keepsTooShort(windowMs, log.keepMs);
      this.logged = new LoggedSessions(log, this.options, this.sessions);
    }
    this.owner = {
      attached: (session) => this.attached(session),
      detached: (session, link) => this.detach(session, link),
      grew: (session) => this.recount(session),
      ended: (session, isKnown) => this.ended(session, isKnown),
    };
  }

  /** Number of lasting channels, with and without a link. */
  get size(): number {
    return this.sessions.size - this.remembered.size;
  }

  /** Number of lasting channels without a link. */
  get detached(): number {
    return this.absent.size;
  }

  /** Bytes kept for clients without a link. */
  get detachedBytes(): number {
    return this.absent.bytes;
  }

  /** @internal Maximum absence of clients. */
  get windowMs(): number {
    return this.options.windowMs;
  }

  /** Asks clients with a link to move, for example before this server stops. */
  move(options: MoveOptions = {}): void {
    const { spreadMs, count, places } = MOVE.resolve(options);
    let left = count;
    for (const { transport } of this.sessions.values()) {
      if (left <= 0) return;
      if (transport.move(spreadMs, places)) left -= 1;
    }
  }

  /**
   * Leaves all lasting channels to the log, each when it has answered its input. The clients then resume their channels in other
   * processes. Channels that clients open meanwhile are handed over too; later channels stay. Channels that cannot be handed over
   * are still served here, and the report contains the errors. This process gives up a channel when the log has stored it, and
   * takes no other channel from the log until `handOver` resolves. If no other process takes a channel within 10 s, the channel
   * can come back. Resolves when each channel was tried; rejects only with an `OptionError`.
   *
   * @throws OptionError if an option is not valid, or the table has no log
   */
  async handOver(options: HandOverOptions = {}): Promise<HandOverReport> {
    const handOver = new HandOver(options);
    if (this.logged === undefined) throw hasNoLog();
    this.leaving += 1;
    try {
      return await handOver.run(async () => {
        await Promise.allSettled(this.arrivals);
        return [...this.sessions.values()].filter(
          ({ place, transport }) => place === 'here' && !transport.isFinished,
        );
      });
    } finally {
      this.leaving -= 1;
    }
  }

  private openStored(
    session: ResumeSession,
    state: SessionState,
    { childHandler, childOptions, restore }: StoredChannelOptions,
  ): void {
    let failure: Error | undefined;
    const { transport } = session;
    openChannel(transport, {
      clock: transport.clock,
      ...childOptions,
      initialize: (channel) => {
        beginLasting(channel, transport);
        if (state.isKnown) restoreSignIn(channel);
        if (state.principal !== undefined) channel.attributes.set(PRINCIPAL, state.principal);
        try {
          const built = childHandler(channel as never) as void;
          restore?.(channel as never, state.saved as never);
          if (state.isKnown && principalOf(channel) === undefined) {
            throw new Error('its client had signed in, and restore has set no PRINCIPAL');
          }
          return built;
        } catch (thrown) {
          failure = toError(thrown);
        }
      },
    });
    if (failure !== undefined) {
      transport.expire({ reason: 'refused', by: 'local', error: undefined });
      throw failure;
    }
    if (transport.isFinished) throw new Error('it ended while its pipeline was built');
    if (state.endReason !== undefined) transport.channel!.end({ reason: state.endReason });
  }

  /**
   * Ends all channels without a link, with the reason `shutdown`. If the table has a log, other processes continue these
   * channels. Channels with a link end with their server.
   */
  close(): void {
    for (const session of this.absent.all) {
      if (session.logged === undefined) session.shut();
      else session.moveAway();
    }
    for (const [, session] of [...this.remembered]) this.forget(session);
  }

  /** @internal Opens a new channel for a link. */
  open(wanted: WantedTerms, link: ResumeLink, save?: SaveFunction): ResumeSession {
    const { windowMs, creditBytes, random } = this.options;
    const { clock } = link.channel;
    const session = this.sessionWith({ windowMs, creditBytes, random, clock });
    session.save = save;
    session.transport.accept(link, wanted);
    this.sessions.set(session.transport.id, session);
    this.logged?.added(clock);
    return session;
  }

  /** @internal */
  protected sessionWith(options: Omit<ResumeTransportOptions, 'owner'>): ResumeSession {
    return new ResumeSession(options, this.owner, this.logged);
  }

  /** @internal Searches the log for a channel that is not here, and continues it. */
  async lookUp(
    { id, secret, received }: { id: string; secret: string; received: number },
    link: Channel,
    options: StoredChannelOptions,
  ): Promise<ResumeVerdict> {
    const found = await this.logged!.find(
      id,
      received,
      ({ state }) => isSecretOf(state, secret),
      link,
    );
    if (!('session' in found)) return found;
    // Another process takes the channel. Here, it would have to leave at once.
    if (this.leaving > 0) return COME_AGAIN;
    const { state } = found.session;
    // A copy that is older than another process's copy, or that arrived meanwhile.
    const before = this.sessions.get(id);
    if (before?.logged?.journal.hasWritten(found.session.name) === true) {
      // The log still knows a secret that the client no longer uses.
      if (before.place !== 'moved') return OLD_SECRET;
      // This process has left the channel to the log. If no other process takes the channel, it comes back.
      const waitMs = Math.min(COME_BACK_MS, before.transport.windowMs / 2);
      if (link.clock.now() - before.leftAt < waitMs) return COME_AGAIN;
    }
    // Another link of the client is already resuming the channel.
    if (before?.place === 'arriving' && !before.transport.isFinished) return COME_AGAIN;
    if (before?.place === 'here' && !before.transport.isFinished) before.lost();
    else if (before !== undefined) this.forget(before);
    const { windowMs, creditBytes } = state;
    const { random } = this.options;
    const { clock } = link;
    const session = this.sessionWith({ windowMs, creditBytes, random, clock });
    session.save = options.save;
    session.place = 'arriving';
    if (!session.logged!.restoreRecorded(found.session, found.revision)) return { gone: 'credit' };
    this.sessions.set(id, session);
    this.logged!.added(clock);
    const arrival = this.claim(session, found.session, link, options);
    this.arrivals.add(arrival);
    try {
      return await arrival;
    } finally {
      this.arrivals.delete(arrival);
    }
  }

  /** Continues a channel of the log, as soon as the log knows that the channel is here. */
  private async claim(
    session: ResumeSession,
    recorded: RecordedSession,
    link: Channel,
    options: StoredChannelOptions,
  ): Promise<ResumeVerdict> {
    const { state } = recorded;
    const transport = session.logged!;
    const timer = link.clock.deadlines.schedule(() => session.lost(), this.options.logTimeoutMs);
    const isHere = await transport.claim().finally(() => timer.cancel());
    if (!isHere) return COME_AGAIN;
    this.logged!.took(state.id, recorded, link.clock);
    // If the pipeline cannot be built, the channel's records stay.
    session.place = 'moved';
    try {
      if (!state.isClosed) this.openStored(session, state, options);
      session.place = 'here';
      transport.journal.opened();
    } catch (thrown) {
      const error = toError(thrown);
      link.logger.log('error', `${link} cannot resume: ${error.message}`, error);
      return COME_AGAIN;
    }
    this.awaitClient(session);
    return { session };
  }

  /** @internal Returns the channel of this id, if the secret is right. */
  find(id: string, secret: string): ResumeVerdict {
    const session = this.sessions.get(id);
    // An unknown id takes as long as a wrong secret.
    const isRight = session === undefined ? NOBODY.knows(secret) : session.transport.knows(secret);
    const place = session?.place ?? 'here';
    // A channel that is on its way to or from the log.
    if (place === 'leaving' || place === 'arriving') return COME_AGAIN;
    // A channel that moved away can come back.
    if (session === undefined || !isRight || place === 'moved') {
      if (this.logged !== undefined) return LOOK_UP;
      return session === undefined ? UNKNOWN : WRONG_SECRET;
    }
    if (this.remembered.peek(id) !== undefined) return { gone: session.goneReason };
    return { session };
  }

  /** @internal Counts and logs a channel that is reported to a client as gone. @param id - undefined if the client sent no id */
  reportGone(link: Channel, reason: GoneReason, id: string | undefined): void {
    this.goneCounts[reason] += 1;
    const which = id === undefined ? 'a lasting channel' : `the lasting channel ${nameOf(id)}`;
    link.logger.log('debug', `${link} is told that ${which} is gone: ${reason}`);
  }

  private attached(session: ResumeSession): void {
    session.timer?.cancel();
    session.timer = undefined;
    this.absent.remove(session);
  }

  /** Returns the maximum absence of the client of a lost link, as set by the application. */
  private absenceAfter(link: ResumeLink): number {
    try {
      const ms: unknown = this.options.windowOf?.(link.channel);
      if (ms === undefined) return Number.POSITIVE_INFINITY;
      if (typeof ms === 'number' && ms >= 0) return ms;
      throw new TypeError(`windowOf gave ${String(ms)}: give milliseconds, from 0 on`);
    } catch (thrown) {
      link.fireExceptionCaught(toError(thrown));
      return Number.POSITIVE_INFINITY;
    }
  }

  private detach(session: ResumeSession, link: ResumeLink): void {
    session.absenceMs = this.absenceAfter(link);
    this.awaitClient(session);
  }

  /** Waits for the client of a session without a link. */
  private awaitClient(session: ResumeSession): void {
    const { clock } = session.transport;
    session.timer = clock.deadlines.schedule(() => void this.expire(session), session.windowMs);
    this.absent.add(session);
    const { maxDetachedPerAddress: most } = this.options;
    if (this.absent.excessOf(session, most) !== undefined) {
      clock.execute(() => this.absent.excessOf(session, most)?.evict());
    }
    this.recount(session);
  }

  /**
   * Ends a session whose client did not return. The log is asked first, because the client may have resumed the channel in another
   * process: here, it has moved. A log that does not answer in time does not keep the session.
   */
  private async expire(session: ResumeSession): Promise<void> {
    const { timer, logged } = session;
    if (logged?.journal.isActive === true) {
      await new Promise<void>((resolve) => {
        const late = logged.clock.deadlines.schedule(resolve, this.options.logTimeoutMs);
        void logged.claim().then(() => {
          late.cancel();
          resolve();
        });
      });
      // The client has returned meanwhile, here or elsewhere.
      if (session.timer !== timer || logged.isFinished) return;
    }
    session.expire();
  }

  private recount(session: ResumeSession): void {
    this.absent.count(session);
    // Not during a write, because the table may give up the writing channel.
    if (this.isTooMuch) session.transport.clock.execute(() => this.evict());
  }

  private get isTooMuch(): boolean {
    const { maxDetached, maxDetachedBytes } = this.options;
    return this.absent.size > maxDetached || this.absent.bytes > maxDetachedBytes;
  }

  private evict(): void {
    while (this.isTooMuch) this.absent.first!.evict();
  }

  private ended(session: ResumeSession, isKnown: boolean): void {
    this.absent.remove(session);
    session.timer?.cancel();
    session.timer = undefined;
    const { maxDetached, windowMs } = this.options;
    // A refused session is not in the table yet, but another copy may be.
    if (this.sessions.get(session.transport.id) !== session) return;
    if (!isKnown || maxDetached === 0) {
      this.delete(session);
      return;
    }
    session.transport.forget();
    this.remembered.use(session.transport.id, session);
    session.timer = session.transport.clock.deadlines.schedule(
      () => this.forget(session),
      windowMs,
    );
    if (this.remembered.size > maxDetached) this.forget(this.remembered.oldest!);
  }

  private forget(session: ResumeSession): void {
    session.timer?.cancel();
    this.remembered.delete(session.transport.id);
    this.delete(session);
  }

  private delete(session: ResumeSession): void {
    this.sessions.delete(session.transport.id);
    if (this.sessions.size === 0) this.logged?.stop();
  }
}

/** Machine whose secrets are compared if no channel has the id, so that the check takes the same time. */
const NOBODY = new ResumeMachine({ windowMs: 0, creditBytes: 0, random: systemRandom });

/** Time for which a channel that this process has left to the log waits for another process, in milliseconds. */
const COME_BACK_MS = 10_000;

const COME_AGAIN: ResumeVerdict = { do: 'come-again' };
const LOOK_UP: ResumeVerdict = { do: 'look-up' };
const UNKNOWN: ResumeVerdict = { gone: 'unknown' };
const WRONG_SECRET: ResumeVerdict = { gone: 'secret' };
const OLD_SECRET: ResumeVerdict = { gone: 'oldSecret' };

/** Returns the application's data of a channel, as plain data. */
export type SaveFunction = (channel: LastingChannel) => unknown;

/** @internal How a channel of the log is built, see `ResumeHandlerOptions`. */
export interface StoredChannelOptions {
  readonly childHandler: (channel: LastingChannel) => unknown;
  readonly childOptions?: ChannelOptions | undefined;
  readonly save?: SaveFunction | undefined;
  readonly restore?: ((channel: LastingChannel, saved: unknown) => void) | undefined;
}

function isSecretOf(state: SessionState, secret: string): boolean {
  const secrets = new ResumeSecrets();
  secrets.restore(state);
  return secrets.knows(secret);
}

function keepsTooShort(windowMs: number, keepMs: number): OptionError {
  return new OptionError(
    'OPTION_CONFLICT',
    `the log keeps a channel for ${keepMs} ms, which is less than twice windowMs (${windowMs}): raise keepMs of the log`,
    { windowMs, keepMs },
  );
}

function hasNoLog(): OptionError {
  const text = 'handOver: the table has no log, so no other process can go on with its channels';
  return new OptionError('OPTION_CONFLICT', text, {});
}
