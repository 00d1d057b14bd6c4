import { value } from '@headrace/core/authoring';
import type { NodeAddress, NodeInfo } from '../node/node-info.ts';

/** One node of a route. */
export interface RouteNode extends NodeAddress {
  readonly connections: number;
}

/** The kind of an option `cluster`, of which only the nodes are used. */
export const CLUSTER = value<object, { readonly required: true }>(
  'what Cluster.join gave',
  hasNodes,
  {
    required: true,
  },
);

function hasNodes(given: unknown): boolean {
  return Array.isArray((given as Partial<{ readonly nodes: unknown }> | undefined)?.nodes);
}

/** Returns true for a node to which clients can connect. */
export function takesClients(node: NodeInfo): node is NodeInfo & { readonly address: NodeAddress } {
  return node.state === 'ready' && node.life === 'alive' && node.address !== undefined;
}

/**
 * Chooses up to `count` nodes for a client. Each is the better of two random nodes. If only the least loaded node were named, all
 * clients would go to this node until its next heartbeat.
 *
 * @param random - a function that returns a number, at least 0 and below 1
 */
export function chooseRoute(
  nodes: readonly NodeInfo[],
  count: number,
  random: () => number,
): RouteNode[] {
  const left = nodes.filter(takesClients);
  const chosen: RouteNode[] = [];
  while (chosen.length < count && left.length > 0) {
    const one = Math.floor(random() * left.length);
    const other = Math.floor(random() * left.length);
    const best = isBetter(left[other]!, left[one]!) ? other : one;
    const { address, connections } = left[best]!;
    chosen.push({ host: address.host, port: address.port, connections });
    left.splice(best, 1);
  }
  return chosen;
}

/** Compares the number of connections, and the load if the numbers are equal. */
function isBetter(one: NodeInfo, other: NodeInfo): boolean {
  if (one.connections !== other.connections) return one.connections < other.connections;
  return one.load < other.load;
}
