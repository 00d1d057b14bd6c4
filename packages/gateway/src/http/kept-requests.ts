import { Buffer } from 'node:buffer';
import type { Clock } from '@headrace/core';
import type { StateAnswer, StateEntry, StateLimits, StateLog, StateRefusal } from '@headrace/store';
import type { RequestPeers } from '../gateway/request-peers.ts';
import type { ApiAnswer } from './api-error.ts';

/** The limits of the kept answers of one key of the API. */
export interface IdempotencyLimits {
  readonly idempotencyMs: number;
  readonly maxIdempotencyKeys: number;
  readonly maxIdempotencyBytes: number;
}

/** What the store has of a request. Without `by` and `answer`, its outcome is unknown, which always fits into the place of a claim. */
export interface KeptRequest {
  /** A digest of the path and the body. */
  readonly digest: string;
  /** The attempt to be the one that carries the request out. */
  readonly claim: string;
  /** The node of the claim, while the request is not answered. */
  readonly by?: string;
  readonly answer?: ApiAnswer;
}

/** Removals need not be remembered, because nobody follows the state. A repeated one is recognized. */
const REMOVALS = { removals: 100, removalAgeMs: 120_000 };
const PAGE = 100;
/** The part of the limit that is forgotten at once when it is reached. */
const SHARE = 0.01;
/** Number of times that room is made for one request, while other nodes take it. */
const MAX_TRIES = 10;
const MIN_SWEEP_MS = 1000;

/**
 * The idempotency keys of one key of the API: a state in the store, with an entry for each idempotency key. Above its limits, the keys that
 * were answered first are forgotten. A request that is not answered is forgotten only if its node is gone.
 */
export class KeptRequests {
  private readonly peers: RequestPeers;
  private readonly store: StateLog;
  private readonly limits: IdempotencyLimits;
  private readonly clock: Clock;
  private readonly stream: string;
  private sweepAt = 0;

  constructor(
    peers: RequestPeers,
    store: StateLog,
    scope: string,
    limits: IdempotencyLimits,
    clock: Clock,
  ) {
    this.peers = peers;
    this.store = store;
    this.limits = limits;
    this.clock = clock;
    this.stream = peers.stream(scope);
    const { maxIdempotencyKeys: keys, maxIdempotencyBytes: bytes } = limits;
    const stateLimits: StateLimits = { keys, bytes, ...REMOVALS };
    // The bus can be down. The store opens the state when a call needs it.
    store.open(this.stream, stateLimits).catch(() => {});
  }

  /**
   * Changes what is kept of a key, if the key has the expected version, or does not exist for 0.
   *
   * @param id - the same id for the same change
   * @param kept - undefined forgets the key
   */
  async change(
    key: string,
    id: string,
    kept: KeptRequest | undefined,
    expected: number,
  ): Promise<StateAnswer> {
    const isRemoval = kept === undefined;
    const bytes = this.peers.encode(this.seal({ id, key, isRemoval }), kept ?? {});
    const byteLength = Buffer.byteLength(key) + bytes.byteLength;
    const write = { key, bytes, isRemoval, expected, byteLength };
    for (let tries = 1; ; tries += 1) {
      const answer = await this.store.append(this.stream, id, write);
      if (!('full' in answer) || tries >= MAX_TRIES || !(await this.forget(answer))) return answer;
    }
  }

  /** Returns what an entry keeps, or undefined for one that this node cannot read. */
  read(entry: StateEntry): KeptRequest | undefined {
    try {
      return this.peers.decode(this.seal(entry), entry.bytes) as KeptRequest | undefined;
    } catch {
      return undefined;
    }
  }

  /** Returns true for a key that is not kept any more. */
  isOver({ ageMs }: StateEntry, kept: KeptRequest | undefined): boolean {
    return ageMs > this.limits.idempotencyMs && !this.isUnderWay(kept);
  }

  /** Forgets the keys that are over, from time to time. They keep their place until then, but count as unknown. */
  sweep(): void {
    const now = this.clock.now();
    if (now < this.sweepAt) return;
    this.sweepAt = now + Math.max(MIN_SWEEP_MS, this.limits.idempotencyMs / 10);
    this.forget().catch(() => {});
  }

  /** Forgets what is over, and from the oldest on what a refused change needs. Returns false if there was nothing to forget. */
  private async forget(refusal?: StateRefusal): Promise<boolean> {
    const { maxIdempotencyKeys, maxIdempotencyBytes } = this.limits;
    const isOfKeys = refusal?.full === 'keys';
    const limit = isOfKeys ? maxIdempotencyKeys : maxIdempotencyBytes;
    const over = refusal === undefined ? 0 : refusal.size - limit + (isOfKeys ? 1 : 0);
    let left = over > 0 ? over + Math.floor(limit * SHARE) : 0;
    let isAny = false;
    for (let after = 0, isLast = false; !isLast; ) {
      const { entries, end, last } = await this.store.read(this.stream, after, PAGE);
      const removals: Promise<StateAnswer>[] = [];
      after = end;
      isLast = end >= last;
      for (const entry of entries) {
        const kept = entry.isRemoval ? undefined : this.read(entry);
        if (entry.isRemoval || this.isUnderWay(kept)) continue;
        // The entries are in the order of their ages.
        if (left <= 0 && !this.isOver(entry, kept)) {
          isLast = true;
          break;
        }
        left -= isOfKeys ? 1 : Buffer.byteLength(entry.key) + entry.bytes.byteLength;
        removals.push(this.removed(entry));
      }
      isAny ||= removals.length > 0;
      await Promise.all(removals);
    }
    return isAny;
  }

  private removed({ key, position }: StateEntry): Promise<StateAnswer> {
    return this.change(key, this.peers.newId(), undefined, position.offset);
  }

  private isUnderWay(kept: KeptRequest | undefined): boolean {
    return kept?.by !== undefined && !this.peers.isGone(kept.by);
  }

  /** Returns what the seal of an entry is about. The seal is not valid for another key, or under another id. */
  private seal({ id, key, isRemoval }: Pick<StateEntry, 'id' | 'key' | 'isRemoval'>): string {
    return `${this.stream}\0${id.length}\0${id}${isRemoval ? '-' : '='}${key}`;
  }
}
