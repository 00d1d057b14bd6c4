import { type Channel, ChannelError, type Clock, DrainEvent, type Timer } from '@headrace/core';
import { describeOptions, number, type Resolved, toError, whole } from '@headrace/core/authoring';
import { LASTING_ERRORS } from '../lasting-errors.ts';
import type { ResumeSession } from './resume-session.ts';

/** Options of {@link ResumeTable.handOver}. */
export interface HandOverOptions {
  /**
   * Maximum time for a channel, from its turn on, to answer the messages that it has read, in milliseconds. The channel stops
   * reading after half of this time.
   * @default 10000
   */
  readonly restMs?: number;
  /** Maximum time of the log for one channel, in milliseconds. @default 10000 */
  readonly takeMs?: number;
  /** Number of channels that are handed over at the same time. Others are served meanwhile. @default 64 */
  readonly concurrency?: number;
}

/** The result of {@link ResumeTable.handOver}. */
export interface HandOverReport {
  /** Number of lasting channels that the log has, for other processes. */
  readonly moved: number;
  /** Number of lasting channels whose hand-over failed. They are still here or have ended. */
  readonly failed: number;
  /** Errors of the first 100 failures: `HAND_OVER_FAILED` with its cause. */
  readonly failures: readonly ChannelError[];
}

/** Maximum number of errors in a report, because many channels fail for few causes. */
const MAX_FAILURES = 100;

const OPTIONS = describeOptions('handOver', {
  restMs: number({ min: 1, max: 2 ** 31 - 1, default: 10_000 }),
  takeMs: number({ min: 1, max: 2 ** 31 - 1, default: 10_000 }),
  concurrency: whole({ min: 1, default: 64 }),
});

/** @internal Leaves lasting channels to the log. Each channel comes to rest, is stored, and is given up here. */
export class HandOver {
  private readonly options: Resolved<HandOverOptions, typeof OPTIONS.kinds>;
  private readonly failures: ChannelError[] = [];
  private moved = 0;
  private failed = 0;

  constructor(options: HandOverOptions) {
    this.options = OPTIONS.resolve(options);
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

  /** Leaves the channel to the log, where all processes find it. */
  private async transfer(session: ResumeSession): Promise<void> {
    if (session.place !== 'here') throw new Error('another hand-over has it');
    session.place = 'leaving';
    const logged = session.logged!;
    const { takeMs } = this.options;
    logged.stopInput();
    const late = new Error(`the log did not take it within ${takeMs} ms`);
    const timer = logged.clock.deadlines.schedule(() => logged.journal.stay(late), takeMs);
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

function failure(channel: Channel | undefined, cause: Error): ChannelError {
  const text = `${channel ?? 'a lasting channel'} was not handed over: ${cause.message}`;
  return new ChannelError(LASTING_ERRORS.HAND_OVER_FAILED, text, {}, cause);
}
