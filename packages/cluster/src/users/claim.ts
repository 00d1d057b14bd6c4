/** The time of a {@link Claim}. */
export interface ClaimTime {
  /** Milliseconds since 1970, by the clock of the node that made this claim or an earlier claim. */
  readonly ms: number;
  /** Orders the claims of one millisecond. */
  readonly count: number;
}

/** The time at which a node accepted a user. All nodes order the claims of one user alike: by time, count and node. */
export interface Claim extends ClaimTime {
  readonly node: string;
}

/** The claim of another node. */
export interface OtherClaim {
  readonly claim: Claim;
  /** The claim of this node that the other node knew when it sent its own. */
  readonly knows: ClaimTime | undefined;
}

/** Makes a claim that is later than all known claims of a user, like a hybrid logical clock for each user. */
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

export function isSameTime(a: ClaimTime, b: ClaimTime): boolean {
  return a.ms === b.ms && a.count === b.count;
}
