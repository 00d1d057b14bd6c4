// Who is here, as far as this page can know. Pure.
//
// The protocol has no list of members. Known are oneself, who joined while we listened, and who
// wrote. After a reconnect the earlier ones are kept, but as not sure until they are heard again.

/** @typedef {{ id: string, isSelf: boolean, isSure: boolean }} Member */

const DEFAULTS = { maxMembers: 5_000 };

export class Members {
  #maxMembers;
  #self = '';
  /** By name: is it sure that they are here? @type {Map<string, boolean>} */
  #others = new Map();

  /** @param {{ maxMembers?: number }} [options] */
  constructor(options = {}) {
    this.#maxMembers = { ...DEFAULTS, ...options }.maxMembers;
  }

  get count() {
    return this.#others.size + (this.#self === '' ? 0 : 1);
  }

  /**
   * Starts anew.
   *
   * @param {string} self
   */
  reset(self) {
    this.#self = self;
    this.#others.clear();
  }

  /**
   * They joined or wrote.
   *
   * @param {string} id
   */
  heard(id) {
    if (id === this.#self) return;
    if (this.#others.has(id) || this.#others.size < this.#maxMembers) this.#others.set(id, true);
  }

  /** @param {string} id */
  left(id) {
    this.#others.delete(id);
  }

  /** We were away: anyone may have left. */
  missedSome() {
    for (const id of this.#others.keys()) this.#others.set(id, false);
  }

  /**
   * Oneself first, then those who are surely here, by name.
   *
   * @returns {Member[]}
   */
  list() {
    const others = [...this.#others].map(([id, isSure]) => ({ id, isSure, isSelf: false }));
    others.sort((a, b) => Number(b.isSure) - Number(a.isSure) || a.id.localeCompare(b.id));
    if (this.#self === '') return others;
    return [{ id: this.#self, isSelf: true, isSure: true }, ...others];
  }
}
