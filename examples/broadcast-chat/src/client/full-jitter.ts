const FIRST_MS = 500;
const LONGEST_MS = 30_000;

/**
 * How long to wait before the next attempt: anything from nothing to a limit that doubles each time, so that
 * a thousand clients which lost the same server do not come back in the same moment.
 */
export function fullJitterMs(attempt: number, random: () => number = Math.random): number {
  return Math.round(random() * Math.min(LONGEST_MS, FIRST_MS * 2 ** attempt));
}
