import { Buffer } from 'node:buffer';
import { BUS_ERRORS } from '@headrace/bus';
import { rendezvousOrder } from '@headrace/cluster/authoring';
import { ChannelError, type Clock, isHeadraceError, type Timer } from '@headrace/core';
import type { RequestPeers } from '../gateway/request-peers.ts';
import { type ApiAnswer, answerForError, isDone, Refusal } from './api-error.ts';
import {
  type ClaimReply,
  type IdempotencyLimits,
  KeptRequests,
  type KeyedRequest,
  type SettledRequest,
} from './kept-requests.ts';

/** A request with an idempotency key, as its client sent it. */
export type IdempotentRequest = Pick<KeyedRequest, 'scope' | 'key' | 'digest'>;

/** The number of nodes that keep a key. */
const KEEPERS = 2;
/** Time after which a node counts as one that the other nodes know. */
const SETTLED_MS = 2000;
/**
 * Time after which a node that has heard of no other node is the only one. The other nodes can be slow to come back from the same
 * failure, or stand still. A node that says nothing for so long is gone.
 */
const ALONE_MS = 5000;
/** Time to wait for the list of nodes after a start. */
const KNOWN_MS = 6000;
const POLL_INTERVAL_MS = 50;
/**
 * Time to wait for a request that another node carries out, or for a keeper that does not answer. A node that is gone is known to be
 * gone after 5 s. The second constant has the times between two claims.
 */
const WAIT_MS = 8000;
const ASK_AGAIN_MS = [10, 25, 50, 100, 250];
/** Time after which a keeper that has not answered receives the result again. */
const REPEAT_MS = 1000;
/** Delay of copies, because several nodes often change at once. */
const COPY_MS = 50;
/** Maximum size of a message with copies, as JSON. */
const MAX_COPY_BYTES = 32_768;

const UNKNOWN = answerForError(
  new Refusal(
    'OUTCOME_UNKNOWN',
    'the node that carried out the first request is gone, or its answer could not be kept',
  ),
)!;

/**
 * Carries each request with an idempotency key out once, on all nodes of a cluster.
 *
 * Two nodes keep a key: those with the highest scores by rendezvous hashing, among the nodes with the API. Before a node carries a
 * request out, each of them grants its claim. Afterwards they keep the answer, and give it to other nodes when the keepers change.
 * So a key is lost only if both nodes end before one of them has made a copy, or if one ends, and the other is cut off until it counts
 * as gone.
 */
export class IdempotentRequests {
  private readonly peers: RequestPeers;
  private readonly clock: Clock;
  private readonly limits: IdempotencyLimits;
  private readonly kept: KeptRequests;
  private readonly isInCluster: boolean;
  private readonly running = new Map<string, { digest: string; answer: Promise<ApiAnswer> }>();
  /** The times at which nodes were seen first. */
  private readonly seen = new Map<string, number>();
  /** Results and copies that nodes have not confirmed. */
  private readonly delivering = new Set<Promise<void>>();
  private claims = 0;
  private copying: Timer | undefined = undefined;
  private hasLeft = false;

  /** @param peers - undefined for a program without a cluster */
  constructor(peers: RequestPeers | undefined, limits: IdempotencyLimits, clock: Clock) {
    this.clock = clock;
    this.limits = limits;
    this.kept = new KeptRequests(limits);
    this.isInCluster = peers !== undefined;
    this.peers = peers ?? alone((command) => this.carryOutCommand(command));
    this.peers.serve({
      execute: (command) => this.carryOutCommand(command),
      changed: () => this.changed(),
      leaving: (timeoutMs) => this.leaving(timeoutMs),
    });
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
    const name = nameOf(request);
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
    request: IdempotentRequest,
    run: () => Promise<ApiAnswer>,
  ): Promise<ApiAnswer> {
    const since = this.clock.now();
    for (let tries = 0; ; tries += 1) {
      await this.nodesKnown();
      this.claims += 1;
      const by = this.peers.nodeId;
      const claim: KeyedRequest = { ...request, claim: `${by} ${this.claims}`, by };
      const asked: string[] = [];
      const reply = await this.surely(claim, asked);
      if (reply.is === 'granted') {
        const answer = await run();
        this.finish(claim, asked, answer);
        return answer;
      }
      if (reply.is === 'done') return replayed(reply.request.answer);
      if (reply.is === 'reused') throw reused();
      if (this.clock.now() - since >= WAIT_MS) {
        if (reply.is === 'silent') throw unreachable();
        const text = 'the first request with this idempotency key is not answered yet';
        throw new Refusal('STILL_RUNNING', text, { 'retry-after': '1' });
      }
      await this.pause(ASK_AGAIN_MS[tries] ?? ASK_AGAIN_MS.at(-1)!);
    }
  }

  /** Claims a key like {@link claim}. While the claim was under way, nodes can have become unknown to this node. */
  private async surely(
    claim: KeyedRequest,
    asked: string[],
  ): Promise<ClaimReply | { readonly is: 'silent' }> {
    const reply = await this.claim(claim, asked);
    if (reply.is !== 'granted' || this.areNodesKnown) return reply;
    this.withdraw(claim, asked);
    return { is: 'silent' };
  }

  /**
   * Asks all nodes that keep a key for it, one after the other in the order of their scores. So of two nodes that know different
   * nodes, only one gets the key, if at least one node keeps it for both. The nodes that are asked name further ones: this node may
   * be new, and not know a node that is cut off and has the key.
   *
   * @param asked - receives the nodes that were asked
   */
  private async claim(
    claim: KeyedRequest,
    asked: string[],
  ): Promise<ClaimReply | { readonly is: 'silent' }> {
    const named = new Set<string>();
    try {
      for (;;) {
        const keepers = rendezvousOrder([...this.keepersOf(claim), ...named], nameOf(claim));
        const node = keepers.find((one) => !asked.includes(one));
        if (node === undefined) return { is: 'granted' };
        asked.push(node);
        const reply = (await this.peers.ask(node, { op: 'claim', ...claim })) as
          | (ClaimReply & { readonly keepers?: readonly string[] })
          | undefined;
        if (reply?.is === 'granted') {
          for (const one of reply.keepers ?? []) named.add(one);
          continue;
        }
        if (reply !== undefined) {
          this.withdraw(claim, asked.slice(0, -1), reply);
          return reply;
        }
        // A node that is gone keeps nothing.
        if (!this.peers.nodes.includes(node) && !named.has(node)) continue;
        this.withdraw(claim, asked);
        return { is: 'silent' };
      }
    } catch (thrown) {
      this.withdraw(claim, asked);
      throw thrown;
    }
  }

  /** Gives a claim back. Nodes that did not know the answer to the first request receive it. */
  private withdraw(claim: KeyedRequest, granted: readonly string[], reply?: ClaimReply): void {
    const command =
      reply?.is === 'done' ? { op: 'settle', ...reply.request } : { op: 'release', ...claim };
    for (const node of granted) this.deliver(node, command);
  }

  private finish(claim: KeyedRequest, asked: readonly string[], answer: ApiAnswer): void {
    const nodes = [...new Set([...asked, ...this.keepersOf(claim)])];
    const settled: SettledRequest = { ...claim, answer, ageMs: 0, nodes };
    const command = isDone(answer.value)
      ? { op: 'settle', ...settled }
      : { op: 'release', ...claim };
    for (const node of nodes) this.deliver(node, command, { ...settled, answer: UNKNOWN });
  }

  /** Sends a command until the node has confirmed it. @param short - the command if the first one is too long for the bus */
  private deliver(node: string, command: object, short?: SettledRequest): void {
    const delivery = this.delivered(node, command, short).finally(() => {
      this.delivering.delete(delivery);
    });
    this.delivering.add(delivery);
  }

  private async delivered(node: string, command: object, short?: SettledRequest): Promise<void> {
    const until = this.clock.now() + this.limits.idempotencyMs;
    while (!this.hasLeft && this.clock.now() < until && this.peers.isAlive(node)) {
      try {
        if ((await this.peers.ask(node, command)) === true) return;
      } catch (thrown) {
        if (isHeadraceError(thrown, 'MESSAGE_TOO_LONG')) {
          if (short !== undefined) await this.delivered(node, { op: 'settle', ...short });
          return;
        }
      }
      await this.pause(REPEAT_MS);
    }
  }

  // --- the keys that this node keeps ---

  private carryOutCommand(command: Record<string, unknown>): unknown {
    const now = this.clock.now();
    switch (command['op']) {
      case 'claim':
        return this.claimed(command as unknown as KeyedRequest, now);
      case 'settle':
        this.kept.settle(command as unknown as SettledRequest, now);
        return true;
      case 'release':
        this.kept.release(command as unknown as KeyedRequest);
        return true;
      case 'copies':
        for (const one of command['requests'] as SettledRequest[]) this.kept.settle(one, now);
        return true;
      default:
        throw new Error(`requests have no command ${String(command['op'])}`);
    }
  }

  /** A node that grants a claim names the nodes that keep the key by what it knows. */
  private claimed(claim: KeyedRequest, now: number): ClaimReply & { keepers?: readonly string[] } {
    const reply = this.kept.claim(claim, now);
    return reply.is === 'granted' ? { ...reply, keepers: this.keepersOf(claim) } : reply;
  }

  private changed(): void {
    if (this.hasLeft) return;
    this.see();
    this.copying ??= this.clock.schedule(() => this.copy(), COPY_MS);
  }

  private copy(): void {
    this.copying?.cancel();
    this.copying = undefined;
    const now = this.clock.now();
    this.kept.abandon((node) => this.peers.isAlive(node), UNKNOWN, now);
    const copies = this.kept.toCopy((request) => this.keepersOf(request), now);
    for (const [node, requests] of copies) {
      for (const part of inParts(requests)) {
        this.deliver(node, { op: 'copies', requests: part });
      }
    }
  }

  /** Waits until the other nodes have the results and keys of this node. */
  private async leaving(timeoutMs: number): Promise<void> {
    this.copy();
    const over = this.pause(timeoutMs);
    let isOver = false;
    void over.then(() => {
      isOver = true;
    });
    while (this.delivering.size > 0 && !isOver) {
      await Promise.race([Promise.all([...this.delivering]), over]);
    }
    this.hasLeft = true;
  }

  // --- the nodes ---

  /** Notes which nodes there are. A node that has just come, or is about to leave, keeps keys together with those of before. */
  private see(): void {
    const { nodes, state } = this.peers;
    if (state === 'down') this.seen.clear();
    for (const node of nodes) if (!this.seen.has(node)) this.seen.set(node, this.clock.now());
    for (const node of this.seen.keys()) if (!nodes.includes(node)) this.seen.delete(node);
  }

  private keepersOf(request: IdempotentRequest): string[] {
    const { nodes, draining } = this.peers;
    const name = nameOf(request);
    const staying = nodes.filter((node) => !draining.includes(node));
    const settled = nodes.filter((node) => this.isSettled(node));
    const next = rendezvousOrder(staying.length > 0 ? staying : nodes, name).slice(0, KEEPERS);
    const before = rendezvousOrder(settled, name).slice(0, KEEPERS);
    return rendezvousOrder([...next, ...before], name);
  }

  /** @throws ChannelError `BUS_DOWN` @throws Refusal */
  private async nodesKnown(): Promise<void> {
    const since = this.clock.now();
    while (!this.areNodesKnown) {
      if (this.peers.state === 'down') {
        const text = 'the bus is down: no node can be asked about an idempotency key';
        throw new ChannelError(BUS_ERRORS.BUS_DOWN, text, { sent: false });
      }
      if (this.clock.now() - since >= KNOWN_MS) throw unreachable();
      await this.pause(POLL_INTERVAL_MS);
    }
  }

  private get areNodesKnown(): boolean {
    const { isSure, nodes, nodeId } = this.peers;
    if (!this.isInCluster) return true;
    // Other nodes know this node by now, and have given it its keys.
    return isSure && this.isSettled(nodeId, nodes.length === 1 ? ALONE_MS : SETTLED_MS);
  }

  private isSettled(node: string, forMs = SETTLED_MS): boolean {
    return this.clock.now() - (this.seen.get(node) ?? Number.POSITIVE_INFINITY) >= forMs;
  }

  private pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.clock.schedule(resolve, ms));
  }
}

/** Stands for the other nodes of a program without a cluster. */
function alone(execute: (command: Record<string, unknown>) => unknown): RequestPeers {
  return {
    nodeId: 'here',
    state: 'up',
    nodes: ['here'],
    draining: [],
    isSure: true,
    isAlive: () => true,
    ask: async (_node, command) => execute(command as Record<string, unknown>),
    serve: () => {},
  };
}

function nameOf({ scope, key }: IdempotentRequest): string {
  return `${scope} ${key}`;
}

function replayed({ headers, ...answer }: ApiAnswer): ApiAnswer {
  return { ...answer, headers: { ...headers, 'idempotency-replayed': 'true' } };
}

function reused(): Refusal {
  return new Refusal('IDEMPOTENCY_KEY_REUSED', 'another request had this idempotency key');
}

function unreachable(): Refusal {
  const text = 'not all nodes that keep this idempotency key can be asked; nothing was done';
  return new Refusal('KEY_UNREACHABLE', text, { 'retry-after': '1' });
}

/** Cuts a list into messages. */
function* inParts(requests: readonly SettledRequest[]): Iterable<SettledRequest[]> {
  let part: SettledRequest[] = [];
  let bytes = 0;
  for (const one of requests) {
    const length = Buffer.byteLength(JSON.stringify(one), 'utf8');
    if (bytes + length > MAX_COPY_BYTES && part.length > 0) {
      yield part;
      part = [];
      bytes = 0;
    }
    part.push(one);
    bytes += length;
  }
  if (part.length > 0) yield part;
}
