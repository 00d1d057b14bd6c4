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
 * @property {number} [intervalMs] between two PINGs; the server gives up after 120 s without one
 * @property {number} [deadlineMs] for the answer; anything the server sends counts as one
 * @property {number} [lateMs] a deadline this much overdue means that the page was asleep
 */

export class Heartbeat {
  #options;
  /** @type {unknown} */
  #timer = null;
  #isWaiting = false;
  #wasAsleep = false;

  /** @param {HeartbeatOptions} options */
  constructor(options) {
    this.#options = { ...DEFAULTS, ...options };
  }

  start() {
    this.#isWaiting = false;
    this.#wasAsleep = false;
    this.#rest();
  }

  stop() {
    this.#options.timers.clearTimeout(this.#timer);
    this.#isWaiting = false;
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
    if (!this.#isWaiting) this.#ask();
  }

  #rest() {
    this.#schedule(() => this.#ask(), this.#options.intervalMs);
  }

  #ask() {
    const { timers, deadlineMs, sendPing } = this.#options;
    this.#isWaiting = true;
    const dueAt = timers.now() + deadlineMs;
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
