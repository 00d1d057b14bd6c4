import type { Buffer } from 'node:buffer';
import type { MemoryState } from '../../log/memory-state.ts';
import { MeshElections } from './mesh-elections.ts';
import { MeshFollowers } from './mesh-followers.ts';
import { MeshHolder } from './mesh-holder.ts';
import { KeeperSearch } from './mesh-keeper-search.ts';
import { MeshKeepers } from './mesh-keepers.ts';
import type { MeshPeer } from './mesh-peer.ts';
import { MeshStateLink } from './mesh-state-link.ts';
import { StateNode, type StatesLink } from './mesh-state-node.ts';
import { StateReceiver } from './mesh-state-receiver.ts';

/**
 * The store of a mesh for states, on one node. Each state has one keeper, a node that orders its changes, and up to two other nodes
 * that hold a copy. A node that needs a state without a keeper asks the connected node with the highest score to become the keeper.
 * If two parts of the mesh had a keeper each, the keeper with fewer changes ends its role when they meet, and its state is gone.
 *
 * ```text
 * calls of this node    MeshStateLink → KeeperSearch → MeshKeepers → StateKeeper, or a call to another node
 * frames of others      StateReceiver → MeshKeepers, MeshElections, MeshHolder
 * changes to followers  StateKeeper → MeshFollowers
 * ```
 */
export class MeshStates {
  /** The calls of this node. */
  readonly calls: MeshStateLink;
  private readonly node: StateNode;
  private readonly keepers: MeshKeepers;
  private readonly elections: MeshElections;
  private readonly holder: MeshHolder;
  private readonly followers: MeshFollowers;
  private readonly search: KeeperSearch;
  private readonly receiver: StateReceiver;

  constructor(link: StatesLink) {
    const node = new StateNode(link);
    this.node = node;
    this.keepers = new MeshKeepers(node, {
      keeperChanged: (stream) => this.keeperChanged(stream),
      changed: (stream, entry) => this.followers.changed(stream, entry),
    });
    const { keepers } = this;
    this.holder = new MeshHolder(node);
    this.elections = new MeshElections(node, {
      objection: (stream, candidate) => keepers.objection(stream, candidate),
      begin: (stream, state) => this.begin(stream, state),
    });
    const { holder, elections } = this;
    this.followers = new MeshFollowers(node, keepers);
    this.search = new KeeperSearch(node, keepers, elections);
    this.receiver = new StateReceiver(node, { keepers, holder, elections });
    this.calls = new MeshStateLink(node, this.search, this.followers);
  }

  /** Called when the connected nodes have said what they keep. */
  ready(): void {
    this.keepers.isReady = true;
    this.search.ready();
  }

  /** Hands the states over to other nodes, if there are some. */
  async leave(): Promise<void> {
    await this.keepers.handOver();
    this.node.peers.flush();
  }

  close(): void {
    this.node.close();
    this.keepers.close();
    this.search.close();
    this.followers.close();
  }

  // --- of the peers ---

  /** Called when a node with the store has connected. */
  came(peer: MeshPeer): void {
    this.keepers.came(peer);
  }

  gone(peer: MeshPeer): void {
    if (this.node.isOver) return;
    this.holder.gone(peer);
    this.elections.gone(peer);
    this.keepers.gone(peer);
    this.node.requests.gone(peer);
  }

  /** Takes what another node says about states. */
  said(peer: MeshPeer, bytes: Buffer): void {
    if (!this.node.isOver) this.receiver.take(peer, bytes);
  }

  /** Takes a message of the subject of a followed state. Returns false for another subject. */
  received(peer: MeshPeer, subject: string, bytes: Buffer): boolean {
    return this.followers.received(peer, subject, bytes);
  }

  private begin(stream: string, state: MemoryState): void {
    this.holder.release(stream);
    this.keepers.begin(stream, state);
  }

  private keeperChanged(stream: string): void {
    const keeper = this.keepers.of(stream);
    if (keeper === undefined) {
      this.search.need(stream);
      return;
    }
    this.search.found(stream, keeper);
    this.followers.keeperChanged(stream, keeper);
  }
}
