import { encodeBody } from '../envelope/body.ts';
import { KIND } from '../envelope/envelope.ts';
import type { Wire } from '../node/wire.ts';
import type { BoundUser } from './bound-user.ts';
import { isLater, isSameClaim, nextClaim } from './claim.ts';
import type { UserIndex } from './user-index.ts';
import { aboutUser, toClaimMessage } from './user-message.ts';
import type { UserPaces } from './user-paces.ts';

/** Maximum number of users that are claimed in one turn of the event loop when the bus is up again. */
const CLAIMS_PER_TURN = 500;

/** The parts that claims need. */
export interface ClaimsContext {
  readonly wire: Wire;
  readonly index: UserIndex;
  readonly paces: UserPaces;
  /** The users with connections on this node. */
  readonly users: ReadonlyMap<string, BoundUser<unknown>>;
  readonly onDuplicate: 'allow' | 'kick-older';
  /** The number line of all messages about users, including claims. */
  readonly line: string;
}

/**
 * Finds the node with the newest connection of a user. Nodes with the same user exchange their claims when a session is added,
 * when they learn of each other, and after a loss of the bus. With `kick-older`, the latest claim stays.
 */
export class UserClaims {
  private readonly context: ClaimsContext;
  /** Users that have, or had, connections on other nodes too. */
  private readonly shared = new Set<string>();
  private readonly unclaimed = new Set<string>();
  /** Users whose next claim asks the other nodes for their claims. */
  private readonly asking = new Set<string>();
  private isClaiming = false;

  constructor(context: ClaimsContext) {
    const { wire, users } = context;
    this.context = context;
    wire.bus.on('up', this.onUp);
    wire.bus.on('down', this.onDown);
    wire.onRenamed(() => {
      for (const user of users.values()) {
        if (user.claim !== undefined) user.claim = { ...user.claim, node: wire.nodeId };
      }
    });
  }

  /** Called when a session was added. */
  came(key: string, user: BoundUser<unknown>): void {
    user.isClaimDue = true;
    user.cameAt = this.context.wire.host.clock.now();
    if (this.context.index.holders(key).length > 0) this.repeat(key);
    else this.make(user);
  }

  /** Sends the claim again, because other nodes may not know it. */
  repeat(key: string): void {
    this.shared.add(key);
    this.unclaimed.add(key);
    if (this.isClaiming) return;
    this.isClaiming = true;
    this.context.wire.host.clock.execute(() => this.claimSome());
  }

  /** Called when the last session was removed. */
  left(key: string): void {
    this.asking.delete(key);
    this.shared.delete(key);
  }

  /** Called when a claim of another node has arrived. */
  received(key: string, user: BoundUser<unknown>, node: string, value: unknown): void {
    const { claim, ageMs, asks } = toClaimMessage(value, node);
    user.others ??= new Map();
    const before = user.others.get(node);
    user.others.set(node, claim);
    // The claim of this node is still to be sent, and is later.
    if (user.claim === undefined || user.isClaimDue) return;
    if (this.context.onDuplicate === 'kick-older' && isLater(claim, user.claim)) {
      this.beaten(key, user, ageMs);
    } else if (asks || before === undefined || !isSameClaim(before, claim)) {
      // The other node may not have received the claim of this node.
      this.repeat(key);
    }
  }

  close(): void {
    const { bus } = this.context.wire;
    bus.off('up', this.onUp);
    bus.off('down', this.onDown);
  }

  private readonly onDown = (): void => {
    for (const key of this.shared) {
      const user = this.context.users.get(key);
      if (user !== undefined) user.others = undefined;
    }
  };

  private readonly onUp = (): void => {
    for (const key of this.shared) {
      this.asking.add(key);
      this.repeat(key);
    }
  };

  private claimSome(): void {
    let left = CLAIMS_PER_TURN;
    for (const key of this.unclaimed) {
      if (left === 0) break;
      left -= 1;
      this.unclaimed.delete(key);
      this.claim(key);
    }
    this.isClaiming = this.unclaimed.size > 0;
    if (this.isClaiming) this.context.wire.host.clock.schedule(() => this.claimSome(), 0);
  }

  private claim(key: string): void {
    const { wire, index, users, line } = this.context;
    const user = users.get(key);
    const asks = this.asking.delete(key);
    if (user === undefined) return;
    if (user.isClaimDue) this.make(user);
    const holders = index.holders(key);
    if (holders.length === 0) return;
    const { ms, count } = user.claim!;
    const body = aboutUser(key, encodeBody({ ms, count, ageMs: this.ageOf(user), asks }));
    for (const node of holders) wire.send(wire.subjects.usersOf(node), KIND.claim, body, 0, line);
  }

  private make(user: BoundUser<unknown>): void {
    const { nodeId, host } = this.context.wire;
    const known = [...(user.others?.values() ?? [])];
    if (user.claim !== undefined) known.push(user.claim);
    user.claim = nextClaim(host.clock.timeOfDay(), nodeId, known);
    user.isClaimDue = false;
  }

  /** The time since the newest session of this node was added. */
  private ageOf({ cameAt }: BoundUser<unknown>): number {
    return this.context.wire.host.clock.now() - cameAt;
  }

  /** @param ageMs - the age of the connection with the later claim, or less, because its claim was under way */
  private beaten(key: string, user: BoundUser<unknown>, ageMs: number): void {
    if (ageMs > this.ageOf(user)) {
      // The other connection is older, so the clock of one of the nodes is wrong. The new claim of this node is the latest.
      user.isClaimDue = true;
      this.repeat(key);
      return;
    }
    this.context.paces.deliverAll(key);
    for (const session of [...user.sessions]) session.kick();
  }
}
