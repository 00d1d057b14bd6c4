import type { RetryPolicy } from '@headrace/client';

/** Numbers in [0, 1), the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** How the clients came back after an outage. */
export interface Return {
  /** The busiest second, as a multiple of the mean over the time from the end of the outage to the last return. */
  readonly busiest: number;
  readonly tries: number;
  readonly lastMs: number;
}

/** All clients lose the server at 0; each try before the end of the outage is refused at once. */
export function simulateReturn(
  policy: RetryPolicy,
  clients: number,
  outageMs: number,
  random: () => number,
): Return {
  const seconds: number[] = [];
  let tries = 0;
  let lastMs = 0;
  for (let client = 0; client < clients; client++) {
    const phase = random();
    let elapsedMs = 0;
    for (let attempt = 1; elapsedMs < outageMs || attempt === 1; attempt++) {
      elapsedMs += policy(attempt, { elapsedMs, phase, isRefused: attempt > 1, random })!;
      tries += 1;
    }
    const second = Math.floor((elapsedMs - outageMs) / 1000);
    seconds[second] = (seconds[second] ?? 0) + 1;
    lastMs = Math.max(lastMs, elapsedMs);
  }
  const mean = clients / Math.max(1, (lastMs - outageMs) / 1000);
  const most = seconds.reduce((most, count) => Math.max(most, count ?? 0), 0);
  return { busiest: most / mean, tries, lastMs };
}

/** The share of its window at which an outage of this length ends, with the windows of `spread()`. */
export function shareOfWindow(outageMs: number): number {
  let beginMs = 0;
  let lengthMs = 2000;
  while (beginMs + lengthMs <= outageMs) {
    beginMs += lengthMs;
    lengthMs = Math.min(5000, lengthMs * 2);
  }
  return (outageMs - beginMs) / lengthMs;
}

/** What chance adds to the busiest of some dozens of seconds, as a multiple of the mean; generous. */
export function chance(clients: number): number {
  return 5 * Math.sqrt(60 / clients);
}
