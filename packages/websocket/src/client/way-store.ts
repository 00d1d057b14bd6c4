/** Strings that outlive the program. A program on Node has no such store and keeps the preference in memory only. */
export const wayStore: WayStore | undefined = undefined;

/** The part of a page's `localStorage` that this package uses. */
export interface WayStore {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}
