import type { NodeAddress, NodeInfo } from '../node/node-info.ts';

/** One node of a route. */
export interface RouteNode extends NodeAddress {
  /** Clients that are connected there. */
  readonly connections: number;
}

/** True for a node that takes clients: ready, heard lately, with an address. */
function takesClients(node: NodeInfo): node is NodeInfo & { readonly address: NodeAddress } {
  return node.state === 'ready' && node.life === 'alive' && node.address !== undefined;
}

/**
 * Up to `count` nodes for a client, each the better of two that are drawn by chance: the least loaded one alone would
 * get all the clients that come before its next heartbeat.
 *
 * @param random - at least 0, below 1
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

/** Fewer connections; where there are as many, less load. */
function isBetter(one: NodeInfo, other: NodeInfo): boolean {
  if (one.connections !== other.connections) return one.connections < other.connections;
  return one.load < other.load;
}
