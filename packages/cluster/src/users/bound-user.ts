import type { Session } from '@headrace/handlers';
import type { Claim } from './claim.ts';

/** A user with connections here. A cluster has many thousands of these: no more in it than it takes. */
export class BoundUser<Principal> {
  /** The oldest first. Made with the first one in it: an empty array grows by 17 places. */
  readonly sessions: Session<Principal>[];
  /** Ours: when the newest session came. */
  claim: Claim | undefined = undefined;
  /** A session came after the claim. */
  isClaimDue = true;
  /** The claims of other nodes, if any has the user. */
  others: Map<string, Claim> | undefined = undefined;

  constructor(first: Session<Principal>) {
    this.sessions = [first];
  }
}
