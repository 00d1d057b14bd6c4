import { Cluster } from '@headrace/cluster';
import { connectionsOf, Worker, type WorkerConnection } from '@headrace/gateway';
import type { StartedWorker } from '@headrace/workers';
import { Commands, type Speaker } from './commands.ts';
import { nodeBus } from './node-bus.ts';

const speakerOf = ({ id, attributes }: WorkerConnection<string>): Speaker => ({
  id,
  client: String(attributes['client']),
});

/**
 * The logic, as in the first example of GatewayWorker: everybody hears who comes, what they say, and who goes. A line that
 * begins with a slash is a command, which may be about connections of any gateway.
 */
export async function startWorker(meshPort: number): Promise<StartedWorker> {
  const cluster = await Cluster.join({
    app: 'gateway-worker',
    bus: await nodeBus(meshPort),
    roles: ['worker'],
  });
  const everybody = cluster.group<string>('everybody');
  const connections = connectionsOf(cluster);
  const commands = new Commands(connections);
  const worker = new Worker<string>({
    cluster,
    async onConnect(connection, { moved }) {
      const { client } = connection.attributes;
      const entered = commands.enter(speakerOf(connection));
      // Another worker had it before: the client notices nothing.
      if (!moved) {
        connection.write(`Hello ${client}, your worker is process ${process.pid}`);
        everybody.writeAndFlush(`${client} login`);
      }
      await entered;
    },
    async onMessage(connection, text, { repeated }) {
      if (text.startsWith('/')) {
        const answer = await commands.run(speakerOf(connection), text);
        if (answer !== undefined) connection.write(answer);
        return;
      }
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
  return {
    async drain({ drainTimeoutMs }) {
      await cluster.leave({ drainTimeoutMs });
      worker.close();
    },
  };
}
