import type { Cluster } from '../cluster/cluster.ts';
import type { GroupPresence } from '../presence/group-presence.ts';
import type { GroupContext, Presence } from '../presence/presence.ts';

/** The nodes of a cluster that serve something for the others, which the presence of a group of them says. */
export class ServingNodes {
  private readonly presence: Presence;
  private readonly served: GroupPresence;

  /**
   * @internal
   * @param kind - what they serve, in one letter. No token of a group's name begins with `c`.
   * @param gone - called with each node that serves it no longer
   */
  constructor({ presence }: GroupContext, kind: string, gone?: (node: string) => void) {
    this.presence = presence;
    this.served = presence.part(
      `c${kind}`,
      gone && { joined: () => {}, left: (_id, node) => gone(node) },
    );
  }

  /** The ids of the other nodes that serve it, as far as they are known. */
  get others(): readonly string[] {
    return this.served.holders('');
  }

  /** Whether all other nodes are known. */
  get isSure(): boolean {
    return this.presence.isSure;
  }

  /** Makes this node one of them, until it leaves or calls the function that is returned. */
  serve(): () => void {
    this.served.add('');
    this.presence.flushSoon();
    return () => this.served.remove('');
  }
}

/**
 * Returns the nodes of a cluster that serve something, such as an HTTP API. Each node has one object for each kind.
 *
 * @param kind - one letter. `g` are the nodes that carry out commands.
 */
export function servingNodesOf(cluster: Cluster<never>, kind: string): ServingNodes {
  return cluster.addition(servingNodes)(kind);
}

function servingNodes(context: GroupContext): (kind: string) => ServingNodes {
  const kinds = new Map<string, ServingNodes>();
  return (kind) => {
    const nodes = kinds.get(kind) ?? new ServingNodes(context, kind);
    kinds.set(kind, nodes);
    return nodes;
  };
}
