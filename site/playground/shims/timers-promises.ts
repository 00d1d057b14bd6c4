import { setImmediate as immediate, setTimeout as later } from './globals.ts';

interface Options {
  readonly signal?: AbortSignal;
}

export function setTimeout<T>(delayMs?: number, value?: T, { signal }: Options = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const timer = later(() => resolve(value as T), delayMs);
    signal?.addEventListener('abort', () => {
      timer.stop();
      reject(signal.reason);
    });
  });
}

export async function* setInterval<T>(delayMs?: number, value?: T): AsyncGenerator<T> {
  for (;;) yield await setTimeout(delayMs, value);
}

export function setImmediate<T>(value?: T): Promise<T> {
  return new Promise((resolve) => immediate(() => resolve(value as T)));
}

export const scheduler = { wait: setTimeout, yield: () => setImmediate() };
export default { setTimeout, setInterval, setImmediate, scheduler };
