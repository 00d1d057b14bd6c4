/** Texts that outlive the program; a program on Node remembers in memory alone. */
export const wayStore: WayStore | undefined = undefined;

/** What is used of a page's `localStorage`. */
export interface WayStore {
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}
