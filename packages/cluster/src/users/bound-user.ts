import type { Session } from '@headrace/handlers';
import type { Claim, OtherClaim } from './claim.ts';

/** A user with connections on this node. A node has many thousands of these objects, so they must stay small. */
export class BoundUser<Principal> {
  /** The sessions, oldest first. Made with its first entry, because an empty array grows by 17 places. */
  readonly sessions: Session<Principal>[];
  /** The claim of this node: the time of its newest session. */
  claim: Claim | undefined = undefined;
  /** Whether a session was added after the claim. */
  isClaimDue = true;
  /** The time at which the newest session was added, by the clock's `now()`. */
  cameAt = 0;
  /** The claims of other nodes, if another node has the user. */
  others: Map<string, OtherClaim> | undefined = undefined;

  constructor(first: Session<Principal>) {
    this.sessions = [first];
  }
}
