// Replaces Node's globals in a page.
import { writeToConsole } from './page-console.ts';

/** Returns the value of `localStorage.HEADRACE_DEBUG`, because a page has no environment. */
function debugged(): string | undefined {
  try {
    const { localStorage } = globalThis as { localStorage?: Readonly<Record<string, string>> };
    return localStorage?.['HEADRACE_DEBUG'];
  } catch {
    // A page in a sandbox has no access.
    return undefined;
  }
}

export const process = {
  platform: 'browser',
  env: {
    get HEADRACE_DEBUG(): string | undefined {
      return debugged();
    },
  },
  emitWarning(warning: unknown): void {
    writeToConsole('warn', warning);
  },
  nextTick(task: (...args: unknown[]) => void, ...args: unknown[]): void {
    queueMicrotask(() => task(...args));
  },
};

const tasks: (() => void)[] = [];
let port: { postMessage(message: unknown): void } | undefined;

/** Runs a task in the event loop. A timer of 0 ms would wait for 4 ms, or for a second in a hidden page. */
export function setImmediate(task: () => void): void {
  if (port === undefined) {
    const { port1, port2 } = new MessageChannel();
    Object.assign(port1, { onmessage: () => tasks.shift()?.() });
    port = port2;
  }
  tasks.push(task);
  port.postMessage(0);
}
