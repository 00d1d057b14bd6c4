import type { Buffer } from 'node:buffer';
import type { BusSubscription, PublishOutcome } from '../bus/bus.ts';

/** What gateways and workers ask the directory of nodes. */
export interface GatewayPeers {
  /** The ids of the nodes that are ready and offer a role, this one too. */
  ready(role: string): readonly string[];
  /** True for a node that is ready, draining or unheard for a short time; false once it is gone, or was never there. */
  isThere(node: string): boolean;
  /** Any answer of the other two may be another one now. */
  on(event: 'change', listener: () => void): unknown;
  /** Takes a listener back. */
  off(event: 'change', listener: () => void): unknown;
}

/** The way from node to node: envelopes of kind 8 on the nodes' own subjects. In order between two nodes. */
export interface GatewayWire {
  /** Of this node; another one after two nodes had the same. */
  readonly nodeId: string;
  /** Of the bus. */
  readonly state: 'up' | 'down';
  /** Sends the body of an envelope to one node, which may be this one. */
  send(node: string, body: Buffer): PublishOutcome;
  /** Calls back with the body of each envelope that came, and the id of the node it came from. */
  listen(listener: (from: string, body: Buffer) => void): BusSubscription;
  /** The bus's state has changed. */
  on(event: 'up' | 'down', listener: () => void): unknown;
  /** Takes a listener back. */
  off(event: 'up' | 'down', listener: () => void): unknown;
}
