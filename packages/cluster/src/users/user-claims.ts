import type { Timer } from '@headrace/core';
import { encodeBody } from '../envelope/body.ts';
import { KIND } from '../envelope/envelope.ts';
import type { Wire } from '../node/wire.ts';
import type { BoundUser } from './bound-user.ts';
import { type ClaimTime, isLater, isSameTime, nextClaim } from './claim.ts';
import type { UserIndex } from './user-index.ts';
import { aboutUser, toClaimMessage } from './user-message.ts';
import type { UserPaces } from './user-paces.ts';

/** Maximum number of users that are claimed in one turn of the event loop. */
const CLAIMS_PER_TURN = 500;
/** Interval at which a claim is sent again to a node that has not shown that it knows the claim. */
const CONFIRM_EACH_MS = 1000;
/** Number of times that a claim is sent again. A node that hears nothing for that long considers the other one as gone. */
const MAX_TRIES = 8;

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
 *
 * Each claim names the claim of the receiver that the sender knows, so that a claim that was lost on its way is sent again.
 */
export class UserClaims {
  private readonly context: ClaimsContext;
  /** Users that have, or had, connections on other nodes too. */
  private readonly shared = new Set<string>();
  /** Users whose claim is to be sent: to all other holders, or to those that have not shown that they know it. */
  private readonly unclaimed = new Map<string, 'all' | 'unsure'>();
  /** Users whose claim another holder may not know, with the number of tries that are left. */
  private readonly unconfirmed = new Map<string, number>();
  private confirming: Timer | undefined = undefined;
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
    this.unclaimed.set(key, 'all');
    this.claimSoon();
  }

  /** Called when the last session was removed. */
  left(key: string): void {
    this.shared.delete(key);
    this.unconfirmed.delete(key);
  }

  /** Called when a claim of another node has arrived. */
  received(key: string, user: BoundUser<unknown>, node: string, value: unknown): void {
    const { claim, ageMs, asks, knows } = toClaimMessage(value, node);
    user.others ??= new Map();
    user.others.set(node, { claim, knows });
    // The claim of this node is still to be sent, and is later.
    if (user.claim === undefined || user.isClaimDue) return;
    if (this.context.onDuplicate === 'kick-older' && isLater(claim, user.claim)) {
      this.beaten(key, user, ageMs);
    } else if (asks || !isConfirmed(user, node)) {
      this.repeat(key);
    }
  }

  close(): void {
    const { bus } = this.context.wire;
    bus.off('up', this.onUp);
    bus.off('down', this.onDown);
    this.confirming?.cancel();
  }

  private readonly onDown = (): void => {
    this.unconfirmed.clear();
    for (const key of this.shared) {
      const user = this.context.users.get(key);
      if (user !== undefined) user.others = undefined;
    }
  };

  private readonly onUp = (): void => {
    for (const key of this.shared) this.repeat(key);
  };

  private claimSoon(): void {
    if (this.isClaiming) return;
    this.isClaiming = true;
    this.context.wire.host.clock.execute(() => this.claimSome());
  }

  private claimSome(): void {
    let left = CLAIMS_PER_TURN;
    for (const [key, to] of this.unclaimed) {
      if (left === 0) break;
      left -= 1;
      this.unclaimed.delete(key);
      this.claim(key, to);
    }
    this.isClaiming = this.unclaimed.size > 0;
    if (this.isClaiming) this.context.wire.host.clock.schedule(() => this.claimSome(), 0);
  }

  private claim(key: string, to: 'all' | 'unsure'): void {
    const { index, users } = this.context;
    const user = users.get(key);
    if (user === undefined) return;
    if (user.isClaimDue) this.make(user);
    const holders = index.holders(key);
    const unsure = holders.filter((node) => !isConfirmed(user, node));
    const left = (this.unconfirmed.get(key) ?? MAX_TRIES + 1) - (to === 'all' ? 0 : 1);
    if (unsure.length > 0 && left > 0) this.unconfirmed.set(key, left);
    else this.unconfirmed.delete(key);
    this.confirmLater();
    if (to === 'all') this.send(key, user, holders);
    else if (left > 0) this.send(key, user, unsure);
  }

  private send(key: string, user: BoundUser<unknown>, nodes: readonly string[]): void {
    const { wire, line } = this.context;
    const { ms, count } = user.claim!;
    const ageMs = this.ageOf(user);
    for (const node of nodes) {
      const asks = isConfirmed(user, node) ? undefined : true;
      const knows = fields(user.others?.get(node)?.claim);
      const body = encodeBody({ ms, count, ageMs, asks, knows });
      wire.send(wire.subjects.usersOf(node), KIND.claim, aboutUser(key, body), 0, line);
    }
  }

  /** Sends claims again, after a while, to the holders that have not shown that they know them. */
  private confirmLater(): void {
    if (this.confirming !== undefined || this.unconfirmed.size === 0) return;
    this.confirming = this.context.wire.host.clock.schedule(() => {
      this.confirming = undefined;
      for (const key of this.unconfirmed.keys()) {
        if (!this.unclaimed.has(key)) this.unclaimed.set(key, 'unsure');
      }
      this.claimSoon();
      this.confirmLater();
    }, CONFIRM_EACH_MS);
  }

  private make(user: BoundUser<unknown>): void {
    const { nodeId, host } = this.context.wire;
    const known = [...(user.others?.values() ?? [])].map(({ claim }) => claim);
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

/** Returns true if another node has shown that it knows the present claim of this node. */
function isConfirmed({ claim, others }: BoundUser<unknown>, node: string): boolean {
  const knows = others?.get(node)?.knows;
  return claim !== undefined && knows !== undefined && isSameTime(knows, claim);
}

/** Returns the field of a claim that names the claim of the receiver, even if the sender knows none. */
function fields(claim: ClaimTime | undefined): readonly [number, number] | null {
  return claim === undefined ? null : [claim.ms, claim.count];
}
