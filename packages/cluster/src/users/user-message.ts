import { Buffer } from 'node:buffer';
import type { Body } from '../envelope/body.ts';
import type { ClaimTime, OtherClaim } from './claim.ts';

/** Maximum length of a key, the token of a user's id. One byte contains the length. */
const MAX_KEY_BYTES = 127;
/** Maximum number of bytes before a message to a user. */
export const USER_BYTES = MAX_KEY_BYTES + 1;

/** Makes the body of a message about a user: the length of the key, the key, and the body. */
export function aboutUser(key: string, { bodyType, body }: Body): Body {
  const bytes = Buffer.allocUnsafe(1 + key.length + body.byteLength);
  bytes[0] = bytes.write(key, 1, 'latin1');
  body.copy(bytes, 1 + key.length);
  return { bodyType, body: bytes };
}

/** Reads the key and the body. @throws an error for an invalid message */
export function fromAboutUser({ bodyType, body }: Body): { readonly key: string; body: Body } {
  const end = 1 + (body[0] ?? 0);
  if (end === 1 || end > body.byteLength) throw new Error('a message about no user');
  return { key: body.toString('latin1', 1, end), body: { bodyType, body: body.subarray(end) } };
}

/** A claim as sent over the bus. */
export interface ClaimMessage extends OtherClaim {
  /** Time since the newest connection of the sender signed in, in milliseconds. The time does not depend on the time of day. */
  readonly ageMs: number;
  /** True if the sender does not know whether this node has its claim. */
  readonly asks: boolean;
}

/** @throws an error for an invalid claim */
export function toClaimMessage(value: unknown, node: string): ClaimMessage {
  const { ms, count, ageMs, asks, knows } = (value ?? {}) as Record<string, unknown>;
  const time = toClaimTime(ms, count);
  if (time === undefined) throw new Error('a claim without a time');
  return {
    claim: { ...time, node },
    ageMs: typeof ageMs === 'number' ? ageMs : 0,
    asks: asks === true,
    knows: Array.isArray(knows) ? toClaimTime(knows[0], knows[1]) : undefined,
  };
}

function toClaimTime(ms: unknown, count: unknown): ClaimTime | undefined {
  if (!Number.isSafeInteger(ms) || !Number.isSafeInteger(count)) return undefined;
  return { ms: ms as number, count: count as number };
}

/** A question to a node about a user. */
export type UserAsk =
  | { readonly what: 'nodes' }
  | { readonly what: 'kick'; readonly reason: string | undefined };

/** @throws an error for an invalid question */
export function toUserAsk(value: unknown): UserAsk {
  const { what, reason } = (value ?? {}) as Record<string, unknown>;
  if (what === 'nodes') return { what };
  if (what !== 'kick') throw new Error(`a user is not asked ${String(what)}`);
  return { what, reason: typeof reason === 'string' ? reason.slice(0, 256) : undefined };
}

/**
 * Checks the count in a node's answer: the number of connections that accepted the message, or that exist. @throws an error for
 * an invalid count
 */
export function toCount(value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new Error('an answer about a user without a count');
}
