// How long to wait before the next attempt to connect. Pure.

const DEFAULTS = { minMs: 500, maxMs: 30_000 };

/**
 * Full jitter: evenly spread between the least wait and a ceiling that doubles with each attempt,
 * so that a thousand pages that lost the same server do not come back in the same moment.
 *
 * attempt 0: 0.5-1 s, 1: 0.5-2 s, 2: 0.5-4 s, … 5 and later: 0.5-30 s
 *
 * @param {number} attempt failed attempts so far, from 0
 * @param {() => number} random from 0 up to but not 1, as Math.random
 * @param {{ minMs?: number, maxMs?: number }} [options]
 */
export function backoffDelayMs(attempt, random, options = {}) {
  const { minMs, maxMs } = { ...DEFAULTS, ...options };
  const ceilingMs = Math.min(maxMs, minMs * 2 ** (attempt + 1));
  return Math.round(minMs + random() * (ceilingMs - minMs));
}
