import { systemClock } from '@headrace/core';

/** Part of one core that this process used since the last call: 0 idle, 1 busy all the time. */
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
