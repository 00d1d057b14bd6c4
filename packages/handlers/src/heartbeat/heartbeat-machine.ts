import { stoodStillMs } from '@headrace/core/authoring';

/** When heartbeats are due and what their absence means; times in milliseconds. */
export interface HeartbeatRules {
  /** Between heartbeats; asked again for each. `Infinity` for none of our own. */
  readonly intervalMs: () => number;
  /** How long an answer may take. */
  readonly timeoutMs: number;
  /** Consecutive missed answers that end the connection. */
  readonly maxMissed: number;
  /** Peers answer. */
  readonly isAnswered: boolean;
  /** Only when nothing was written lately, or nothing came in where answers are expected. */
  readonly onlyWhenQuiet: boolean;
  /** The connection ends when nothing at all came in for this time. */
  readonly silenceMs: number;
  /** A share of each interval, from 0 to 1, that chance may take off. */
  readonly jitter: number;
  readonly random: () => number;
}

/** An action that is due now. */
export type HeartbeatAction =
  | { readonly do: 'ping' }
  | { readonly do: 'report'; readonly missed: number; readonly isLost: boolean };

const NOTHING: readonly HeartbeatAction[] = [];
/** After the process stood still, the peer has at least this time for what waits unread to be read. */
const READ_WITHIN_MS = 1000;
/** Pings whose answers are still looked for; more only means that the peer does not answer. */
const MAX_UNANSWERED = 16;

/**
 * The heartbeat of one connection, without clock, channel or messages: it is notified of what happened and
 * when, and returns what to do and when to ask again. Only inbound data counts as life, never a successful
 * write: a kernel takes bytes for a dead peer for many minutes.
 */
export class HeartbeatMachine {
  private readonly rules: HeartbeatRules;
  private lastReadAt: number;
  private lastWriteAt: number;
  private lastPingAt: number;
  /** The share of the interval that the jitter leaves. */
  private share: number;
  /** Since when an answer is awaited. */
  private awaitedSince: number | undefined = undefined;
  private missedInARow = 0;
  private readonly sentAt: number[] = [];
  private silenceBeforePing = 0;

  constructor(rules: HeartbeatRules, now: number) {
    this.rules = rules;
    this.lastReadAt = this.lastWriteAt = this.lastPingAt = now;
    // Many connections that began together must not beat together.
    this.share = rules.jitter === 0 ? 1 : 1 - rules.random() / 2;
  }

  /** Consecutive missed answers. */
  get missed(): number {
    return this.missedInARow;
  }

  /** A ping of ours has got no answer yet. */
  get hasUnanswered(): boolean {
    return this.sentAt.length > 0;
  }

  /** Nothing has come in since a ping that expects an answer. */
  get isAwaiting(): boolean {
    return this.awaitedSince !== undefined;
  }

  /** How long both sides had been silent before the first ping that has no answer, or had none. */
  get probedSilenceMs(): number {
    return this.silenceBeforePing;
  }

  /** How long nothing has come in. */
  silentMs(now: number): number {
    return now - this.lastReadAt;
  }

  /** When to call `due` again. */
  nextAt(): number {
    const { timeoutMs, silenceMs } = this.rules;
    const answerBy = this.awaitedSince === undefined ? Infinity : this.awaitedSince + timeoutMs;
    return Math.min(this.pingAt(), answerBy, this.lastReadAt + silenceMs);
  }

  /** Something came in: the peer lives. */
  read(now: number): void {
    this.lastReadAt = now;
    this.awaitedSince = undefined;
    this.missedInARow = 0;
  }

  /** Something was sent. */
  wrote(now: number): void {
    this.lastWriteAt = now;
  }

  /** An answer came in. Returns the round-trip time, if the ping it belongs to is known. */
  pong(now: number): number | undefined {
    const sentAt = this.sentAt.shift();
    return sentAt === undefined ? undefined : now - sentAt;
  }

  /** Reads were held for `ms` since the last call: that time does not count against the peer. */
  stood(now: number, ms: number): void {
    this.lastReadAt = Math.min(now, this.lastReadAt + ms);
    if (this.awaitedSince !== undefined) this.awaitedSince = Math.min(now, this.awaitedSince + ms);
  }

  /** Nothing is being read now: nothing is missed. Heartbeats of our own go on, the peer may need them. */
  stand(now: number): void {
    this.lastReadAt = now;
    this.awaitedSince = undefined;
    this.missedInARow = 0;
  }

  /** The first heartbeat, before its time. */
  first(now: number): HeartbeatAction {
    return this.ping(now, now);
  }

  /** The actions due at `now`; `plannedAt` is the value of `nextAt` when the timer was set. */
  due(now: number, plannedAt: number): readonly HeartbeatAction[] {
    const stoodMs = stoodStillMs(now, plannedAt);
    if (stoodMs > 0) return this.forgive(now, stoodMs);
    const { timeoutMs, silenceMs, maxMissed } = this.rules;
    // Compared as `nextAt` adds them up: with fractions, differences may round the other way.
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

  /** A ping could not be sent because one is still on its way out: no answer to it will come. */
  pingSkipped(): void {
    this.sentAt.pop();
  }

  /** Data that arrived while this process stood still is unread: that time does not count against the peer. */
  private forgive(now: number, lateMs: number): readonly HeartbeatAction[] {
    const { timeoutMs, silenceMs } = this.rules;
    const moved = (since: number, allowedMs: number): number =>
      Math.min(now, Math.max(since + lateMs, now - allowedMs + READ_WITHIN_MS));
    this.lastReadAt = moved(this.lastReadAt, silenceMs);
    if (this.awaitedSince !== undefined) this.awaitedSince = moved(this.awaitedSince, timeoutMs);
    return NOTHING;
  }

  private pingAt(): number {
    const { onlyWhenQuiet, isAnswered } = this.rules;
    const intervalMs = this.rules.intervalMs() * this.share;
    if (!onlyWhenQuiet) return this.lastPingAt + intervalMs;
    // A ping that waits for its answer is not repeated before that is due.
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
      this.awaitedSince = awaitedSince;
      if (this.sentAt.length === MAX_UNANSWERED) this.sentAt.shift();
      this.sentAt.push(now);
    }
    return { do: 'ping' };
  }
}
