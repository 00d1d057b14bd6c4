// Preloaded into a process whose work is counted. An order begins or ends a window; the answer to its end is what V8,
// the kernel and async_hooks counted meanwhile.
import { createHook } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import v8 from 'node:v8';

const SCAVENGES = ['Scavenge', 'MinorMarkCompact', 'MinorMarkSweep'];
const FULL = ['MarkSweepCompact', 'MarkCompact'];
const YOUNG = ['new_space', 'new_large_object_space'];

/** One side of a collection, in bytes. */
function sideOf({ heapStatistics, heapSpaceStatistics }) {
  const { usedHeapSize: used, externalMemory: external } = heapStatistics;
  let young = 0;
  for (const { spaceName, spaceUsedSize } of heapSpaceStatistics) {
    if (YOUNG.includes(spaceName)) young += spaceUsedSize;
  }
  return { used, external, young, old: used - young };
}

function memoryNow() {
  const { heapUsed, arrayBuffers, external } = process.memoryUsage();
  return { used: heapUsed, arrayBuffers, external };
}

/** Calls that read from or write to a descriptor, in the kernel's accounting. Waiting for events is none. */
function systemCalls() {
  const [, reads, writes] = /syscr: (\d+)\nsyscw: (\d+)/.exec(
    readFileSync('/proc/self/io', 'utf8'),
  );
  return { reads: Number(reads), writes: Number(writes) };
}

/** Each begins a window and returns the function that ends it. */
const WINDOWS = {
  memory() {
    const profiler = new v8.GCProfiler();
    const [cpu, calls, before] = [process.cpuUsage(), systemCalls(), memoryNow()];
    profiler.start();
    return () => {
      const after = memoryNow();
      const { reads, writes } = systemCalls();
      const { user, system } = process.cpuUsage(cpu);
      const counts = heapCounts(profiler.stop().statistics, before, after);
      const [read, written] = [reads - calls.reads, writes - calls.writes];
      collect();
      const left = memoryNow().arrayBuffers;
      return { ...counts, left, reads: read, writes: written, cpu: user + system };
    };
  },
  /** What a program keeps, and not what it made meanwhile. */
  kept() {
    collect();
    const [cpu, before] = [process.cpuUsage(), memoryNow()];
    return () => {
      const { user, system } = process.cpuUsage(cpu);
      collect();
      const after = memoryNow();
      const kept = after.used + after.external - before.used - before.external;
      return { kept, cpu: user + system };
    };
  },
  made() {
    const made = {};
    const init = (_id, type) => {
      made[type] = (made[type] ?? 0) + 1;
    };
    const hook = createHook({ init }).enable();
    return () => {
      hook.disable();
      return { made };
    };
  },
};

/** What was allocated is what was in use before a collection, without what was left by the one before it. */
function heapCounts(collections, before, after) {
  const counts = { allocated: 0, external: 0, promoted: 0, survived: 0, scavenges: 0, full: 0 };
  let [left, most] = [before, before.external];
  for (const { gcType, beforeGC, afterGC } of collections) {
    const [from, to] = [sideOf(beforeGC), sideOf(afterGC)];
    counts.allocated += from.used - left.used;
    counts.external += from.external - left.external;
    left = to;
    most = Math.max(most, from.external);
    if (FULL.includes(gcType)) counts.full += 1;
    if (!SCAVENGES.includes(gcType)) continue;
    counts.scavenges += 1;
    counts.promoted += to.old - from.old;
    counts.survived += to.young;
  }
  counts.allocated += after.used - left.used;
  counts.external += after.external - left.external;
  return { ...counts, most: Math.max(most, after.external) };
}

/** Twice: what a collection finalizes is garbage to the next. */
function collect() {
  globalThis.gc();
  globalThis.gc();
}

let end = () => ({});
process.on('message', ({ count }) => {
  if (count === undefined) return;
  if (count === 'end') process.send({ counted: end() });
  else {
    if (count === 'collect') collect();
    else end = WINDOWS[count]();
    process.send({ counted: {} });
  }
});
process.on('disconnect', () => process.exit());
