import type { Buffer } from 'node:buffer';
import type { StateEntry } from '../../log/state-log.ts';
import { messageFrame } from './mesh-frame.ts';
import { StateKeeper } from './mesh-keeper.ts';
import type { Keeper } from './mesh-keepers.ts';
import type { MeshPeer } from './mesh-peer.ts';
import type { MeshPeers } from './mesh-peers.ts';
import type { Outcome } from './mesh-requests.ts';
import { newestOf } from './mesh-state-answers.ts';
import { readOf, StateFields, stateBytes, writtenEntryOrNone } from './mesh-state-frame.ts';

/** The node of {@link MeshFollowers}. */
export interface FollowersNode {
  readonly peers: MeshPeers;
  now(): number;
  later(task: () => void, delayMs: number): void;
  /** Runs a task after the current event. */
  execute(task: () => void): void;
  /** Asks a keeper for its newest change. */
  askForNewest(keeper: MeshPeer, stream: string, outcome: Outcome<StateEntry | undefined>): void;
}

/** The keepers of the states that are followed. */
export interface FollowedKeepers {
  own(stream: string): StateKeeper | undefined;
  of(stream: string): Keeper | undefined;
}

/** Interval at which a follower that can have missed a change is told the newest offset, until it knows it. */
const MISSED_MS = 500;

/**
 * The followers of states. A keeper publishes each change under the name of the state. A follower that can have missed a change is
 * told the newest offset, and reads.
 */
export class MeshFollowers {
  private readonly node: FollowersNode;
  private readonly keepers: FollowedKeepers;
  /** The listeners of this node. */
  private readonly listeners = new Map<string, (entry: StateEntry) => void>();
  /** Nodes that have missed changes, with the streams. */
  private readonly behind = new Map<MeshPeer, Set<string>>();

  constructor(node: FollowersNode, keepers: FollowedKeepers) {
    this.node = node;
    this.keepers = keepers;
  }

  /** Calls the listener with the changes of a state, and when another node has become the keeper. */
  follow(stream: string, listener: (entry: StateEntry) => void): () => void {
    const { peers } = this.node;
    this.listeners.set(stream, listener);
    peers.subscribe(stream);
    return () => {
      if (this.listeners.get(stream) !== listener) return;
      this.listeners.delete(stream);
      peers.unsubscribe(stream);
    };
  }

  /** Takes a message of the subject of a followed state. Returns false for another subject. */
  received(peer: MeshPeer, subject: string, bytes: Buffer): boolean {
    const listener = this.listeners.get(subject);
    if (listener === undefined) return false;
    if (this.keepers.of(subject) === peer) {
      const entry = readOf(() => new StateFields(bytes).entryOrNone());
      if (entry !== undefined) listener(entry);
    }
    return true;
  }

  /** Sends a change of a state that this node keeps to the followers. */
  changed(stream: string, entry: StateEntry): void {
    const { peers } = this.node;
    if (peers.listeners(stream).size > 0) {
      const { fields, values } = writtenEntryOrNone(entry);
      peers.publish(stream, stateBytes(fields, values), (peer) => this.missed(peer, stream));
    }
    this.deliver(stream, entry);
  }

  /** Tells the listener of this node the newest offset, because changes can have been lost, and the epoch can be another one. */
  keeperChanged(stream: string, keeper: Keeper): void {
    const { node } = this;
    if (!this.listeners.has(stream)) return;
    if (keeper instanceof StateKeeper) {
      this.deliver(stream, newestOf(keeper.state));
      return;
    }
    const failed = (): void =>
      node.later(() => {
        if (this.keepers.of(stream) === keeper) this.keeperChanged(stream, keeper);
      }, MISSED_MS);
    const outcome = {
      done: (entry: StateEntry | undefined) => this.deliver(stream, entry),
      failed,
    };
    node.askForNewest(keeper, stream, outcome);
  }

  close(): void {
    this.listeners.clear();
  }

  /** Tells a node the newest offset when it reads again. */
  private missed(peer: MeshPeer, stream: string): void {
    const { node } = this;
    const streams = this.behind.get(peer) ?? new Set();
    this.behind.set(peer, streams);
    if (streams.has(stream)) return;
    streams.add(stream);
    node.later(() => {
      streams.delete(stream);
      if (streams.size === 0) this.behind.delete(peer);
      const keeper = this.keepers.own(stream);
      if (keeper === undefined || !node.peers.listeners(stream).has(peer)) return;
      const { fields, values } = writtenEntryOrNone(newestOf(keeper.state));
      if (!peer.send(messageFrame(stream, stateBytes(fields, values)))) this.missed(peer, stream);
      node.peers.flushSoon(peer);
    }, MISSED_MS);
  }

  /** Later, so that a call does not run the listeners. */
  private deliver(stream: string, entry: StateEntry | undefined): void {
    if (entry === undefined || !this.listeners.has(stream)) return;
    this.node.execute(() => this.listeners.get(stream)?.(entry));
  }
}
