import { createHash } from 'node:crypto';
import { bearerKey, isBearerKey } from '@headrace/handlers/health';
import type { ConnectionTarget } from '../gateway/remote-connections.ts';
import { Refusal } from './api-error.ts';

/**
 * A right of a key. `publish` allows messages to connections, including batches. `presence` allows questions about who is online.
 * `disconnect` allows ending connections. `manage` allows changes of groups, users and sessions. `list` allows lists of connections,
 * with their groups, users and sessions. `listen` allows streams of the messages to groups.
 */
export type ApiRight = 'publish' | 'presence' | 'disconnect' | 'manage' | 'list' | 'listen';

/** A key of the HTTP API, and its rights. */
export interface ApiKey {
  /** The key: visible characters without spaces. */
  readonly key: string;
  /** Rights of the key. @default all */
  readonly may?: readonly ApiRight[];
  /**
   * Prefix of the names of groups that the key reaches. A key with a prefix reaches no users, no single connections, and not
   * `all`. Of the connections in its groups, it sees no other groups. In the list `except` of a publication, each group must have the
   * prefix, too, because the number of receivers shows which members it has. Users and single connections may be left out there: that shows
   * only whether they are in a group that the key reaches. The prefix is compared with the names in the requests, before `target`
   * maps them.
   * @default none: the key reaches everything
   */
  readonly groups?: string;
}

const RIGHTS: readonly unknown[] = [
  'publish',
  'presence',
  'disconnect',
  'manage',
  'list',
  'listen',
] satisfies ApiRight[];
const MEMBERS = ['key', 'may', 'groups'];

/** The keys of the API. The position of a key in the list identifies the client of a request. */
export class ApiKeys {
  private readonly keys: readonly ApiKey[];
  private readonly scopes: readonly string[];

  constructor(keys: readonly (string | ApiKey)[]) {
    this.keys = keys.map(toKey);
    this.scopes = this.keys.map(({ key }) => scopeOf(key));
  }

  /** Returns the name of a key for other nodes, which may have their keys in another order. */
  scopeOf(caller: number): string {
    return this.scopes[caller]!;
  }

  /** Returns the position of the key in a header. @throws Refusal */
  callerOf(authorization?: string): number {
    const caller = bearerKey(
      authorization,
      this.keys.map(({ key }) => key),
    );
    if (caller >= 0) return caller;
    const wanted = { 'www-authenticate': 'Bearer' };
    throw new Refusal('WRONG_KEY', 'Authorization must be Bearer and the key', wanted);
  }

  /** @throws Refusal */
  checkRight(caller: number, right: ApiRight): void {
    const { may } = this.keys[caller]!;
    if (may === undefined || may.includes(right)) return;
    throw new Refusal('NOT_ALLOWED', `this key may ${may.join(' and ')}, not ${right}`);
  }

  /** @throws Refusal */
  checkTarget(caller: number, to: ConnectionTarget): void {
    const { groups } = this.keys[caller]!;
    if (groups === undefined || ('group' in to && to.group.startsWith(groups))) return;
    throw new Refusal('NOT_ALLOWED', `this key reaches the groups that begin with ${groups}`);
  }

  /** @throws Refusal for a target that a publication must not leave out */
  checkException(caller: number, one: ConnectionTarget): void {
    if ('group' in one) this.checkTarget(caller, one);
  }

  /** Returns the groups that the key may see. */
  visibleTo(caller: number, groups: readonly string[]): readonly string[] {
    const { groups: prefix = '' } = this.keys[caller]!;
    return groups.filter((group) => group.startsWith(prefix));
  }
}

/** Returns true for a list of different keys. For two equal keys, it would be unclear which rights count. */
export function areApiKeys(given: unknown): boolean {
  if (!Array.isArray(given) || given.length === 0 || !given.every(isApiKey)) return false;
  return new Set(given.map((one) => toKey(one).key)).size === given.length;
}

/** Rejects unknown members. A misspelled `may` would give the key all rights. */
function isApiKey(given: unknown): given is string | ApiKey {
  if (typeof given === 'string') return isBearerKey(given);
  if (typeof given !== 'object' || given === null) return false;
  const { key, may, groups } = given as { readonly [Name in keyof ApiKey]: unknown };
  if (!isBearerKey(key) || !Object.keys(given).every((name) => MEMBERS.includes(name)))
    return false;
  if (groups !== undefined && (typeof groups !== 'string' || groups === '')) return false;
  if (may === undefined) return true;
  return Array.isArray(may) && may.length > 0 && may.every((right) => RIGHTS.includes(right));
}

/** Copies a key, so that later changes of the application's object give no rights. */
function toKey(given: string | ApiKey): ApiKey {
  if (typeof given === 'string') return { key: given };
  return given.may === undefined ? { ...given } : { ...given, may: [...given.may] };
}

/** Nodes must not read the keys of each other's clients on the bus. */
function scopeOf(key: string): string {
  return createHash('sha256')
    .update('idempotency of ')
    .update(key)
    .digest('base64url')
    .slice(0, 22);
}
