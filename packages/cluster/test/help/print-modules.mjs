// `node --import ./print-modules.mjs` prints the address of each module that the program loads.
import { writeSync } from 'node:fs';
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

if (isMainThread) register(import.meta.url, import.meta.url);

/** Node calls it in the thread of its hooks. */
export function load(url, context, nextLoad) {
  writeSync(1, `${url}\n`);
  return nextLoad(url, context);
}
