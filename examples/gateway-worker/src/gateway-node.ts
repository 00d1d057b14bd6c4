import { randomBytes } from 'node:crypto';
import { Cluster } from '@headrace/cluster';
import { textLines } from '@headrace/codec';
import { type Server, ServerBootstrap } from '@headrace/core';
import { Gateway } from '@headrace/gateway';
import { ConnectionLimitHandler } from '@headrace/handlers';
import type { StartedWorker } from '@headrace/workers';
import { nodeBus } from './node-bus.ts';
import { HOST } from './ports.ts';

const MAX_LINE_BYTES = 8192;

/** Holds the connections, and knows nothing of what they are for. */
export async function startGateway(port: number, meshPort: number): Promise<StartedWorker> {
  let server: Server | undefined;
  const cluster = await Cluster.join({
    app: 'gateway-worker',
    bus: await nodeBus(meshPort),
    roles: ['gateway'],
    address: { host: HOST, port },
    connections: () => server?.connections.size ?? 0,
  });
  const everybody = cluster.group<string>('everybody');
  const gateway = new Gateway<string>({
    cluster,
    delivery: 'acknowledged',
    attributes: () => ({ client: randomBytes(4).toString('hex'), said: 0 }),
  });
  server = await new ServerBootstrap()
    .handler(({ pipeline }) =>
      pipeline.addLast(new ConnectionLimitHandler({ total: 10_000, perAddress: 1000 })),
    )
    .childHandler((channel) => {
      channel.pipeline.addLast(...textLines({ maxLength: MAX_LINE_BYTES }), gateway.handler());
      everybody.add(channel);
    })
    .bind({ host: HOST, port });
  const servers = [server];
  return {
    info: `listening tcp://${HOST}:${server.port}`,
    async drain({ drainTimeoutMs }) {
      await cluster.leave({ servers, drainTimeoutMs });
      gateway.close();
    },
  };
}
