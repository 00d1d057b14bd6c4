// Loaded before every test file: a test in which anything was printed has failed.
// A test that expects output replaces the method itself (`vi.spyOn(console, 'error')`).
import { format } from 'node:util';
import fc from 'fast-check';
import { afterAll, afterEach, beforeEach } from 'vitest';
import { SEED } from '../packages/core/test/fixture/seed.ts';

// The same inputs in each run: a find belongs to the change that was made, not to an hour of the day.
fc.configureGlobal({ seed: SEED });

const METHODS = ['debug', 'error', 'info', 'log', 'trace', 'warn'] as const;
const STREAMS = ['stdout', 'stderr'] as const;

let printed: string[] = [];

function note(source: string, text: string): void {
  printed.push(`${source}: ${text.trimEnd()}`);
}

function watch(): void {
  for (const method of METHODS) {
    console[method] = (...values: unknown[]) => note(`console.${method}`, format(...values));
  }
  for (const name of STREAMS) {
    process[name].write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
      note(`process.${name}`, typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
      const done = rest.at(-1);
      if (typeof done === 'function') done();
      return true;
    };
  }
}

function failIfPrinted(): void {
  if (printed.length === 0) return;
  const lines = printed.join('\n  ');
  printed = [];
  throw new Error(`nothing may be printed during a test, but this was:\n  ${lines}`);
}

watch();
// Node prints warnings (too many listeners, deprecations) past console and streams.
// Files that share a worker replace the listener of the one before.
const LISTENER = Symbol.for('headrace.test.warnings');
const held = process as unknown as Record<symbol, ((warning: Error) => void) | undefined>;
if (held[LISTENER] !== undefined) process.off('warning', held[LISTENER]);
held[LISTENER] = (warning) => {
  if (warning.name !== 'ExperimentalWarning') note('process warning', String(warning.stack));
};
process.on('warning', held[LISTENER]);

beforeEach(watch);
afterEach(failIfPrinted);
afterAll(failIfPrinted);
