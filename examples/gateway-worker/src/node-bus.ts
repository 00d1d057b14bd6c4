// CLUSTER_BUS is the one setting: nats://127.0.0.1:4222 or redis://127.0.0.1:6379. Without it, the nodes connect to each other.
import type { Bus } from '@headrace/bus';
import { meshBus } from '@headrace/bus/mesh';
import { HOST } from './ports.ts';

/** Makes the bus of one process. The nodes of a mesh find each other by the register at this port. */
export async function nodeBus(meshPort: number): Promise<Bus> {
  const address = process.env['CLUSTER_BUS'] ?? '';
  if (address === '') return meshBus({ port: 0, register: [{ host: HOST, port: meshPort }] });
  if (address.startsWith('nats:')) {
    const { natsBus } = await import('@headrace/bus/nats');
    return natsBus({ servers: address });
  }
  const { redisBus } = await import('@headrace/bus/redis');
  return redisBus({ url: address });
}
