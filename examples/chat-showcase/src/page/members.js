// Who is here: the server's list, then who comes and goes. Pure.
//
// `WHO` is answered with MEMBERS:<n> and n times MEMBER:<id>. A long list comes in parts, with joins and
// leaves between them, so what is heard meanwhile counts more than the list.

/** @typedef {'page' | 'frames' | 'lines'} Way how somebody came in */
/** @typedef {{ id: string, isSelf: boolean, way: Way | undefined }} Member */

export class Members {
  #self = '';
  /** @type {Set<string>} */
  #others = new Set();
  /** @type {Map<string, Way>} */
  #ways = new Map();
  /** The list that is being told. @type {{ left: number, names: Set<string>, gone: Set<string> } | null} */
  #listing = null;
  #wasListed = false;

  get count() {
    return this.#others.size + (this.#self === '' ? 0 : 1);
  }

  /** The server has told who is here, all of them. */
  get isComplete() {
    return this.#wasListed && this.#listing === null;
  }

  /**
   * Starts anew.
   *
   * @param {string} self
   */
  reset(self) {
    this.#self = self;
    this.#others.clear();
    this.#ways.clear();
    this.#listing = null;
    this.#wasListed = false;
  }

  /**
   * They joined or wrote.
   *
   * @param {string} id
   */
  heard(id) {
    if (id === this.#self) return;
    this.#others.add(id);
    this.#listing?.names.add(id);
    this.#listing?.gone.delete(id);
  }

  /** @param {string} id */
  left(id) {
    this.#others.delete(id);
    this.#ways.delete(id);
    this.#listing?.names.delete(id);
    this.#listing?.gone.add(id);
  }

  /**
   * A list begins; the one before it holds until it is complete.
   *
   * @param {number} count
   */
  listBegins(count) {
    this.#listing = { left: count, names: new Set(), gone: new Set() };
  }

  /** @param {string} id */
  listed(id) {
    const listing = this.#listing;
    if (listing === null) return;
    if (id !== this.#self && !listing.gone.has(id)) listing.names.add(id);
    listing.left -= 1;
    if (listing.left > 0) return;
    this.#others = listing.names;
    this.#listing = null;
    this.#wasListed = true;
  }

  /** @param {Record<string, Way>} ways by name */
  cameBy(ways) {
    for (const [id, way] of Object.entries(ways)) this.#ways.set(id, way);
  }

  /**
   * Oneself first, the others by name.
   *
   * @returns {Member[]}
   */
  list() {
    const others = [...this.#others].sort((a, b) => a.localeCompare(b));
    const ids = this.#self === '' ? others : [this.#self, ...others];
    return ids.map((id) => ({ id, isSelf: id === this.#self, way: this.#ways.get(id) }));
  }
}
