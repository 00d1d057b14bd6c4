// Which of the room's last messages are news to this page. Pure.
//
// The server numbers what is said. It tells the last messages and the number of the last one, once after each
// sign-in; every message and echo after that is the next number. So a page that comes back knows which ones it
// has missed, and a new one which came before it.

/**
 * @typedef {{ id: string, text: string, at: number }} Said
 * @typedef {{ epoch: string, total: number, messages: readonly Said[] }} History
 * @typedef {{ messages: readonly Said[], isComplete: boolean }} Missed
 */

export class CatchUp {
  /** Numbers count within one life of the server. */
  #epoch = '';
  /** The number of the last message that this page has. */
  #last = 0;
  /** Heard since the sign-in, before the history was told. */
  #early = 0;

  /** Starts anew: a page that has nothing. */
  reset() {
    this.#epoch = '';
    this.#last = 0;
    this.#early = 0;
  }

  signedIn() {
    this.#early = 0;
  }

  /** A message or an echo came. */
  heard() {
    this.#early += 1;
    this.#last += 1;
  }

  /**
   * What was said and this page has not heard.
   *
   * @param {History} history
   * @returns {Missed}
   */
  missed({ epoch, total, messages }) {
    const before = messages.slice(0, Math.max(0, messages.length - this.#early));
    const isSameLife = epoch === this.#epoch;
    const known = isSameLife ? this.#last - this.#early : total - this.#early - before.length;
    const count = Math.max(0, total - this.#early - known);
    this.#epoch = epoch;
    this.#last = total;
    const news = before.slice(Math.max(0, before.length - count));
    return { messages: news, isComplete: news.length === count };
  }
}
