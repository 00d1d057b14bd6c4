// Asynchronous contexts, which no browser has. What a task leads to gets the task's context: callbacks of promises and of
// the shims' timers. A browser's own `await` asks no callback, so the packages here are built without it, and a sample that
// needs contexts is rewritten (`runner/without-await.ts`): their awaits are callbacks of promises.

type Context = ReadonlyMap<object, unknown>;
// biome-ignore lint/suspicious/noExplicitAny: any function at all
type AnyFunction = (this: any, ...args: any[]) => any;

const NOTHING: Context = new Map();
let context = NOTHING;
let isFollowing = false;

function inContext<R>(one: Context, task: () => R): R {
  const before = context;
  context = one;
  try {
    return task();
  } finally {
    context = before;
  }
}

/** The callback, in the context of now. */
export function bound<F>(callback: F): F {
  if (context === NOTHING || typeof callback !== 'function') return callback;
  const one = context;
  return function (this: unknown, ...args: unknown[]) {
    return inContext(one, () => (callback as AnyFunction).apply(this, args));
  } as F;
}

/** From the first context on: promises without one stay as quick as they are. */
function follow(): void {
  if (isFollowing) return;
  isFollowing = true;
  const { then } = Promise.prototype;
  // biome-ignore lint/suspicious/noThenProperty: it takes the place of the promise's own
  Promise.prototype.then = function (this: Promise<unknown>, done, failed) {
    return then.call(this, bound(done), bound(failed)) as never;
  };
  const { queueMicrotask: later } = globalThis;
  globalThis.queueMicrotask = (task) => later(bound(task));
}

export class AsyncLocalStorage<T> {
  getStore(): T | undefined {
    return context.get(this) as T | undefined;
  }

  run<R>(store: T, callback: (...args: unknown[]) => R, ...args: unknown[]): R {
    follow();
    return inContext(new Map(context).set(this, store), () => callback(...args));
  }

  exit<R>(callback: () => R): R {
    return this.run(undefined as T, callback);
  }

  enterWith(store: T): void {
    follow();
    context = new Map(context).set(this, store);
  }

  disable(): void {
    const without = new Map(context);
    without.delete(this);
    context = without.size === 0 ? NOTHING : without;
  }
}

export class AsyncResource {
  private readonly context = context;

  runInAsyncScope<This, Args extends unknown[], R>(
    callback: (this: This, ...args: Args) => R,
    self?: This,
    ...args: Args
  ): R {
    return inContext(this.context, () => callback.apply(self as This, args));
  }
}

export default { AsyncLocalStorage, AsyncResource };
