import { BUS_ERRORS } from '@headrace/bus';
import { ChannelError, type Clock, isHeadraceError } from '@headrace/core';
import type { StateAnswer, StateLog } from '@headrace/store';
import { memoryStates } from '@headrace/store/authoring';
import { noPeers, type RequestPeers } from '../gateway/request-peers.ts';
import { type ApiAnswer, answerForError, isDone, Refusal } from './api-error.ts';
import { type IdempotencyLimits, type KeptRequest, KeptRequests } from './kept-requests.ts';

/** A request with an idempotency key, as its client sent it. */
export interface IdempotentRequest {
  /** The key of the API, as a digest: the clients of two keys may use the same idempotency key. */
  readonly scope: string;
  readonly key: string;
  /** A digest of the path and the body. */
  readonly digest: string;
}

/** Time to wait for a request that another node carries out. A node that is gone is known to be gone within it. */
const WAIT_MS = 8000;
/** Time to wait for the list of nodes after a start. */
const KNOWN_MS = 6000;
/** The times between two claims. */
const ASK_AGAIN_MS = [10, 25, 50, 100, 250];
/** Time after which a result is stored again that may not be stored. */
const REPEAT_MS = 1000;
/** Maximum number of results and claims of which it is not known whether they are stored. */
const MAX_UNSETTLED = 10_000;

const UNKNOWN = answerForError(
  new Refusal(
    'OUTCOME_UNKNOWN',
    'the node that carried out the first request is gone, or its answer could not be kept',
  ),
)!;

/**
 * Carries each request with an idempotency key out once, on all nodes of a cluster.
 *
 * Each key is an entry of a state in the store. A node carries a request out after the store has made its claim the entry of a key that did
 * not exist, and then replaces the claim by the answer. Only the version of the claim is replaced, so:
 *
 * - A request is carried out at most once while the store keeps its entry.
 * - A claim whose node is gone becomes an unknown outcome, for all nodes, even if all of them were restarted.
 * - A node does not carry out a request without the answer of the store. It takes such a claim back, because the store may have it.
 */
export class IdempotentRequests {
  private readonly peers: RequestPeers;
  private readonly store: StateLog;
  private readonly clock: Clock;
  private readonly limits: IdempotencyLimits;
  private readonly kept = new Map<string, KeptRequests>();
  private readonly running = new Map<string, { digest: string; answer: Promise<ApiAnswer> }>();
  /** What the store may not have yet. */
  private readonly unsettled = new Set<Promise<void>>();
  private hasLeft = false;

  /** @param peers - undefined for a program without a cluster */
  constructor(peers: RequestPeers | undefined, limits: IdempotencyLimits, clock: Clock) {
    this.peers = peers ?? noPeers(clock);
    this.store = this.peers.store ?? memoryStates(clock);
    this.clock = clock;
    this.limits = limits;
    this.peers.serve((timeoutMs) => this.leaving(timeoutMs));
  }

  /**
   * Carries a request out, or returns its first answer, even if the first request is still under way. An answer that says that
   * nothing was done is not kept.
   *
   * @param run - must not reject
   * @throws Refusal
   * @throws ChannelError `BUS_DOWN`
   */
  async once(request: IdempotentRequest, run: () => Promise<ApiAnswer>): Promise<ApiAnswer> {
    const name = `${request.scope} ${request.key}`;
    const known = this.running.get(name);
    if (known === undefined) {
      const answer = this.first(request, run);
      this.running.set(name, { digest: request.digest, answer });
      try {
        return await answer;
      } finally {
        this.running.delete(name);
      }
    }
    if (known.digest !== request.digest) throw reused();
    return replayed(await known.answer);
  }

  private async first(
    { scope, key, digest }: IdempotentRequest,
    run: () => Promise<ApiAnswer>,
  ): Promise<ApiAnswer> {
    const since = this.clock.now();
    await this.placeKnown(since);
    const kept = this.keptOf(scope);
    kept.sweep();
    const own: KeptRequest = { digest, claim: this.peers.newId(), by: this.peers.nodeId };
    for (let tries = 0, expected = 0; ; ) {
      const reply = await this.claim(kept, key, own, expected);
      if ('position' in reply) {
        const answer = await run();
        this.settle(
          kept,
          key,
          own,
          isDone(answer.value) ? answer : undefined,
          reply.position.offset,
        );
        return answer;
      }
      if ('full' in reply) throw busy(this.limits);
      const { conflict } = reply;
      const other = conflict === null ? undefined : kept.read(conflict);
      if (conflict === null || kept.isOver(conflict, other)) {
        expected = conflict?.position.offset ?? 0;
        continue;
      }
      if (other === undefined) return UNKNOWN;
      if (other.digest !== digest) throw reused();
      if (other.by === undefined) return replayed(other.answer ?? UNKNOWN);
      expected = 0;
      if (this.peers.isGone(other.by)) {
        const id = this.peers.newId();
        await kept.change(key, id, unknown(other), conflict.position.offset);
        continue;
      }
      if (this.clock.now() - since >= WAIT_MS) {
        const text = 'the first request with this idempotency key is not answered yet';
        throw new Refusal('STILL_RUNNING', text, { 'retry-after': '1' });
      }
      await this.pause(ASK_AGAIN_MS[tries] ?? ASK_AGAIN_MS.at(-1)!);
      tries += 1;
    }
  }

  /** Makes a claim the entry of its key. A claim without an answer of the store is taken back. */
  private async claim(
    kept: KeptRequests,
    key: string,
    own: KeptRequest,
    expected: number,
  ): Promise<StateAnswer> {
    try {
      return await kept.change(key, own.claim, own, expected);
    } catch (thrown) {
      if (!isHeadraceError(thrown, BUS_ERRORS.BUS_DOWN)) throw thrown;
      this.keepTrying(async () => {
        const reply = await kept.change(key, own.claim, own, expected);
        if ('position' in reply) this.settle(kept, key, own, undefined, reply.position.offset);
        else if ('conflict' in reply && isOf(own, reply.conflict && kept.read(reply.conflict))) {
          this.settle(kept, key, own, undefined, reply.conflict!.position.offset);
        }
        return true;
      });
      throw thrown;
    }
  }

  /** Stores what became of a request. @param answer - undefined if nothing was done */
  private settle(
    kept: KeptRequests,
    key: string,
    own: KeptRequest,
    answer: ApiAnswer | undefined,
    version: number,
  ): void {
    const id = this.peers.newId();
    const { digest, claim } = own;
    let expected = version;
    let next: KeptRequest | undefined = answer && { digest, claim, answer };
    this.keepTrying(async () => {
      try {
        const reply = await kept.change(key, id, next, expected);
        if ('position' in reply) return true;
        if ('full' in reply) next = unknown(own);
        else if (reply.conflict === null) {
          // The store has lost the claim.
          if (next === undefined) return true;
          expected = 0;
        } else {
          // Other nodes may have taken this one for gone.
          const present = kept.read(reply.conflict);
          if (!isOf(own, present) || present?.answer !== undefined) return true;
          expected = reply.conflict.position.offset;
        }
      } catch (thrown) {
        if (!isHeadraceError(thrown, 'MESSAGE_TOO_LONG')) throw thrown;
        next = unknown(own);
      }
      return false;
    });
  }

  /** Repeats a step until it returns true, or this node has left. After an error, the step waits. */
  private keepTrying(step: () => Promise<boolean>): void {
    const trying = this.tried(step).finally(() => this.unsettled.delete(trying));
    this.unsettled.add(trying);
  }

  private async tried(step: () => Promise<boolean>): Promise<void> {
    while (!this.hasLeft) {
      try {
        if (await step()) return;
      } catch {
        await this.pause(REPEAT_MS);
      }
    }
  }

  private async leaving(timeoutMs: number): Promise<void> {
    const over = this.pause(timeoutMs).then(() => {
      this.hasLeft = true;
    });
    while (this.unsettled.size > 0 && !this.hasLeft) {
      await Promise.race([Promise.all(this.unsettled), over]);
    }
    this.hasLeft = true;
  }

  private keptOf(scope: string): KeptRequests {
    const { peers, store, limits, clock } = this;
    const kept = this.kept.get(scope) ?? new KeptRequests(peers, store, scope, limits, clock);
    this.kept.set(scope, kept);
    return kept;
  }

  /** @throws ChannelError `BUS_DOWN` @throws Refusal while keys cannot be kept where all nodes with the API find them */
  private async placeKnown(since: number): Promise<void> {
    const { peers, clock, unsettled } = this;
    const { bus } = peers;
    if (peers.state === 'down' || this.hasLeft || unsettled.size >= MAX_UNSETTLED) {
      const why = unsettled.size >= MAX_UNSETTLED ? 'stores nothing' : 'is down';
      const text = `the bus ${bus} ${why}: no idempotency key can be kept, and nothing was done`;
      throw new ChannelError(BUS_ERRORS.BUS_DOWN, text, { bus, sent: false });
    }
    if (peers.store !== undefined) return;
    while (peers.others === undefined && clock.now() - since < KNOWN_MS) {
      await this.pause(ASK_AGAIN_MS.at(-1)!);
    }
    if (peers.others === 0) return;
    const nodes = peers.others ?? 'perhaps';
    const text =
      `${nodes} other nodes have this API, and the bus ${bus} has no store for idempotency keys: nothing was done; ` +
      'natsBus() and redisBus() have one for many machines, processBus() for one machine';
    throw new Refusal('KEYS_NOT_SHARED', text, { 'retry-after': '1' });
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.schedule(resolve, ms));
  }
}

function isOf({ claim }: KeptRequest, kept: KeptRequest | null | undefined): boolean {
  return kept?.claim === claim;
}

/** What is kept of a request whose outcome nobody knows. */
function unknown({ digest, claim }: KeptRequest): KeptRequest {
  return { digest, claim };
}

function replayed({ headers, ...answer }: ApiAnswer): ApiAnswer {
  return { ...answer, headers: { ...headers, 'idempotency-replayed': 'true' } };
}

function reused(): Refusal {
  return new Refusal('IDEMPOTENCY_KEY_REUSED', 'another request had this idempotency key');
}

function busy({ maxIdempotencyKeys, maxIdempotencyBytes }: IdempotencyLimits): Refusal {
  const text = `requests under way take all ${maxIdempotencyKeys} idempotency keys of a key, or their ${maxIdempotencyBytes} bytes; nothing was done`;
  return new Refusal('BUSY', text, { 'retry-after': '1' });
}
