import { ENTRY_OVERHEAD_BYTES, RecentMap } from '@headrace/core/authoring';
import { type ApiAnswer, isDone, Refusal } from './api-error.ts';

/** The limits of the kept answers. */
export interface IdempotencyLimits {
  readonly idempotencyMs: number;
  readonly maxIdempotencyKeys: number;
  readonly maxIdempotencyBytes: number;
}

interface Entry {
  readonly key: string;
  readonly digest: string;
  readonly at: number;
  readonly answer: Promise<ApiAnswer>;
  bytes: number;
}

/** The size of the promise, the answer and the entry without the texts, on Node 20. */
const BYTES_OF_ENTRY = 8 * ENTRY_OVERHEAD_BYTES;
const KEY = /^[\x21-\x7e]{1,255}$/;

/**
 * The answers to the last requests of one client with an idempotency key. Above the limits, the oldest answers are forgotten
 * first.
 */
export class IdempotencyTable {
  private readonly limits: IdempotencyLimits;
  private readonly entries: RecentMap<Entry>;
  private held = 0;

  constructor(limits: IdempotencyLimits) {
    this.limits = limits;
    this.entries = new RecentMap(Number.POSITIVE_INFINITY);
  }

  get size(): number {
    return this.entries.size;
  }

  get bytes(): number {
    return this.held;
  }

  /**
   * Carries a request out, or returns its first answer, even if the first request is still under way. An answer that says that
   * nothing was done is not kept.
   *
   * @param key - the client's idempotency key
   * @throws Refusal for a key that another request had
   */
  async once(
    key: string,
    digest: string,
    now: number,
    run: () => Promise<ApiAnswer>,
  ): Promise<ApiAnswer> {
    this.forget(now);
    const known = this.entries.peek(key);
    if (known === undefined) return await this.first(key, digest, now, run);
    if (known.digest !== digest) {
      throw new Refusal('IDEMPOTENCY_KEY_REUSED', 'another request had this idempotency key');
    }
    const { headers, ...answer } = await known.answer;
    return { ...answer, headers: { ...headers, 'idempotency-replayed': 'true' } };
  }

  private async first(
    key: string,
    digest: string,
    now: number,
    run: () => Promise<ApiAnswer>,
  ): Promise<ApiAnswer> {
    const bytes = BYTES_OF_ENTRY + key.length + digest.length;
    const entry: Entry = { key, digest, at: now, answer: run(), bytes };
    this.entries.use(key, entry);
    this.held += bytes;
    this.forget(now);
    const answer = await entry.answer;
    if (this.entries.peek(key) !== entry) return answer;
    if (isDone(answer.value)) {
      const more = 2 * JSON.stringify(answer.value).length;
      entry.bytes += more;
      this.held += more;
      this.forget(now);
    } else this.delete(entry);
    return answer;
  }

  private forget(now: number): void {
    const { idempotencyMs, maxIdempotencyKeys, maxIdempotencyBytes } = this.limits;
    for (;;) {
      const { oldest } = this.entries;
      if (oldest === undefined) return;
      const isFull = this.size > maxIdempotencyKeys || this.held > maxIdempotencyBytes;
      if (!isFull && now - oldest.at <= idempotencyMs) return;
      this.delete(oldest);
    }
  }

  private delete(entry: Entry): void {
    this.entries.delete(entry.key);
    this.held -= entry.bytes;
  }
}

/** Returns the key in a header, or undefined without one. @throws Refusal for a value that is not a key */
export function idempotencyKeyIn(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && KEY.test(header)) return header;
  const text = 'Idempotency-Key has 1 to 255 visible characters without spaces';
  throw new Refusal('WRONG_IDEMPOTENCY_KEY', text);
}
