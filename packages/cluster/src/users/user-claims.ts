import { encodeBody } from '../envelope/body.ts';
import { KIND } from '../envelope/envelope.ts';
import type { Wire } from '../node/wire.ts';
import { AgingMap } from '../time/aging-map.ts';
import type { BoundUser } from './bound-user.ts';
import { type Claim, isFromAhead, isLater, isSameClaim, nextClaim } from './claim.ts';
import { toClaimMessage } from './user-message.ts';

/** Claims repeated in one turn of the event loop when the bus is back. */
const CLAIMS_PER_TURN = 500;

/** How long before it is noticed that the bus is down messages may be lost, 30 s, with time to spare. */
const UNSURE_MS = 40_000;
/** More releases cost more than the answers that wait for them. */
const MAX_RELEASES = 10_000;

/** What claims are made for. */
export interface ClaimsContext {
  readonly wire: Wire;
  /** The users with connections here. */
  readonly users: ReadonlyMap<string, BoundUser<unknown>>;
  readonly onDuplicate: 'allow' | 'kick-older';
  /** The numbers of claims are on the line of everything about users. */
  readonly line: string;
}

/**
 * Which nodes have a user: each publishes a claim when a session came, which the others compare with their own, and
 * repeats it when the bus was away. So all know of each other, and with `kick-older` the latest claim stays.
 */
export class UserClaims {
  private readonly context: ClaimsContext;
  private readonly unclaimed = new Set<string>();
  /** Whose next claim asks the other nodes for theirs. */
  private readonly asking = new Set<string>();
  /** Users that were given up lately: a node that missed it would wait for answers of this node. */
  private readonly released = new AgingMap<true>(UNSURE_MS, MAX_RELEASES);
  private downAt = 0;
  private isClaiming = false;

  constructor(context: ClaimsContext) {
    const { wire, users } = context;
    this.context = context;
    wire.bus.on('up', this.onUp);
    wire.bus.on('down', this.onDown);
    wire.onRenamed(() => {
      for (const user of users.values()) user.isClaimDue = true;
      this.claimAll();
    });
  }

  /** A session came; the user's subscription has been made. */
  came(id: string, user: BoundUser<unknown>): void {
    this.released.delete(id);
    user.isClaimDue = true;
    this.claimSoon(id);
  }

  /** Others may not know of it. */
  repeat(id: string): void {
    this.claimSoon(id);
  }

  /** The last session is gone. */
  left(id: string, user: BoundUser<unknown>): void {
    this.asking.delete(id);
    this.released.set(id, true, this.context.wire.host.clock.now());
    if (user.claim !== undefined) this.publish(id, {});
  }

  /** Another node's claim came. */
  received(id: string, user: BoundUser<unknown>, node: string, value: unknown): void {
    const { claim, isFresh, asks } = toClaimMessage(value, node);
    if (claim === undefined) {
      user.others?.delete(node);
      return;
    }
    user.others ??= new Map();
    const before = user.others.get(node);
    user.others.set(node, claim);
    // Ours comes, and is later.
    if (user.claim === undefined || user.isClaimDue) return;
    if (this.context.onDuplicate === 'kick-older' && isLater(claim, user.claim)) {
      this.beaten(id, user, claim, isFresh);
    } else if (asks || before === undefined || !isSameClaim(before, claim)) {
      // It may not have heard ours.
      this.claimSoon(id);
    }
  }

  close(): void {
    const { bus } = this.context.wire;
    bus.off('up', this.onUp);
    bus.off('down', this.onDown);
  }

  private readonly onDown = (): void => {
    this.downAt = this.context.wire.host.clock.now();
    // The nodes that have them by now are not known.
    for (const user of this.context.users.values()) user.others = undefined;
  };

  private readonly onUp = (): void => {
    for (const id of this.released.since(this.downAt - UNSURE_MS)) this.publish(id, {});
    for (const id of this.context.users.keys()) this.asking.add(id);
    this.claimAll();
  };

  private claimAll(): void {
    for (const id of this.context.users.keys()) this.claimSoon(id);
  }

  /** Once its subscription is in force: a node that claims meanwhile hears of us, or we of it. */
  private claimSoon(id: string): void {
    this.unclaimed.add(id);
    if (this.isClaiming) return;
    this.isClaiming = true;
    this.context.wire.host.clock.execute(() => this.claimBatch());
  }

  /** Those that were subscribed before the bus was asked; users that come meanwhile are in the next batch. */
  private claimBatch(): void {
    const batch = [...this.unclaimed];
    this.unclaimed.clear();
    this.context.wire.bus.settled().then(
      () => this.claimSome(batch),
      // With `up` all are claimed.
      () => {
        this.isClaiming = false;
      },
    );
  }

  private claimSome(batch: string[]): void {
    const { clock } = this.context.wire.host;
    for (const id of batch.splice(0, CLAIMS_PER_TURN)) this.claim(id);
    if (batch.length > 0) clock.schedule(() => this.claimSome(batch), 0);
    else if (this.unclaimed.size > 0) this.claimBatch();
    else this.isClaiming = false;
  }

  private claim(id: string): void {
    const user = this.context.users.get(id);
    if (user === undefined) return;
    const isFresh = user.isClaimDue;
    if (user.isClaimDue) user.claim = this.nextClaim(user);
    user.isClaimDue = false;
    const { ms, count } = user.claim!;
    this.publish(id, { ms, count, isFresh, asks: this.asking.delete(id) });
  }

  private nextClaim(user: BoundUser<unknown>): Claim {
    const { nodeId, host } = this.context.wire;
    const known = [...(user.others?.values() ?? [])];
    if (user.claim !== undefined) known.push(user.claim);
    return nextClaim(host.clock.timeOfDay(), nodeId, known);
  }

  private beaten(id: string, user: BoundUser<unknown>, claim: Claim, isFresh: boolean): void {
    if (!isFresh && isFromAhead(claim, this.context.wire.host.clock.timeOfDay())) {
      // Its clock is minutes ahead: without this its connection would win against all that come later.
      user.isClaimDue = true;
      this.claimSoon(id);
    } else for (const session of [...user.sessions]) session.kick();
  }

  private publish(id: string, claim: object): void {
    const { wire, line } = this.context;
    wire.send(wire.subjects.user(id), KIND.claim, encodeBody(claim), 0, line);
  }
}
