import { meshRegister } from '@headrace/bus/mesh';
import { Cluster, routeServer } from '@headrace/cluster';
import type { StartedWorker } from '@headrace/workers';
import { nodeBus } from './node-bus.ts';
import { HOST } from './ports.ts';

/**
 * Tells clients which gateways there are: `GET /route`. By the register of the mesh, gateways and workers find each other, as by
 * the Register of GatewayWorker. Nodes that are connected do not need it any more.
 */
export async function startRegister(port: number, meshPort: number): Promise<StartedWorker> {
  const register = await meshRegister({ host: HOST, port: meshPort });
  const cluster = await Cluster.join({ app: 'gateway-worker', bus: await nodeBus(meshPort) });
  const route = await routeServer({ cluster, host: HOST, port });
  return {
    async drain() {
      await route.close();
      await cluster.leave();
      await register.close();
    },
  };
}
