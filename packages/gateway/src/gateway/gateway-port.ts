import type { Cluster } from '@headrace/cluster';
import { type NodePort, portOf } from '@headrace/cluster/authoring';

export type {
  NodeListener as GatewayListener,
  NodePort as GatewayPort,
} from '@headrace/cluster/authoring';

/** A node that is not a `Cluster`, for a gateway or a worker in tests or over another bus. */
export interface GatewayCluster {
  readonly gatewayPort: NodePort;
}

/** Returns the port of a gateway's or worker's node. */
export function portOfNode(node: Cluster<never> | GatewayCluster): NodePort {
  return 'gatewayPort' in node ? node.gatewayPort : portOf(node);
}
