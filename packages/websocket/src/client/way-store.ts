/** Texts that outlive the program; a program on Node remembers in memory alone. */
export const wayStore: WayStore | undefined = undefined;

/** The part of a page's `localStorage` that is used. */
export interface WayStore {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}
