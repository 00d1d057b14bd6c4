import { ENTRY_OVERHEAD_BYTES, RecentMap } from '@headrace/core/authoring';
import type { ApiAnswer } from './api-error.ts';

/** The limits of the kept answers of one key of the API. */
export interface IdempotencyLimits {
  readonly idempotencyMs: number;
  readonly maxIdempotencyKeys: number;
  readonly maxIdempotencyBytes: number;
}

/** A request with an idempotency key. */
export interface KeyedRequest {
  /** The key of the API, as a digest: the clients of two keys may use the same idempotency key. */
  readonly scope: string;
  readonly key: string;
  /** A digest of the path and the body. */
  readonly digest: string;
  /** The attempt of a node to be the one that carries the request out. */
  readonly claim: string;
  /** The node of the attempt. */
  readonly by: string;
}

/** A request that was carried out, as nodes give it to each other. */
export interface SettledRequest extends KeyedRequest {
  readonly answer: ApiAnswer;
  readonly ageMs: number;
  /** The nodes that keep it. */
  readonly nodes: readonly string[];
}

/** What a node that keeps a key answers to a claim. */
export type ClaimReply =
  | { readonly is: 'granted' }
  /** Another request had the key. */
  | { readonly is: 'reused' }
  /** A node carries the request out. */
  | { readonly is: 'running'; readonly by: string }
  | { readonly is: 'done'; readonly request: SettledRequest };

interface Entry extends KeyedRequest {
  readonly at: number;
  readonly answer: ApiAnswer | undefined;
  readonly nodes: readonly string[];
  readonly bytes: number;
}

interface Table {
  readonly entries: RecentMap<Entry>;
  held: number;
}

/** The size of an entry without its texts and its answer, on Node 20. */
const BYTES_OF_ENTRY = 10 * ENTRY_OVERHEAD_BYTES;

/** The idempotency keys that this node keeps. Above the limits, the oldest keys of the same key of the API are forgotten first. */
export class KeptRequests {
  private readonly limits: IdempotencyLimits;
  private readonly tables = new Map<string, Table>();

  constructor(limits: IdempotencyLimits) {
    this.limits = limits;
  }

  /** Makes a claim the only one of its key, or returns why it is not. The same claim can be made again. */
  claim(request: KeyedRequest, now: number): ClaimReply {
    const known = this.entryOf(request, now);
    if (known === undefined) {
      this.set(request, now, undefined, [], now);
      return { is: 'granted' };
    }
    if (known.digest !== request.digest) return { is: 'reused' };
    const { answer, by } = known;
    if (answer !== undefined) return { is: 'done', request: settledOf(known, answer, now) };
    return known.claim === request.claim ? { is: 'granted' } : { is: 'running', by };
  }

  /** Keeps the answer to a request. The first answer of another claim stays. */
  settle(request: SettledRequest, now: number): void {
    const known = this.entryOf(request, now);
    if (known?.answer !== undefined && known.claim !== request.claim) return;
    this.set(request, now - request.ageMs, request.answer, request.nodes, now);
  }

  /** Forgets a claim after which nothing was done. */
  release({ scope, key, claim }: KeyedRequest): void {
    const table = this.tables.get(scope);
    const known = table?.entries.peek(key);
    if (known?.claim === claim && known.answer === undefined) this.delete(scope, table!, known);
  }

  /** Settles the requests of nodes that are gone, which cannot be carried out by another node without doing them twice. */
  abandon(isAlive: (node: string) => boolean, unknown: ApiAnswer, now: number): void {
    for (const table of [...this.tables.values()]) {
      for (const [, one] of [...table.entries]) {
        if (one.answer !== undefined || isAlive(one.by)) continue;
        this.set(one, one.at, unknown, one.nodes, now);
      }
    }
  }

  /**
   * Returns the requests that other nodes are to keep, too, by node, and notes that they have them.
   *
   * @param keepersOf - returns the nodes that keep a request
   */
  toCopy(
    keepersOf: (request: KeyedRequest) => readonly string[],
    now: number,
  ): Map<string, SettledRequest[]> {
    const copies = new Map<string, SettledRequest[]>();
    for (const { entries } of this.tables.values()) {
      for (const [key, entry] of [...entries]) {
        const { answer, nodes, at } = entry;
        if (answer === undefined || now - at > this.limits.idempotencyMs) continue;
        const missing = keepersOf(entry).filter((node) => !nodes.includes(node));
        if (missing.length === 0) continue;
        const kept = { ...entry, nodes: [...nodes, ...missing] };
        entries.use(key, kept);
        for (const node of missing) {
          const list = copies.get(node) ?? [];
          list.push(settledOf(kept, answer, now));
          copies.set(node, list);
        }
      }
    }
    return copies;
  }

  private entryOf({ scope, key }: KeyedRequest, now: number): Entry | undefined {
    const known = this.tables.get(scope)?.entries.peek(key);
    return known !== undefined && now - known.at <= this.limits.idempotencyMs ? known : undefined;
  }

  private set(
    { scope, key, digest, claim, by }: KeyedRequest,
    at: number,
    answer: ApiAnswer | undefined,
    nodes: readonly string[],
    now: number,
  ): void {
    let table = this.tables.get(scope);
    if (table === undefined) {
      table = { entries: new RecentMap(Number.POSITIVE_INFINITY), held: 0 };
      this.tables.set(scope, table);
    }
    const known = table.entries.peek(key);
    if (known !== undefined) table.held -= known.bytes;
    const length = answer === undefined ? 0 : 2 * JSON.stringify(answer.value).length;
    const bytes = BYTES_OF_ENTRY + key.length + digest.length + length;
    table.entries.use(key, { scope, key, digest, claim, by, at, answer, nodes, bytes });
    table.held += bytes;
    this.forget(scope, table, now);
  }

  private forget(scope: string, table: Table, now: number): void {
    const { idempotencyMs, maxIdempotencyKeys, maxIdempotencyBytes } = this.limits;
    for (;;) {
      const { oldest } = table.entries;
      if (oldest === undefined) return;
      const isFull = table.entries.size > maxIdempotencyKeys || table.held > maxIdempotencyBytes;
      if (!isFull && now - oldest.at <= idempotencyMs) return;
      this.delete(scope, table, oldest);
    }
  }

  private delete(scope: string, table: Table, { key, bytes }: Entry): void {
    table.entries.delete(key);
    table.held -= bytes;
    if (table.entries.size === 0) this.tables.delete(scope);
  }
}

function settledOf(entry: Entry, answer: ApiAnswer, now: number): SettledRequest {
  const { scope, key, digest, claim, by, at, nodes } = entry;
  return { scope, key, digest, claim, by, answer, ageMs: now - at, nodes };
}
