import { suspendedMs } from '@headrace/core/authoring';

/** The rules for sending heartbeats and for missing answers. Times are in milliseconds. */
export interface HeartbeatRules {
  /** Returns the time to the next heartbeat, for each heartbeat. `Infinity` means that we send none. */
  readonly intervalMs: () => number;
  /** Maximum time for an answer. */
  readonly timeoutMs: number;
  /** Number of consecutive missed answers that ends the connection. */
  readonly maxMissed: number;
  /** Whether peers answer. */
  readonly isAnswered: boolean;
  /** Whether to send heartbeats only when nothing was written lately, or no input arrived although answers are expected. */
  readonly onlyWhenQuiet: boolean;
  /** Time without any input after which the connection ends. */
  readonly silenceMs: number;
  /** Maximum share of each interval, from 0 to 1, that is randomly subtracted. */
  readonly jitter: number;
  readonly random: () => number;
}

/** An action that is due now. */
export type HeartbeatAction =
  | { readonly do: 'ping' }
  | { readonly do: 'report'; readonly missed: number; readonly isLost: boolean };

const NOTHING: readonly HeartbeatAction[] = [];
/** Minimum time to read waiting input after the process was suspended. */
const READ_WITHIN_MS = 1000;
/** Maximum number of pings whose answers are awaited. A higher number would only show that the peer does not answer. */
const MAX_UNANSWERED = 16;

/**
 * The heartbeat of one connection, without clock, channel or messages. It is notified of each occurrence and its time, and
 * returns the actions and the time of the next call. Only inbound data is a sign of life. A successful write is not, because a
 * kernel accepts bytes for a dead peer for many minutes.
 */
export class HeartbeatMachine {
  private readonly rules: HeartbeatRules;
  private lastReadAt: number;
  private lastWriteAt: number;
  private lastPingAt: number;
  /** The share of the interval that remains after the jitter. */
  private share: number;
  /** The time since which an answer is awaited. */
  private awaitedSince: number | undefined = undefined;
  private missedInARow = 0;
  /** Whether lateness of this process was already subtracted from the present silence. */
  private isForgiven = false;
  private readonly sentAt: number[] = [];
  private silenceBeforePing = 0;

  constructor(rules: HeartbeatRules, now: number) {
    this.rules = rules;
    this.lastReadAt = this.lastWriteAt = this.lastPingAt = now;
    // Many connections that started together must not send their heartbeats together.
    this.share = rules.jitter === 0 ? 1 : 1 - rules.random() / 2;
  }

  get missed(): number {
    return this.missedInARow;
  }

  /** Whether one of our pings is still unanswered. */
  get hasUnanswered(): boolean {
    return this.sentAt.length > 0;
  }

  /** Whether no input has arrived since a ping that expects an answer. */
  get isAwaiting(): boolean {
    return this.awaitedSince !== undefined;
  }

  /** Time that both sides had been silent before the first ping of the current or last wait for an answer. */
  get probedSilenceMs(): number {
    return this.silenceBeforePing;
  }

  /** Returns the time since the last input. */
  silentMs(now: number): number {
    return now - this.lastReadAt;
  }

  /** Returns the time of the next call of `due`. */
  nextAt(): number {
    const { timeoutMs, silenceMs } = this.rules;
    const answerBy = this.awaitedSince === undefined ? Infinity : this.awaitedSince + timeoutMs;
    return Math.min(this.pingAt(), answerBy, this.lastReadAt + silenceMs);
  }

  /** Records input, which shows that the peer lives. */
  read(now: number): void {
    this.lastReadAt = now;
    this.awaitedSince = undefined;
    this.missedInARow = 0;
    this.isForgiven = false;
  }

  wrote(now: number): void {
    this.lastWriteAt = now;
  }

  /** Records an answer. Returns the round-trip time, if the ping of the answer is known. */
  pong(now: number): number | undefined {
    const sentAt = this.sentAt.shift();
    return sentAt === undefined ? undefined : now - sentAt;
  }

  /** Records that reads were held for `ms` since the last call. The peer is not blamed for that time. */
  stood(now: number, ms: number): void {
    this.lastReadAt = Math.min(now, this.lastReadAt + ms);
    if (this.awaitedSince !== undefined) this.awaitedSince = Math.min(now, this.awaitedSince + ms);
  }

  /** Records that no input is read now, so that no answer is missed. We still send heartbeats, because the peer may need them. */
  stand(now: number): void {
    this.lastReadAt = now;
    this.awaitedSince = undefined;
    this.missedInARow = 0;
    this.isForgiven = false;
  }

  /** Returns the first heartbeat, before its time. */
  first(now: number): HeartbeatAction {
    return this.ping(now, now);
  }

  /** Returns the actions due at `now`. `plannedAt` is the value of `nextAt` when the timer was set. */
  due(now: number, plannedAt: number): readonly HeartbeatAction[] {
    const suspended = suspendedMs(now, plannedAt);
    if (suspended > 0) this.forgive(now, suspended);
    const { timeoutMs, silenceMs, maxMissed } = this.rules;
    // Compared with the same sums as in `nextAt`, because differences of fractions may round the other way.
    if (now >= this.lastReadAt + silenceMs) {
      return [{ do: 'report', missed: this.missedInARow, isLost: true }];
    }
    if (this.awaitedSince !== undefined && now >= this.awaitedSince + timeoutMs) {
      this.missedInARow += 1;
      const isLost = this.missedInARow >= maxMissed;
      const report: HeartbeatAction = { do: 'report', missed: this.missedInARow, isLost };
      return isLost ? [report] : [report, this.ping(now, now)];
    }
    return now >= this.pingAt() ? [this.ping(now, this.awaitedSince ?? now)] : NOTHING;
  }

  /** Forgets a ping that was not sent because the previous ping is still on its way out. */
  pingSkipped(): void {
    this.sentAt.pop();
  }

  /**
   * Subtracts the time for which this process was suspended, because input of that time is unread. Each answer is forgiven once:
   * the timers of a hidden tab are always late, and a dead peer must be noticed there, too.
   */
  private forgive(now: number, lateMs: number): void {
    if (this.isForgiven) return;
    this.isForgiven = true;
    const { timeoutMs, silenceMs } = this.rules;
    const moved = (since: number, allowedMs: number): number =>
      Math.min(now, Math.max(since + lateMs, now - allowedMs + READ_WITHIN_MS));
    this.lastReadAt = moved(this.lastReadAt, silenceMs);
    if (this.awaitedSince !== undefined) this.awaitedSince = moved(this.awaitedSince, timeoutMs);
  }

  private pingAt(): number {
    const { onlyWhenQuiet, isAnswered } = this.rules;
    const intervalMs = this.rules.intervalMs() * this.share;
    if (!onlyWhenQuiet) return this.lastPingAt + intervalMs;
    // A ping that waits for its answer is not repeated before the answer is due.
    if (this.awaitedSince !== undefined) return Infinity;
    const quietSince = isAnswered ? Math.min(this.lastReadAt, this.lastWriteAt) : this.lastWriteAt;
    return quietSince + intervalMs;
  }

  private ping(now: number, awaitedSince: number): HeartbeatAction {
    const { jitter, random, isAnswered } = this.rules;
    if (this.awaitedSince === undefined) {
      this.silenceBeforePing = now - Math.max(this.lastReadAt, this.lastWriteAt);
    }
    this.lastPingAt = this.lastWriteAt = now;
    this.share = 1 - jitter * random();
    if (isAnswered) {
      if (this.awaitedSince !== awaitedSince) this.isForgiven = false;
      this.awaitedSince = awaitedSince;
      if (this.sentAt.length === MAX_UNANSWERED) this.sentAt.shift();
      this.sentAt.push(now);
    }
    return { do: 'ping' };
  }
}
