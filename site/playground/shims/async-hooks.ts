// The context of a synchronous call. What comes later, after an `await`, is not followed: no browser can.
export class AsyncLocalStorage<T> {
  private store: T | undefined;

  getStore(): T | undefined {
    return this.store;
  }

  run<R>(store: T, callback: (...args: unknown[]) => R, ...args: unknown[]): R {
    const before = this.store;
    this.store = store;
    try {
      return callback(...args);
    } finally {
      this.store = before;
    }
  }

  exit<R>(callback: () => R): R {
    return this.run(undefined as T, callback);
  }

  enterWith(store: T): void {
    this.store = store;
  }

  disable(): void {
    this.store = undefined;
  }
}

export class AsyncResource {
  runInAsyncScope<This, Args extends unknown[], R>(
    callback: (this: This, ...args: Args) => R,
    self?: This,
    ...args: Args
  ): R {
    return callback.apply(self as This, args);
  }
}

export default { AsyncLocalStorage, AsyncResource };
