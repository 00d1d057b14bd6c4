import {
  type Channel,
  ChannelError,
  type Clock,
  DrainEvent,
  isHeadraceError,
  OptionError,
  type Timer,
} from '@headrace/core';
import {
  attempted,
  describeOptions,
  fn,
  number,
  type Resolved,
  toError,
  whole,
} from '@headrace/core/authoring';
import type { LastingChannel } from '../channel/lasting-channel.ts';
import type { TransportState } from '../channel/resume-owner.ts';
import { LASTING_ERRORS } from '../lasting-errors.ts';
import { encodeSession } from '../protocol/session-bytes.ts';
import type { LoggedTransport } from './logged-transport.ts';
import { checkedData, principalFrom } from './plain-data.ts';
import type { ResumeSession } from './resume-session.ts';

/** A lasting channel that a table has accepted from another process, and does not serve yet. */
export interface TakenSession {
  /** Begins to serve the channel here. The other process has given up the channel, or has ended. */
  begin(): void | Promise<void>;
  /** Drops the channel, because the other process keeps it. */
  drop(): void | Promise<void>;
}

/** A {@link TakenSession} in the process that has accepted it. Each call is complete when it returns or throws. */
export interface ArrivingSession extends TakenSession {
  /**
   * Begins to serve the channel, see {@link TakenSession.begin}.
   *
   * @throws ChannelError `HAND_OVER_FAILED` if the channel was given up meanwhile, for example because its client did not return
   */
  begin(): void;
  /** Closes the channel here with the reason `refused`. */
  drop(): void;
}

/** Options of {@link ResumeTable.handOver}. */
export interface HandOverOptions {
  /**
   * Transfers a lasting channel to its new process, and resolves with the result of `take` there; see {@link sessionsOver}.
   * `begin` is called when this process has given up the channel, and `drop` when this process keeps the channel.
   *
   * If `to` rejects, the channel stays. If the error is that of `take`, or a `HAND_OVER_FAILED`, the other process does not have
   * the channel. After another error, or after `takeMs`, both processes may have the channel. This process then ends the link,
   * and the process to which the client reconnects keeps the channel.
   *
   * @default the log of the table; a table without a log requires this option, and a table with a log refuses it
   */
  readonly to?: (session: Buffer) => Promise<TakenSession>;
  /**
   * Returns the application's state of a channel as plain data: strings, numbers, booleans, lists and literals. A `PRINCIPAL`
   * that is plain data needs no `save`. For another `PRINCIPAL`, save data from which `restore` creates it. If the table has a
   * log, use `save` of the `ResumeHandler`.
   *
   * @default none: only the `PRINCIPAL` is handed over
   */
  readonly save?: (channel: LastingChannel) => unknown;
  /**
   * Maximum time for a channel, from its turn on, to answer the messages that it has read, in milliseconds. The channel stops
   * reading after half of this time.
   * @default 10000
   */
  readonly restMs?: number;
  /** Maximum time of `to`, or of the log, for one channel, in milliseconds. @default 10000 */
  readonly takeMs?: number;
  /** Number of channels that are handed over at the same time. Others are served meanwhile. @default 64 */
  readonly concurrency?: number;
}

/** The result of {@link ResumeTable.handOver}. */
export interface HandOverReport {
  /** Number of lasting channels that moved to the other process. */
  readonly moved: number;
  /** Number of lasting channels whose hand-over failed. They are still here or have ended. */
  readonly failed: number;
  /** Errors of the first 100 failures: `HAND_OVER_FAILED` with its cause. */
  readonly failures: readonly ChannelError[];
}

/** Maximum number of errors in a report, because many channels fail for few causes. */
const MAX_FAILURES = 100;

const TIMES = {
  restMs: number({ min: 1, max: 2 ** 31 - 1, default: 10_000 }),
  takeMs: number({ min: 1, max: 2 ** 31 - 1, default: 10_000 }),
  concurrency: whole({ min: 1, default: 64 }),
};
const OPTIONS = describeOptions('handOver', {
  to: fn({
    answers: 'async',
    required: true,
    purpose: 'brings a lasting channel to another process',
  }),
  save: fn({ answers: 'sync', purpose: 'gives what the application knows of a channel' }),
  ...TIMES,
});
const INTO_LOG = describeOptions('handOver', TIMES);

type Guarded = Resolved<HandOverOptions, typeof OPTIONS.kinds>;
type HandOverSettings = Omit<Guarded, 'to' | 'save'> & Partial<Pick<Guarded, 'to' | 'save'>>;

/** @internal Moves lasting channels to another process. Each channel comes to rest, is passed on, and is given up here. */
export class HandOver {
  private readonly options: HandOverSettings;
  private readonly failures: ChannelError[] = [];
  private moved = 0;
  private failed = 0;

  /** @param hasLog - whether the table has a log, which then receives the channels */
  constructor(options: HandOverOptions, hasLog: boolean) {
    if (!hasLog) this.options = OPTIONS.resolve(options as never);
    else if ('to' in Object(options) || 'save' in Object(options)) throw logConflict();
    else this.options = INTO_LOG.resolve(options as never);
  }

  /**
   * Hands over the current channels, then those that clients opened meanwhile. Channels that are opened after that stay, because
   * clients could open channels forever.
   *
   * @param sessionsNow - function that resolves with the current channels
   */
  async run(sessionsNow: () => Promise<readonly ResumeSession[]>): Promise<HandOverReport> {
    const first = await sessionsNow();
    await this.moveAll(first);
    const tried = new Set(first);
    const second = await sessionsNow();
    await this.moveAll(second.filter((session) => !tried.has(session)));
    const { moved, failed, failures } = this;
    return { moved, failed, failures };
  }

  private async moveAll(sessions: readonly ResumeSession[]): Promise<void> {
    const queue = sessions.values();
    const inTurn = async (): Promise<void> => {
      for (const session of queue) await this.move(session);
    };
    const atATime = Math.min(this.options.concurrency, sessions.length);
    await Promise.all(Array.from({ length: atATime }, inTurn));
  }

  private async move(session: ResumeSession): Promise<void> {
    // Spreads the channels over turns of the event loop.
    await new Promise<void>((resolve) => session.transport.clock.nextTurn(resolve));
    if (session.transport.isFinished) return;
    const rest = new Quiescence(session, this.options.restMs);
    try {
      await rest.reached(() => this.transfer(session));
      this.moved += 1;
    } catch (thrown) {
      // A channel that has ended is not a failure.
      const { place, transport } = session;
      if (place === 'moved' || !transport.isFinished) this.fail(transport.channel, toError(thrown));
    } finally {
      rest.end();
    }
  }

  private fail(channel: Channel | undefined, cause: Error): void {
    this.failed += 1;
    if (this.failures.length < MAX_FAILURES) this.failures.push(failure(channel, cause));
  }

  private async transfer(session: ResumeSession): Promise<void> {
    const { transport } = session;
    if (session.place !== 'here') throw new Error('another hand-over has it');
    session.place = 'leaving';
    const { logged } = session;
    if (logged !== undefined) {
      await this.handOverToLog(session, logged);
      return;
    }
    const state = transport.freeze();
    let taken: TakenSession | undefined;
    let mayBeThere = false;
    try {
      const bytes = this.bytesOf(session, state);
      mayBeThere = true;
      taken = await this.give(session, bytes);
      if (transport.hasEndedSince(state)) throw new Error('it ended meanwhile');
    } catch (thrown) {
      if (taken !== undefined) mayBeThere = !(await hasDropped(taken));
      session.place = 'here';
      if (mayBeThere && !isRefusal(thrown)) session.contest();
      transport.thaw();
      throw thrown;
    }
    // From here on, the channel is in neither process until `begin`.
    session.moveAway();
    await taken.begin();
  }

  /** Leaves the channel to the log, where all processes find it. */
  private async handOverToLog(session: ResumeSession, logged: LoggedTransport): Promise<void> {
    const { journal, clock } = logged;
    const { takeMs } = this.options;
    session.transport.stopInput();
    const timer = clock.deadlines.schedule(
      () => journal.stay(new Error(`the log did not take it within ${takeMs} ms`)),
      takeMs,
    );
    try {
      await logged.handOverToLog();
    } catch (thrown) {
      session.place = 'here';
      throw thrown;
    } finally {
      timer.cancel();
    }
    session.moveAway();
  }

  private bytesOf(session: ResumeSession, state: TransportState): Buffer {
    const { channel } = session.transport;
    const isOpen = channel?.isOpen === true && !state.isClosed;
    const { save } = this.options;
    const saved = isOpen ? save?.(channel as LastingChannel) : undefined;
    const principal = isOpen ? principalFrom(channel as Channel, saved) : undefined;
    return encodeSession({
      ...state,
      isKnown: session.isKnown,
      principal,
      saved: checkedData('what save returned', saved),
    });
  }

  /** Passes a channel on. After `takeMs`, rejects, and a late acceptance is dropped in the other process. */
  private give(session: ResumeSession, bytes: Buffer): Promise<TakenSession> {
    const { to, takeMs } = this.options;
    const { clock } = session.transport;
    const error = () => new Error(`the other process did not answer within ${takeMs} ms`);
    return attempted(
      () => to!(bytes as never) as Promise<TakenSession>,
      { limit: { clock, timeoutMs: takeMs, error } },
      (taken) => void hasDropped(taken),
    );
  }
}

/** Notifies the other process that the channel stays here. Returns false if that process may not have received this. */
async function hasDropped(taken: TakenSession): Promise<boolean> {
  try {
    await taken.drop();
    return true;
  } catch {
    return false;
  }
}

/** Returns true if the other process certainly does not have the channel. */
function isRefusal(error: unknown): boolean {
  return (
    isHeadraceError(error, LASTING_ERRORS.HAND_OVER_FAILED) ||
    isHeadraceError(error, 'MESSAGE_INVALID')
  );
}

/** Brings a channel to rest: its input is answered, and no handler holds its drain. */
class Quiescence {
  private readonly session: ResumeSession;
  private readonly clock: Clock;
  private readonly event: DrainEvent;
  private readonly timers: readonly Timer[];
  private hasRested = false;
  private isLate = false;
  private wake: (() => void) | undefined = undefined;

  constructor(session: ResumeSession, ms: number) {
    const { transport } = session;
    this.session = session;
    this.clock = transport.clock;
    this.event = new DrainEvent(ms, () => {
      this.hasRested = true;
      this.wake?.();
    });
    this.timers = [
      // Messages under way may need further input, so input stops late.
      this.clock.deadlines.schedule(() => transport.stopInput(), ms / 2),
      this.clock.deadlines.schedule(() => {
        this.isLate = true;
        this.wake?.();
      }, ms),
    ];
    if (!this.isClosed) {
      transport.channel!.onClosed(() => this.wake?.());
      transport.channel!.pipeline.fireUserEventTriggered(this.event);
    }
  }

  private get isClosed(): boolean {
    return this.session.transport.channel?.isOpen !== true;
  }

  get isAtRest(): boolean {
    return this.isClosed || (this.hasRested && this.event.holds.length === 0);
  }

  /** Calls `act` as soon as the channel is at rest. After the time limit, rejects with the pending work. */
  async reached(act: () => Promise<void>): Promise<void> {
    if (this.session.isStrange) throw new Error('its client has not signed in');
    while (!this.isAtRest) {
      if (this.isLate) throw new Error(`it did not come to rest: ${this.why}`);
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    await act();
  }

  private get why(): string {
    if (!this.hasRested && this.event.holds.length === 0) {
      return 'a handler has not passed the DrainEvent on';
    }
    return this.event.holds.join(', ');
  }

  /** If the channel stays here, it reads again. */
  end(): void {
    this.wake = undefined;
    for (const timer of this.timers) timer.cancel();
    this.event.giveUp();
    this.session.transport.readAgain();
  }
}

function logConflict(): OptionError {
  const text =
    'the table has a log: its channels go there, without to, and the ResumeHandler has save and restore';
  return new OptionError('OPTION_CONFLICT', text, {});
}

function failure(channel: Channel | undefined, cause: Error): ChannelError {
  const text = `${channel ?? 'a lasting channel'} was not handed over: ${cause.message}`;
  return new ChannelError(LASTING_ERRORS.HAND_OVER_FAILED, text, {}, cause);
}
