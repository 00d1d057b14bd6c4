import { Cluster } from '@headrace/cluster';
import { connectionsOf } from '@headrace/gateway';
import type { StartedWorker } from '@headrace/workers';
import { startApi } from './api.ts';
import { nodeBus } from './node-bus.ts';
import type { ApiPlace } from './ports.ts';

/**
 * Takes what other programs ask. A mesh has no store, so its idempotency keys are in the memory of the one node with the API. Over NATS
 * or Redis, any number of nodes can have it.
 */
export async function startApiNode(place: ApiPlace, meshPort: number): Promise<StartedWorker> {
  const cluster = await Cluster.join({
    app: 'gateway-worker',
    bus: await nodeBus(meshPort),
    roles: ['api'],
  });
  const api = await startApi(connectionsOf(cluster), place);
  return {
    async drain({ drainTimeoutMs }) {
      await api.close();
      await cluster.leave({ drainTimeoutMs });
    },
  };
}
