/** The client's answers to a page that is left, or comes back. */
export interface PageLifeListener {
  /** There is a network, or there is none any more: tries that are under way are on the old one. */
  networkChanged(): void;
  /** The page is shown or awake again: time has passed that it does not know of. */
  woke(): void;
  /**
   * The page is left.
   *
   * @param isKept - the browser may show it again as it is, from its back/forward cache; until then nothing runs
   */
  left(isKept: boolean): void;
}

/** Follows the life of the page that this runs in. Node has none. Returns a function that ends it. */
export function followPage(_listener: PageLifeListener): () => void {
  return () => {};
}
