import type { Buffer } from 'node:buffer';
import type { BusSubscription, PublishOutcome } from '@headrace/bus';
import type { Clock, Logger } from '@headrace/core';
import type { Cluster } from '../cluster/cluster.ts';
import { BODY, KIND } from '../envelope/envelope.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import type { NodeInfo } from '../node/node-info.ts';
import type { NodeListener, NodePort } from './node-port.ts';

/** The port of a node of a real cluster. */
export class ClusterPort implements NodePort {
  readonly clock: Clock;
  readonly logger: Logger;
  private readonly context: ClusterContext;
  private readonly listeners = new Set<NodeListener>();
  /** The part of each node's heartbeat that is used here. Most heartbeats do not change it. */
  private readonly known = new Map<string, string>();

  constructor(context: ClusterContext) {
    const { directory, inbox, wire } = context;
    this.context = context;
    this.clock = wire.host.clock;
    this.logger = wire.host.logger;
    inbox.listenToFrames(({ node, body }) => {
      if (directory.noteActivity(node)) this.received(node, body);
    });
    wire.bus.on('up', () => this.busChanged(true));
    wire.bus.on('down', () => this.busChanged(false));
    for (const node of directory.others()) this.known.set(node.id, keyOf(node));
    directory.on('joined', (node) => this.changed(node.id, keyOf(node)));
    directory.on('changed', (node) => this.changed(node.id, keyOf(node)));
    directory.on('left', ({ id }) => this.changed(id, ''));
    directory.on('vanished', () => this.peersChanged());
    directory.on('ownState', () => this.peersChanged());
    wire.onRenamed(() => this.peersChanged());
    context.lastWork.add((timeoutMs) => this.leaving(timeoutMs));
  }

  get nodeId(): string {
    return this.context.wire.nodeId;
  }

  get state(): 'up' | 'down' {
    return this.context.wire.bus.state;
  }

  get maxBodyBytes(): number {
    return this.context.wire.maxBodyBytes;
  }

  send(node: string, body: Buffer): PublishOutcome {
    const { wire } = this.context;
    if (node === wire.nodeId) {
      wire.host.clock.execute(() => this.received(node, body));
      return 'sent';
    }
    return wire.send(wire.subjects.node(node), KIND.frame, { bodyType: BODY.bytes, body });
  }

  ready(role: string): readonly string[] {
    return this.idsOf(({ state, life, roles }) => {
      return state === 'ready' && life === 'alive' && roles.includes(role);
    });
  }

  isAlive(node: string): boolean {
    const { directory, wire } = this.context;
    return node === wire.nodeId || directory.isAlive(node);
  }

  draining(): readonly string[] {
    return this.idsOf(({ state }) => state === 'draining');
  }

  listen(listener: NodeListener): BusSubscription {
    this.listeners.add(listener);
    return { close: () => void this.listeners.delete(listener) };
  }

  private idsOf(is: (node: NodeInfo) => boolean): string[] {
    const { directory, wire } = this.context;
    const own: NodeInfo = { id: wire.nodeId, life: 'alive', ...directory.own };
    return [own, ...directory.others()].filter(is).map(({ id }) => id);
  }

  private received(from: string, body: Buffer): void {
    for (const listener of this.listeners) listener.received(from, body);
  }

  private async leaving(timeoutMs: number): Promise<void> {
    await Promise.all([...this.listeners].map((listener) => listener.leaving?.(timeoutMs)));
  }

  private busChanged(isUp: boolean): void {
    for (const listener of [...this.listeners]) listener.busChanged(isUp);
  }

  private changed(id: string, key: string): void {
    if ((this.known.get(id) ?? '') === key) return;
    if (key === '') this.known.delete(id);
    else this.known.set(id, key);
    this.peersChanged();
  }

  private peersChanged(): void {
    for (const listener of [...this.listeners]) listener.peersChanged();
  }
}

/** Returns the port of a node, which has one. */
export function portOf(cluster: Cluster<never>): NodePort {
  return cluster.addition(clusterPort);
}

function clusterPort(context: ClusterContext): ClusterPort {
  return new ClusterPort(context);
}

function keyOf({ state, life, roles }: NodeInfo): string {
  return JSON.stringify([state, life, roles]);
}

/**
 * Returns an object of a package that each node has once, such as the connections that a gateway and an HTTP API share. The first
 * call makes it.
 *
 * @param make - the same function in each call, because the object is found by it
 */
export function additionOf<T>(cluster: Cluster<never>, make: () => T): T {
  return cluster.addition(make);
}
