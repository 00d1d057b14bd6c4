/** The part of `navigator.locks` that this package uses. */
export interface LocksLike {
  /** Requests a lock, like `navigator.locks.request`. */
  request(
    name: string,
    options: { readonly signal?: AbortSignal },
    held: () => unknown,
  ): Promise<unknown>;
}

const ignore = (): void => {};

/** Returns the locks of this page, worker or process. A page without TLS, and older versions of Node, have no locks. */
export function ownLocks(): LocksLike | undefined {
  const { navigator } = globalThis as { readonly navigator?: { readonly locks?: LocksLike } };
  return navigator?.locks;
}

/**
 * A Web Lock that one end of a port holds while that end lives. If a tab crashes, the port reports nothing, but the browser
 * releases the lock.
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
    // The request can be refused where storage is refused, for example in an embedded page of
    // another site.
    requested(locks, this.name, this.held.signal, hold).catch(() => ready(undefined));
  }

  release(): void {
    this.end();
    this.held.abort();
  }
}

/** Calls back when the other end has lost its lock. Returns a function that ends the watch. */
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
