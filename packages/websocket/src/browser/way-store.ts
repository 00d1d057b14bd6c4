import type { WayStore } from '../client/way-store.ts';

/** Returns the page's store. Workers have no store, and a browser can refuse access. */
function found(): WayStore | undefined {
  try {
    return (globalThis as { readonly localStorage?: WayStore }).localStorage;
  } catch {
    return undefined;
  }
}

export const wayStore: WayStore | undefined = found();
