// Who is signed in, from one load of the page to the next: a reload goes on where the tab was. The tab's storage has
// it only from when the page goes until it comes again, so a tab that is duplicated meanwhile does not sign in as well and
// kick the first one, and a script that got into the page finds no token there. A tab that was closed and is opened
// again much later asks anew.

const KEY = 'broadcast-chat.login';
const MAX_AGE_MS = 60_000;

/** @typedef {{ id: string, token: string }} Login */

export class KeptLogin {
  #storage;
  #now;

  /**
   * @param {() => Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>} storage throws where storage is switched off
   * @param {() => number} now the time of day
   */
  constructor(storage, now = Date.now) {
    this.#storage = storage;
    this.#now = now;
  }

  /**
   * The page goes.
   *
   * @param {Login} login
   */
  keep({ id, token }) {
    if (id === '') return;
    try {
      this.#storage().setItem(KEY, JSON.stringify({ id, token, at: this.#now() }));
    } catch {
      // storage is switched off: then a reload asks again
    }
  }

  /**
   * The page is there: what was kept, once.
   *
   * @returns {Login | null}
   */
  take() {
    try {
      const storage = this.#storage();
      const text = storage.getItem(KEY);
      storage.removeItem(KEY);
      if (text === null) return null;
      const { id, token, at } = JSON.parse(text);
      const ageMs = this.#now() - at;
      const isLogin = typeof id === 'string' && id !== '' && typeof token === 'string';
      return isLogin && ageMs >= 0 && ageMs <= MAX_AGE_MS ? { id, token } : null;
    } catch {
      return null;
    }
  }
}
