/** Receives the events of a page that the user leaves or returns to. */
export interface PageLifeListener {
  /** Called when the network appears or disappears. Tries under way still use the old network. */
  networkChanged(): void;
  /** Called when the page is visible or awake again. The page's timers may have stopped meanwhile. */
  woke(): void;
  /**
   * Called when the user leaves the page.
   *
   * @param isKept - whether the browser can show the page again from its back/forward cache; no code runs until then
   */
  left(isKept: boolean): void;
}

/** Observes the life of the current page. Returns a function that ends the observation. Node has no page. */
export function followPage(_listener: PageLifeListener): () => void {
  return () => {};
}
