import { Cluster } from '@headrace/cluster';
import { Worker } from '@headrace/cluster/gateway';
import { processBus, type StartedWorker } from '@headrace/cluster/workers';

/** The logic, as in the first example of GatewayWorker: everybody hears who comes, what they say, and who goes. */
export async function startWorker(): Promise<StartedWorker> {
  const cluster = await Cluster.join({
    app: 'gateway-worker',
    bus: processBus(),
    roles: ['worker'],
  });
  const everybody = cluster.group<string>('everybody');
  const worker = new Worker<string>({
    cluster,
    onConnect(connection, { moved }) {
      const { client } = connection.attributes;
      // Another worker had it before: the client notices nothing.
      if (moved) return;
      connection.write(`Hello ${client}, your worker is process ${process.pid}`);
      everybody.writeAndFlush(`${client} login`);
    },
    onMessage(connection, text, { repeated }) {
      const { client, said } = connection.attributes;
      const number = Number(said) + 1;
      connection.setAttributes({ said: number });
      const again = repeated ? ' (perhaps for the second time)' : '';
      everybody.writeAndFlush(`${client} said ${number}: ${text}${again}`);
    },
    onClose(connection, { reason }) {
      if (reason !== 'moved') everybody.writeAndFlush(`${connection.attributes['client']} logout`);
    },
  });
  const handOver = { shutdown: worker.emptyWithin.bind(worker, 5000) };
  return {
    async drain({ drainTimeoutMs }) {
      await cluster.leave({ servers: [handOver], drainTimeoutMs });
      worker.close();
    },
  };
}
