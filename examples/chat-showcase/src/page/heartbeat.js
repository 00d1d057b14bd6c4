// Notices a link that is dead without saying so: PING now and then, an answer in time or it is gone.

const DEFAULTS = { intervalMs: 30_000, deadlineMs: 10_000, lateMs: 2_000 };

/**
 * @typedef {{
 *   setTimeout: (run: () => void, ms: number) => unknown,
 *   clearTimeout: (timer: any) => void,
 *   now: () => number,
 * }} Timers
 *
 * @typedef {object} HeartbeatOptions
 * @property {Timers} timers
 * @property {() => void} sendPing
 * @property {() => void} onSilent nothing came back in time
 * @property {(ms: number) => void} [onRoundTrip] a PING was answered after so long
 * @property {number} [intervalMs] between two PINGs
 * @property {number} [deadlineMs] for the answer; anything the server sends counts as one
 * @property {number} [lateMs] a deadline this much overdue means that the page was asleep
 */

export class Heartbeat {
  #options;
  /** @type {unknown} */
  #timer = null;
  #isWaiting = false;
  #isRunning = false;
  #wasAsleep = false;
  #askedAt = 0;

  /** @param {HeartbeatOptions} options */
  constructor(options) {
    this.#options = { ...DEFAULTS, ...options };
  }

  get intervalMs() {
    return this.#options.intervalMs;
  }

  set intervalMs(ms) {
    this.#options.intervalMs = ms;
    if (this.#isRunning && !this.#isWaiting) this.#rest();
  }

  start() {
    this.#isRunning = true;
    this.#isWaiting = false;
    this.#wasAsleep = false;
    this.#rest();
  }

  stop() {
    this.#options.timers.clearTimeout(this.#timer);
    this.#isRunning = false;
    this.#isWaiting = false;
  }

  /** The answer itself: tells how long it took. */
  answered() {
    if (this.#askedAt === 0) return;
    const { timers, onRoundTrip } = this.#options;
    onRoundTrip?.(timers.now() - this.#askedAt);
    this.#askedAt = 0;
  }

  /** Something came from the server: the link is alive. */
  received() {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    this.#wasAsleep = false;
    this.#rest();
  }

  /** Asks at once, for instance when the machine wakes up. */
  probe() {
    if (this.#isRunning && !this.#isWaiting) this.#ask();
  }

  #rest() {
    this.#schedule(() => this.#ask(), this.#options.intervalMs);
  }

  #ask() {
    const { timers, deadlineMs, sendPing } = this.#options;
    this.#isWaiting = true;
    this.#askedAt = timers.now();
    const dueAt = this.#askedAt + deadlineMs;
    this.#schedule(() => this.#missed(dueAt), deadlineMs);
    sendPing();
  }

  /**
   * A timer of a sleeping page fires late, and before the answer that has been waiting in the
   * queue. So a late deadline asks once more instead of condemning a good link.
   *
   * @param {number} dueAt
   */
  #missed(dueAt) {
    const { timers, lateMs, onSilent } = this.#options;
    if (timers.now() - dueAt > lateMs && !this.#wasAsleep) {
      this.#wasAsleep = true;
      this.#ask();
      return;
    }
    this.stop();
    onSilent();
  }

  /**
   * @param {() => void} run
   * @param {number} ms
   */
  #schedule(run, ms) {
    this.#options.timers.clearTimeout(this.#timer);
    this.#timer = this.#options.timers.setTimeout(run, ms);
  }
}
