import type { Clock, Timer } from '@headrace/core';
import { type KeyLife, LASTING } from './key-life.ts';

/** The parts of its group that {@link KeyExpiry} works with. */
export interface KeyExpiryOwner {
  readonly clock: Clock;
  random(): number;
  /** The id of this node, which can change. */
  nodeId(): string;
  isAlive(node: string): boolean;
  /**
   * Removes a key that has this version. Rejects if that is not known to have happened.
   *
   * @param isNodeGone - whether the key is removed because its node is gone
   */
  removeKey(key: string, version: number, isNodeGone: boolean): Promise<void>;
}

/** A change of a key, as {@link KeyExpiry} looks at it. */
export interface LivingChange {
  readonly key: string;
  readonly version: number;
  readonly life: KeyLife;
  /** The node that wrote the change. */
  readonly node: string;
  readonly ageMs: number;
}

/** A key that does not live forever. */
interface MortalKey {
  readonly version: number;
  /** Whether this node wrote it. */
  readonly isOurs: boolean;
  /** The other node whose channel the key belongs to. */
  readonly node: string | undefined;
  timer: Timer | undefined;
}

/** The keys that live as long as channels of another node. */
interface NodeKeys {
  readonly keys: Map<string, MortalKey>;
  /** Whether this node has known the other one. */
  wasAlive: boolean;
  timer: Timer | undefined;
}

/**
 * Time that the node of a key gets to remove it, before other nodes do. To it, each node adds a random part of {@link SPREAD_MS},
 * so that usually one of them removes the key.
 */
const GRACE_MS = 1000;
const SPREAD_MS = 1000;
/** Time in which a node that has just joined learns which nodes exist. Until then, it takes no node for gone. */
const UNKNOWN_MS = 5000;
/** Time after which a removal that failed is repeated. */
const RETRY_DELAY_MS = 1000;

/**
 * Removes the keys of a state group whose life is over: keys with a time to live, and keys of channels whose node is gone. Every
 * node that keeps the state does it, with the version that it knows, so the first removal is stored and the others do not fit. A
 * key that is changed meanwhile stays.
 */
export class KeyExpiry {
  private readonly owner: KeyExpiryOwner;
  private readonly mortals = new Map<string, MortalKey>();
  private readonly nodes = new Map<string, NodeKeys>();
  /** The epoch of the versions. */
  private entered: string | undefined = undefined;

  constructor(owner: KeyExpiryOwner) {
    this.owner = owner;
  }

  /** The number of keys that do not live forever. */
  get size(): number {
    return this.mortals.size;
  }

  /** The epoch of the versions that are noted. Versions of another epoch mean nothing. */
  get epoch(): string | undefined {
    return this.entered;
  }

  /** Forgets the keys of another epoch. */
  enter(epoch: string): void {
    if (this.entered !== epoch) this.clear();
    this.entered = epoch;
  }

  /** Notes the newest change of a key. */
  changed({ key, version, life, node, ageMs }: LivingChange): void {
    const known = this.mortals.get(key);
    if (known !== undefined) {
      if (known.version >= version) return;
      this.forget(key, known);
    }
    if (life === LASTING || life.isNodeGone) return;
    const isOurs = node === this.owner.nodeId();
    const watched = life.isOfChannel && !isOurs ? node : undefined;
    if (watched === undefined && life.ttlMs === undefined) return;
    const mortal: MortalKey = { version, isOurs, node: watched, timer: undefined };
    this.mortals.set(key, mortal);
    if (watched !== undefined) this.watch(watched, key, mortal);
    if (life.ttlMs === undefined) return;
    const restMs = Math.max(0, life.ttlMs - ageMs);
    this.expireLater(key, mortal, isOurs ? restMs : restMs + this.graceMs());
  }

  /** Called when a node may be gone. */
  peersChanged(): void {
    for (const [node, keys] of this.nodes) this.look(node, keys);
  }

  /** Forgets the keys of other nodes, because this node does not keep the state any more. */
  clearOthers(): void {
    for (const [key, mortal] of this.mortals) if (!mortal.isOurs) this.forget(key, mortal);
  }

  /** Forgets all keys. */
  clear(): void {
    for (const [key, mortal] of this.mortals) this.forget(key, mortal);
  }

  private graceMs(): number {
    return GRACE_MS + SPREAD_MS * this.owner.random();
  }

  private forget(key: string, { node, timer }: MortalKey): void {
    timer?.cancel();
    this.mortals.delete(key);
    if (node === undefined) return;
    const of = this.nodes.get(node);
    if (of === undefined) return;
    of.keys.delete(key);
    if (of.keys.size > 0) return;
    of.timer?.cancel();
    this.nodes.delete(node);
  }

  // --- times to live ---

  private expireLater(key: string, mortal: MortalKey, delayMs: number): void {
    mortal.timer = this.owner.clock.deadlines.schedule(() => {
      mortal.timer = undefined;
      void this.end(key, mortal, false).then((isEnded) => {
        if (!isEnded) this.expireLater(key, mortal, RETRY_DELAY_MS);
      });
    }, delayMs);
  }

  /** Removes a key. Returns false if that must be tried again. */
  private async end(key: string, mortal: MortalKey, isNodeGone: boolean): Promise<boolean> {
    try {
      await this.owner.removeKey(key, mortal.version, isNodeGone);
    } catch {
      return this.mortals.get(key) !== mortal;
    }
    if (this.mortals.get(key) === mortal) this.forget(key, mortal);
    return true;
  }

  // --- nodes that are gone ---

  private watch(node: string, key: string, mortal: MortalKey): void {
    let of = this.nodes.get(node);
    if (of === undefined) {
      of = { keys: new Map(), wasAlive: false, timer: undefined };
      this.nodes.set(node, of);
    }
    of.keys.set(key, mortal);
    this.look(node, of);
  }

  private look(node: string, of: NodeKeys): void {
    if (of.timer !== undefined) return;
    if (this.owner.isAlive(node)) {
      of.wasAlive = true;
      return;
    }
    const delayMs = (of.wasAlive ? 0 : UNKNOWN_MS) + SPREAD_MS * this.owner.random();
    of.timer = this.owner.clock.deadlines.schedule(() => {
      of.timer = undefined;
      if (this.owner.isAlive(node)) of.wasAlive = true;
      else void this.removeAll(node, of);
    }, delayMs);
  }

  private async removeAll(node: string, of: NodeKeys): Promise<void> {
    const ends = Array.from(of.keys, ([key, mortal]) => this.end(key, mortal, true));
    const isEnded = await Promise.all(ends);
    if (!isEnded.includes(false) || this.nodes.get(node) !== of) return;
    of.timer ??= this.owner.clock.deadlines.schedule(() => {
      of.timer = undefined;
      this.look(node, of);
    }, RETRY_DELAY_MS);
  }
}
