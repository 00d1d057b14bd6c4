// What Node has as globals, for code that runs in a browser; esbuild puts these in place of the free names.

import { active } from './active-handles.ts';
import { bound } from './async-hooks.ts';
import { Buffer } from './buffer.ts';

export { Buffer };

type Callback = (...args: unknown[]) => void;

const browser = {
  setTimeout: globalThis.setTimeout.bind(globalThis),
  clearTimeout: globalThis.clearTimeout.bind(globalThis),
};

/** A timer that knows `ref` and `unref`, as Node's does: one that counts keeps a sample running. */
class Timeout {
  private id: ReturnType<typeof browser.setTimeout> | undefined;
  private isRef = true;
  private readonly callback: Callback;
  private readonly delayMs: number;
  private readonly args: unknown[];
  private readonly repeats: boolean;

  constructor(callback: Callback, delayMs: number, args: unknown[], repeats: boolean) {
    this.callback = bound(callback);
    this.delayMs = delayMs;
    this.args = args;
    this.repeats = repeats;
    this.start();
  }

  private start(): void {
    this.id = browser.setTimeout(() => {
      if (this.repeats) this.start();
      else this.stop();
      this.callback(...this.args);
    }, this.delayMs) as never;
    if (this.isRef) active.add(this);
  }

  stop(): void {
    if (this.id !== undefined) browser.clearTimeout(this.id);
    this.id = undefined;
    active.delete(this);
  }

  ref(): this {
    this.isRef = true;
    if (this.id !== undefined) active.add(this);
    return this;
  }

  unref(): this {
    this.isRef = false;
    active.delete(this);
    return this;
  }

  hasRef(): boolean {
    return this.isRef;
  }

  refresh(): this {
    this.stop();
    this.start();
    return this;
  }

  [Symbol.dispose](): void {
    this.stop();
  }
}

export function setTimeout(callback: Callback, delayMs = 1, ...args: unknown[]): Timeout {
  return new Timeout(callback, delayMs, args, false);
}

export function setInterval(callback: Callback, delayMs = 1, ...args: unknown[]): Timeout {
  return new Timeout(callback, delayMs, args, true);
}

export function clearTimeout(timer: Timeout | undefined): void {
  timer?.stop();
}

export const clearInterval = clearTimeout;

/** Tasks of the next turn: a message to oneself has no delay, a timer of a browser has 4 ms. */
const { port1, port2 } = new MessageChannel();
const turns: Immediate[] = [];
port1.onmessage = () => turns.shift()?.run();

class Immediate {
  private callback: (() => void) | undefined;

  constructor(callback: () => void) {
    this.callback = bound(callback);
    active.add(this);
    turns.push(this);
    port2.postMessage(undefined);
  }

  run(): void {
    const { callback } = this;
    this.stop();
    callback?.();
  }

  stop(): void {
    this.callback = undefined;
    active.delete(this);
  }

  ref(): this {
    return this;
  }

  unref(): this {
    active.delete(this);
    return this;
  }

  hasRef(): boolean {
    return this.callback !== undefined;
  }
}

export function setImmediate(callback: Callback, ...args: unknown[]): Immediate {
  return new Immediate(() => callback(...args));
}

export function clearImmediate(immediate: Immediate | undefined): void {
  immediate?.stop();
}

const began = performance.now();
const listeners = new Map<string, Callback[]>();

export const process = {
  title: 'browser',
  platform: 'browser',
  version: 'v20.19.0',
  versions: {} as Record<string, string | undefined>,
  arch: 'wasm',
  pid: 1,
  argv: ['node', 'sample'],
  execArgv: [] as string[],
  allowedNodeEnvironmentFlags: new Set<string>(),
  env: {} as Record<string, string | undefined>,
  exitCode: undefined as number | undefined,
  cwd: () => '/',
  uptime: () => (performance.now() - began) / 1000,
  hrtime: Object.assign(
    () => {
      const now = performance.now();
      return [Math.floor(now / 1000), Math.floor((now % 1000) * 1e6)];
    },
    { bigint: () => BigInt(Math.floor(performance.now() * 1e6)) },
  ),
  memoryUsage: Object.assign(
    () => ({ rss: 0, heapUsed: 0, heapTotal: 0, external: 0, arrayBuffers: 0 }),
    {
      rss: () => 0,
    },
  ),
  nextTick(callback: Callback, ...args: unknown[]): void {
    queueMicrotask(bound(() => callback(...args)));
  },
  emitWarning(warning: unknown): void {
    console.warn(String(warning));
  },
  on(event: string, listener: Callback) {
    listeners.set(event, [...process.listeners(event), listener]);
    return process;
  },
  once: () => process,
  off(event: string, listener: Callback) {
    const left = process.listeners(event).filter((one) => one !== listener);
    listeners.set(event, left);
    return process;
  },
  addListener: (event: string, listener: Callback) => process.on(event, listener),
  removeListener: (event: string, listener: Callback) => process.off(event, listener),
  removeAllListeners(event: string) {
    listeners.delete(event);
    return process;
  },
  listeners: (event: string): Callback[] => listeners.get(event) ?? [],
  emit(event: string, ...args: unknown[]): boolean {
    const called = process.listeners(event);
    for (const one of called) one(...args);
    return called.length > 0;
  },
  listenerCount: (event: string): number => process.listeners(event).length,
  stdout: { write: (text: string) => console.log(String(text).replace(/\n$/, '')), isTTY: false },
  stderr: {
    write: (text: string, done?: () => void) => {
      console.error(String(text).replace(/\n$/, ''));
      done?.();
    },
    on: () => {},
    off: () => {},
    writableLength: 0,
    isTTY: false,
  },
};

const realm = globalThis;

export { realm as global };
