import type { Claim } from './claim.ts';

/** A claim as it goes over the bus. */
export interface ClaimMessage {
  /** Undefined: the node has no connection of the user any more. */
  readonly claim: Claim | undefined;
  /** It was made just now; false when it is repeated, for nodes that may not have heard it. */
  readonly isFresh: boolean;
  /** The sender does not know the other nodes that have the user. */
  readonly asks: boolean;
}

/** @throws what is wrong with it */
export function toClaimMessage(value: unknown, node: string): ClaimMessage {
  if (typeof value !== 'object' || value === null) throw new Error('a claim is an object');
  const { ms, count, isFresh, asks } = value as Record<string, unknown>;
  if (ms === undefined) return { claim: undefined, isFresh: false, asks: false };
  if (!Number.isSafeInteger(ms) || !Number.isSafeInteger(count)) {
    throw new Error('a claim without a time');
  }
  const claim = { ms: ms as number, count: count as number, node };
  return { claim, isFresh: isFresh === true, asks: asks === true };
}

/** What a node is asked about a user. */
export type UserAsk =
  | { readonly what: 'nodes' }
  | { readonly what: 'kick'; readonly reason: string | undefined };

/** @throws what is wrong with it */
export function toUserAsk(value: unknown): UserAsk {
  const { what, reason } = (value ?? {}) as Record<string, unknown>;
  if (what === 'nodes') return { what };
  if (what !== 'kick') throw new Error(`a user is not asked ${String(what)}`);
  return { what, reason: typeof reason === 'string' ? reason.slice(0, 256) : undefined };
}

/** What a node says of a user. */
export interface UserAnswer {
  /** Connections that took the message, or that there are. */
  readonly count: number;
  /** All nodes with connections of the user, as far as the one that answers knows. */
  readonly holders: readonly string[];
}

/** As many as a node knows others. */
const MAX_HOLDERS = 10_000;

/** @throws what is wrong with it */
export function toUserAnswer(value: unknown): UserAnswer {
  const { count, holders } = (value ?? {}) as Record<string, unknown>;
  const isAnswer =
    Number.isSafeInteger(count) &&
    (count as number) >= 0 &&
    Array.isArray(holders) &&
    holders.length <= MAX_HOLDERS &&
    holders.every((holder) => typeof holder === 'string');
  if (!isAnswer) throw new Error('an answer about a user without a count');
  return { count: count as number, holders: holders as string[] };
}
