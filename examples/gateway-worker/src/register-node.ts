import { Cluster, routeServer } from '@headrace/cluster';
import { processBus, type StartedWorker } from '@headrace/workers';
import { HOST } from './ports.ts';

/**
 * Tells clients which gateways there are: `GET /route`. Gateways and workers do not need it, as the Register of
 * GatewayWorker: they know each other by their heartbeats on the bus.
 */
export async function startRegister(port: number): Promise<StartedWorker> {
  const cluster = await Cluster.join({ app: 'gateway-worker', bus: processBus() });
  const route = await routeServer({ cluster, host: HOST, port });
  return {
    async drain() {
      await route.close();
      await cluster.leave();
    },
  };
}
