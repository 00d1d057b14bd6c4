import type { Buffer } from 'node:buffer';
import type { Clock, Logger } from '@headrace/core';
import type { PublishOutcome } from '../bus/bus.ts';
import { BODY, KIND } from '../envelope/envelope.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import type { NodeInfo } from '../node/node-info.ts';
import type { GatewayPeers, GatewayWire } from './gateway-wire.ts';

/** What gateways and workers work with. */
export interface GatewayPort {
  readonly wire: GatewayWire;
  readonly peers: GatewayPeers;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A node of a cluster, for a gateway or a worker; a `Cluster` is one. */
export interface GatewayCluster {
  readonly gatewayPort: GatewayPort;
}

/** The port of a node of a real cluster. */
export function gatewayPort(context: ClusterContext): GatewayPort {
  const { clock, logger } = context.wire.host;
  return { wire: new NodeWire(context), peers: new NodePeers(context), clock, logger };
}

class NodeWire implements GatewayWire {
  private readonly context: ClusterContext;
  private readonly listeners = new Set<(from: string, body: Buffer) => void>();

  constructor(context: ClusterContext) {
    this.context = context;
    context.inbox.listenToGateways(({ node, body }) => {
      if (context.directory.heardOf(node)) this.received(node, body);
    });
  }

  get nodeId(): string {
    return this.context.wire.nodeId;
  }

  get state(): 'up' | 'down' {
    return this.context.wire.bus.state;
  }

  send(node: string, body: Buffer): PublishOutcome {
    const { wire } = this.context;
    if (node === wire.nodeId) {
      wire.host.clock.execute(() => this.received(node, body));
      return 'sent';
    }
    return wire.send(wire.subjects.node(node), KIND.gateway, { bodyType: BODY.bytes, body });
  }

  listen(listener: (from: string, body: Buffer) => void): { close(): void } {
    this.listeners.add(listener);
    return { close: () => void this.listeners.delete(listener) };
  }

  on(event: 'up' | 'down', listener: () => void): void {
    this.context.wire.bus.on(event, listener);
  }

  off(event: 'up' | 'down', listener: () => void): void {
    this.context.wire.bus.off(event, listener);
  }

  private received(from: string, body: Buffer): void {
    for (const listener of this.listeners) listener(from, body);
  }
}

/** The directory, without what changes with each heartbeat. */
class NodePeers implements GatewayPeers {
  private readonly context: ClusterContext;
  private readonly listeners = new Set<() => void>();
  /** What of each other node matters here. */
  private readonly known = new Map<string, string>();

  constructor(context: ClusterContext) {
    const { directory } = context;
    this.context = context;
    for (const node of directory.others()) this.known.set(node.id, keyOf(node));
    directory.on('joined', (node) => this.changed(node.id, keyOf(node)));
    directory.on('changed', (node) => this.changed(node.id, keyOf(node)));
    directory.on('left', ({ id }) => this.changed(id, ''));
    directory.on('vanished', () => this.notify());
    directory.on('ownState', () => this.notify());
    context.wire.onRenamed(() => this.notify());
  }

  ready(role: string): readonly string[] {
    const { directory, wire } = this.context;
    const own: NodeInfo = { id: wire.nodeId, life: 'alive', ...directory.own };
    return [own, ...directory.others()]
      .filter(({ state, life, roles }) => {
        return state === 'ready' && life === 'alive' && roles.includes(role);
      })
      .map(({ id }) => id);
  }

  isThere(node: string): boolean {
    const { directory, wire } = this.context;
    return node === wire.nodeId || directory.isThere(node);
  }

  on(_event: 'change', listener: () => void): void {
    this.listeners.add(listener);
  }

  off(_event: 'change', listener: () => void): void {
    this.listeners.delete(listener);
  }

  private changed(id: string, key: string): void {
    if ((this.known.get(id) ?? '') === key) return;
    if (key === '') this.known.delete(id);
    else this.known.set(id, key);
    this.notify();
  }

  private notify(): void {
    for (const listener of [...this.listeners]) listener();
  }
}

function keyOf({ state, life, roles }: NodeInfo): string {
  return JSON.stringify([state, life, roles]);
}
