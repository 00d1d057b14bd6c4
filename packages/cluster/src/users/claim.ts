/** When a node took a user. Claims of one user are in one order, by time, count and node, on all nodes alike. */
export interface Claim {
  /** Milliseconds since 1970, by the clock of a node that made this claim or one before it. */
  readonly ms: number;
  /** Orders claims of one millisecond. */
  readonly count: number;
  readonly node: string;
}

/** Clocks further ahead than this are wrong. */
const MAX_AHEAD_MS = 60_000;

/** A claim that is later than all that are known of this user: a hybrid clock, kept for each user alone. */
export function nextClaim(now: number, node: string, known: Iterable<Claim>): Claim {
  let ms = Math.floor(now);
  let count = 0;
  for (const claim of known) {
    if (claim.ms < ms) continue;
    count = claim.ms === ms ? Math.max(count, claim.count + 1) : claim.count + 1;
    ms = claim.ms;
  }
  return { ms, count, node };
}

export function isLater(a: Claim, b: Claim): boolean {
  if (a.ms !== b.ms) return a.ms > b.ms;
  return a.count === b.count ? a.node > b.node : a.count > b.count;
}

/** The clock of the node that made it is wrong: that it is later says nothing. */
export function isFromAhead({ ms }: Claim, now: number): boolean {
  return ms > now + MAX_AHEAD_MS;
}

export function isSameClaim(a: Claim, b: Claim): boolean {
  return a.ms === b.ms && a.count === b.count && a.node === b.node;
}
