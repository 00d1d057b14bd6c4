import { toError } from '@headrace/core/authoring';
import { rendezvous } from '../../node/rendezvous.ts';
import type { MeshCopies } from './mesh-copies.ts';
import type { Keeper } from './mesh-keepers.ts';
import type { MeshPeer } from './mesh-peer.ts';
import { notNow } from './mesh-requests.ts';

/** The node of a {@link KeeperSearch}. */
export interface SearchNode {
  readonly id: string;
  readonly copies: MeshCopies;
  readonly isOver: boolean;
  now(): number;
  random(): number;
  later(task: () => void, delayMs: number): void;
  /** The connected nodes that have the store. */
  stores(): Iterable<MeshPeer>;
  /** Asks a node to become the keeper. Resolves when it is. */
  askToKeep(peer: MeshPeer, stream: string): Promise<void>;
}

/** The keepers that a {@link KeeperSearch} finds. */
export interface FoundKeepers {
  /** Whether the connected nodes have said what they keep. */
  readonly isReady: boolean;
  /** Whether this node hands its states over. */
  readonly isLeaving: boolean;
  of(stream: string): Keeper | undefined;
  /** Returns why this node cannot make a keeper, or undefined. */
  objection(stream: string, candidate: undefined): string | undefined;
}

/** Makes this node the keeper. */
export interface Elections {
  run(stream: string): Promise<void>;
}

/** A call that needs the keeper of a state. */
export interface KeeperCall {
  run(keeper: Keeper): void;
  failed(error: Error): void;
}

interface Waiting extends KeeperCall {
  readonly at: number;
}

/** Maximum time that a call waits for a keeper. Its caller repeats it. */
export const KEEPER_WITHIN_MS = 2000;
/** Time after which a node that needs a keeper looks for one again. To it, a random part of the same length is added. */
export const AGAIN_MS = 50;
/** Time after which a node with a copy looks for a keeper again. To it, a random part of up to a half is added. */
const NEEDED_EACH_MS = 1000;

/**
 * Runs calls when their states have a keeper. A state without one gets one: the connected node with the highest score is asked to
 * become the keeper, until there is one, or no call waits. A node with a copy looks for a keeper even if no call waits.
 */
export class KeeperSearch {
  private readonly node: SearchNode;
  private readonly keepers: FoundKeepers;
  private readonly elections: Elections;
  private readonly waiting = new Map<string, Waiting[]>();
  private readonly seeking = new Set<string>();
  /** The states that need a keeper, although no call may wait. */
  private readonly needed = new Set<string>();

  constructor(node: SearchNode, keepers: FoundKeepers, elections: Elections) {
    this.node = node;
    this.keepers = keepers;
    this.elections = elections;
  }

  /** Called when the connected nodes have said what they keep. */
  ready(): void {
    for (const stream of this.waiting.keys()) void this.seek(stream);
    for (const stream of this.node.copies.streams()) this.need(stream);
  }

  /** Looks for a keeper of a state of which this node has a copy, although no call waits: only a keeper has further copies made. */
  need(stream: string): void {
    const { node, keepers } = this;
    if (node.copies.get(stream) === undefined || this.needed.has(stream)) return;
    if (keepers.isLeaving || keepers.of(stream) !== undefined) return;
    this.needed.add(stream);
    void this.seek(stream);
    node.later(
      () => {
        this.needed.delete(stream);
        this.need(stream);
      },
      NEEDED_EACH_MS * (1 + node.random() / 2),
    );
  }

  /** Runs a call when there is a keeper. Calls of one state run in their order. */
  call(stream: string, call: KeeperCall): void {
    const keeper = this.keepers.of(stream);
    const waiting = this.waiting.get(stream);
    if (keeper !== undefined && waiting === undefined) {
      call.run(keeper);
      return;
    }
    const one = { ...call, at: this.node.now() };
    if (waiting !== undefined) waiting.push(one);
    else {
      this.waiting.set(stream, [one]);
      void this.seek(stream);
    }
  }

  /** Called when a state has a keeper. */
  found(stream: string, keeper: Keeper): void {
    const waiting = this.waiting.get(stream) ?? [];
    this.waiting.delete(stream);
    for (const { run } of waiting) run(keeper);
  }

  /** Drops the calls that wait. */
  close(): void {
    this.waiting.clear();
  }

  private async seek(stream: string): Promise<void> {
    const { node, keepers } = this;
    if (!keepers.isReady || this.seeking.has(stream)) return;
    this.seeking.add(stream);
    let why: string | undefined;
    try {
      if (keepers.of(stream) === undefined) await this.makeKeeper(stream);
    } catch (thrown) {
      why = toError(thrown).message;
    }
    if (node.isOver) return;
    const keeper = keepers.of(stream);
    if (keeper !== undefined) this.found(stream, keeper);
    else this.expire(stream, why);
    node.later(
      () => {
        this.seeking.delete(stream);
        if (this.waiting.has(stream)) void this.seek(stream);
      },
      AGAIN_MS * (1 + node.random()),
    );
  }

  private expire(stream: string, why = 'no node has become the keeper'): void {
    const waiting = this.waiting.get(stream) ?? [];
    const before = this.node.now() - KEEPER_WITHIN_MS;
    const left = waiting.filter(({ at }) => at > before);
    if (left.length > 0) this.waiting.set(stream, left);
    else this.waiting.delete(stream);
    for (const { at, failed } of waiting) if (at <= before) failed(notNow(why));
  }

  private async makeKeeper(stream: string): Promise<void> {
    const { node } = this;
    const objection = this.keepers.objection(stream, undefined);
    if (objection !== undefined) throw notNow(objection);
    const byId = new Map([...node.stores()].map((peer) => [peer.id, peer]));
    const peer = byId.get(rendezvous([node.id, ...byId.keys()], stream)!);
    await (peer === undefined ? this.elections.run(stream) : node.askToKeep(peer, stream));
  }
}
