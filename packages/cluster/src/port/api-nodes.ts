import type { Cluster } from '../cluster/cluster.ts';
import type { GroupPresence } from '../presence/group-presence.ts';
import type { GroupContext, Presence } from '../presence/presence.ts';

/** The group for the presence of the nodes. No token of a name begins with `c`. */
const GROUP = 'cr';

/** The nodes of a cluster that serve an HTTP API. */
export class ApiNodes {
  private readonly presence: Presence;
  private readonly served: GroupPresence;

  /** @internal */
  constructor({ presence }: GroupContext) {
    this.presence = presence;
    this.served = presence.part(GROUP, undefined);
  }

  /** The number of other nodes with an API, or undefined while not all nodes are known. */
  get others(): number | undefined {
    return this.presence.isSure ? this.served.holders('').length : undefined;
  }

  /** Makes this node one of them, until it leaves. */
  serve(): void {
    this.served.add('');
    this.presence.flushSoon();
  }
}

/** Returns the nodes of a cluster with an HTTP API. Each node has one object. */
export function apiNodesOf(cluster: Cluster<never>): ApiNodes {
  return cluster.addition(apiNodes);
}

function apiNodes(context: GroupContext): ApiNodes {
  return new ApiNodes(context);
}
