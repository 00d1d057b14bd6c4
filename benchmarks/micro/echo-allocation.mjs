// Garbage of an echoed message, beside the view that is its frame, and promises made.
// Run with a young generation so large that nothing is collected meanwhile; see micro.ts.
import { createHook } from 'node:async_hooks';
import { echoBursts } from './echo-burst.mjs';
import { report } from './measure.mjs';

const ROUNDS = 5;
const VIEWS = 500_000;

/** A collection takes compiled code along: it is made again before anything is counted. */
function allocatedBy(run) {
  globalThis.gc();
  run();
  const before = process.memoryUsage().heapUsed;
  run();
  return process.memoryUsage().heapUsed - before;
}

const memory = Buffer.allocUnsafeSlow(64);
const keepViews = () => {
  let last;
  for (let i = 0; i < VIEWS; i += 1) last = memory.subarray(0, 64);
  return last;
};
keepViews();
const viewBytes = allocatedBy(keepViews) / VIEWS;

let promises = 0;
const hook = createHook({
  init(_id, type) {
    if (type === 'PROMISE') promises += 1;
  },
});

// Few enough: the memory of the reads, which is outside the heap, must not start a collection.
for (const [frames, bytes, count, goal] of [
  [64, 64, 192_000, 64],
  [16, 1024, 12_800, 64],
  [1, 64, 192_000, undefined],
]) {
  const run = echoBursts(frames, bytes);
  for (let i = 0; i < 5; i += 1) run(count);
  const values = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    values.push(allocatedBy(() => run(count)) / count - viewBytes);
  }
  const name = `garbage of an echoed message beside its frame's view (${Math.round(viewBytes)} bytes), bursts of ${frames} x ${bytes}`;
  report(name, 'bytes per message', values, goal);
  hook.enable();
  run(count);
  hook.disable();
}
report('promises made by echoing', 'promises', [promises], 0);
process.exit(0);
