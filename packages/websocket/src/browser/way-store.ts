import type { WayStore } from '../client/way-store.ts';

/** Workers have none, and a browser may refuse it. */
function found(): WayStore | undefined {
  try {
    return (globalThis as { readonly localStorage?: WayStore }).localStorage;
  } catch {
    return undefined;
  }
}

export const wayStore: WayStore | undefined = found();
