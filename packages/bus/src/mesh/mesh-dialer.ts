import type { ReconnectingClient } from '@headrace/client';
import type { Context } from '@headrace/core';
import type { MeshConnections } from './mesh-connections.ts';
import type { MeshEnd, MeshGreeting } from './mesh-greeting.ts';
import type { HandshakeOwner, Verdict } from './mesh-handshake.ts';
import { type MeshPlace, placeText } from './mesh-place.ts';

/** The node for which a {@link MeshDialer} connects. */
export interface DialingNode extends MeshEnd {
  readonly connections: MeshConnections;
  isConnected(id: string): boolean;
  joined(ctx: Context, other: MeshGreeting): void;
  refused(who: string, why: string): void;
  /** Called when the first attempt is over, with any outcome. */
  tried(dialer: MeshDialer): void;
}

/**
 * Connects to one address until the node at this address is connected. Of two nodes, the node with the smaller id dials. It learns
 * the address of the other node by its own list, or by a connection on which the other node only introduces itself.
 */
export class MeshDialer implements HandshakeOwner {
  readonly place: MeshPlace;
  /** Whether the address is in the list of this node. Otherwise, the dialer stops when nobody answers. */
  isListed: boolean;
  readonly node: DialingNode;
  private client: ReconnectingClient | undefined = undefined;
  /** The id of the node at this address, as of the last handshake. */
  private id: string | undefined = undefined;
  private isOver = false;
  private triedOnce = false;
  /** Why the last connection was refused. */
  private refusal: string | undefined = undefined;

  constructor(place: MeshPlace, node: DialingNode, isListed: boolean) {
    this.place = place;
    this.node = node;
    this.isListed = isListed;
  }

  /** Whether the dialer has stopped, and its address is not in the list. */
  get isUseless(): boolean {
    return !this.isListed && this.client === undefined;
  }

  /** Whether the outcome of the first attempt is known: the node is connected, cannot be reached, or is this node. */
  get isSettled(): boolean {
    if (!this.triedOnce) return false;
    const { id, node } = this;
    return id === undefined || id === node.identity.id || node.isConnected(id);
  }

  /** Begins to connect, unless a connection is made already or is not needed. */
  dial(): void {
    const { id, node } = this;
    if (this.isOver || this.client !== undefined) return;
    if (id !== undefined && (id === node.identity.id || node.isConnected(id))) return;
    const client = node.connections.client([this.place], this, () => this.goesOn());
    this.client = client;
    client.on('loss', ({ during }) => {
      if (during === 'connecting') this.id = undefined;
      this.tried();
    });
    client.on('state', ({ name }) => {
      if (name === 'closed' && this.client === client) this.client = undefined;
    });
    void client.start();
  }

  close(): void {
    this.isOver = true;
    void this.client?.close();
  }

  decide({ id, kind }: MeshGreeting): Verdict {
    const { identity } = this.node;
    this.id = id;
    if (kind === 'register') this.node.refused(placeText(this.place), 'it is a register');
    if (kind !== 'node' || id === identity.id || this.node.isConnected(id)) return 'leave';
    return identity.id < id ? 'join' : 'introduce';
  }

  done(ctx: Context, other: MeshGreeting, verdict: Verdict): void {
    this.refusal = undefined;
    if (verdict === 'join') this.node.joined(ctx, other);
    this.tried();
  }

  refused(_ctx: Context, why: string): void {
    if (why === this.refusal) return;
    this.refusal = why;
    this.node.refused(placeText(this.place), why);
  }

  /** Decides whether the client connects again after a loss. */
  private goesOn(): boolean {
    const { id, node } = this;
    if (this.isOver) return false;
    // The other node dials, or is connected.
    if (id !== undefined) return node.identity.id < id && !node.isConnected(id);
    return this.isListed;
  }

  private tried(): void {
    this.triedOnce = true;
    this.node.tried(this);
  }
}
