import { systemClock } from '@headrace/core';

/**
 * Returns a function that measures the part of one core that this process used since the previous call: 0 for idle, 1 for always
 * busy.
 */
export function cpuLoad(): () => number {
  let usage = process.cpuUsage();
  let at = systemClock.now();
  return () => {
    const now = systemClock.now();
    const { user, system } = process.cpuUsage(usage);
    const elapsedUs = (now - at) * 1000;
    usage = process.cpuUsage();
    at = now;
    return elapsedUs <= 0 ? 0 : Math.round(((user + system) / elapsedUs) * 100) / 100;
  };
}
