import { systemClock } from '@headrace/core';

/** Shorter than the second between two heartbeats, so that each of them has a new figure. */
const MIN_MS = 900;

/**
 * Returns a function that returns the part of one core that this process used lately: 0 for idle, 1 for always busy. Calls
 * within 0.9 seconds return the same figure.
 */
export function cpuLoad(
  now = systemClock.now.bind(systemClock),
  usage = process.cpuUsage,
): () => number {
  let before = usage();
  let at = now();
  let load = 0;
  return () => {
    const elapsedMs = now() - at;
    if (elapsedMs < MIN_MS) return load;
    const used = usage();
    const usedUs = used.user - before.user + used.system - before.system;
    load = Math.round(usedUs / elapsedMs / 10) / 100;
    before = used;
    at += elapsedMs;
    return load;
  };
}
