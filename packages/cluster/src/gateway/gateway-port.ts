import type { Buffer } from 'node:buffer';
import type { Clock, Logger } from '@headrace/core';
import type { BusSubscription, PublishOutcome } from '../bus/bus.ts';

/** A node that is not a `Cluster`, for a gateway or a worker: in tests, or over a bus of its own. */
export interface GatewayCluster {
  readonly gatewayPort: GatewayPort;
}

/** Receives the reports of a {@link GatewayPort}. */
export interface GatewayListener {
  /** The body of an envelope came from a node. */
  received(from: string, body: Buffer): void;
  /** The answers of `ready` and `isThere` may have changed. */
  peersChanged(): void;
  /** The state of the bus has changed. */
  busChanged(isUp: boolean): void;
}

/**
 * The node, as gateways and workers see it: envelopes of kind 8 on the nodes' own subjects, in order between two
 * nodes, and which nodes there are.
 */
export interface GatewayPort {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The id of this node; it changes if two nodes had the same one. */
  readonly nodeId: string;
  /** The state of the bus. */
  readonly state: 'up' | 'down';
  /** Sends the body of an envelope to one node, which may be this one. */
  send(node: string, body: Buffer): PublishOutcome;
  /** The ids of the nodes that are ready and offer a role, including this one. */
  ready(role: string): readonly string[];
  /** True for a node that is ready, draining or unheard for a short time; false once it is gone, or was never there. */
  isThere(node: string): boolean;
  /** Calls the listener from now on, until the subscription is closed. */
  listen(listener: GatewayListener): BusSubscription;
}
