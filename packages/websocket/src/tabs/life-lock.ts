/** The part of `navigator.locks` that is used. */
export interface LocksLike {
  /** As that of `navigator.locks`. */
  request(
    name: string,
    options: { readonly signal?: AbortSignal },
    held: () => unknown,
  ): Promise<unknown>;
}

const ignore = (): void => {};

/** The locks of this page, worker or process; none in a page without TLS, and in older Nodes. */
export function ownLocks(): LocksLike | undefined {
  const { navigator } = globalThis as { readonly navigator?: { readonly locks?: LocksLike } };
  return navigator?.locks;
}

/**
 * A Web Lock that one end of a port holds while it lives: the browser releases it when a tab crashes, of which the port says
 * nothing.
 */
export class LifeLock {
  readonly name: string;
  private readonly held = new AbortController();
  private end: () => void = ignore;

  constructor(locks: LocksLike, ready: (lock: LifeLock | undefined) => void) {
    this.name = `headrace-${crypto.randomUUID()}`;
    const hold = (): Promise<void> => {
      ready(this);
      return new Promise<void>((resolve) => {
        this.end = resolve;
      });
    };
    // It may be refused where storage is: an embedded page of another site.
    requested(locks, this.name, this.held.signal, hold).catch(() => ready(undefined));
  }

  release(): void {
    this.end();
    this.held.abort();
  }
}

/** Calls back when the other end has lost its lock. Returns what ends the watch. */
export function watchLock(locks: LocksLike, name: string, lost: () => void): () => void {
  const watch = new AbortController();
  requested(locks, name, watch.signal, lost).catch(ignore);
  return () => watch.abort();
}

async function requested(
  locks: LocksLike,
  name: string,
  signal: AbortSignal,
  held: () => unknown,
): Promise<void> {
  await locks.request(name, { signal }, held);
}
