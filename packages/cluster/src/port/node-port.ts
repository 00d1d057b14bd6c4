import type { Buffer } from 'node:buffer';
import type { BusSubscription, PublishOutcome } from '@headrace/bus';
import type { Clock, Logger } from '@headrace/core';

/** Receives the reports of a {@link NodePort}. */
export interface NodeListener {
  received(from: string, body: Buffer): void;
  /** Called when the answers of `ready` and `isAlive` may have changed. */
  peersChanged(): void;
  busChanged(isUp: boolean): void;
  /** Called when the node leaves, after its servers have drained. The node stays until the promise resolves. The bus can be down. */
  leaving?(timeoutMs: number): Promise<void>;
}

/**
 * The node, as a package that sends frames between nodes uses it. The port sends envelopes of kind 8 on the subjects of the nodes, in order between two
 * nodes, and knows the other nodes.
 */
export interface NodePort {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The id of this node, which changes if two nodes had the same id. */
  readonly nodeId: string;
  /** The state of the bus. */
  readonly state: 'up' | 'down';
  /** Maximum size of the body of an envelope, in bytes. @default the limit of an envelope, 1 MiB less 1052 bytes */
  readonly maxBodyBytes?: number | undefined;
  /** Sends the body of an envelope to one node. The node can be this node. */
  send(node: string, body: Buffer): PublishOutcome;
  /** Returns the ids of the ready nodes with a role, including this node. */
  ready(role: string): readonly string[];
  /**
   * Returns true for a node that is ready, draining, or without heartbeat for a short time. Returns false for a node that is gone
   * or unknown.
   */
  isAlive(node: string): boolean;
  /** Returns the ids of the nodes that have announced that they leave, including this node. */
  draining(): readonly string[];
  /** Calls the listener until the subscription is closed. */
  listen(listener: NodeListener): BusSubscription;
}
