// Clients of Socket.IO on Headrace, alone or on nodes of a cluster: node benchmarks/servers/socket-io.mjs PORT HOST [redis://…]
// The events are those of broadcast-socket-io.mjs.
import { SocketIo, SocketIoNamespace } from '@headrace/socket-io';
import { HttpEndpoint } from '@headrace/websocket';
import { listen } from './members.mjs';

const [port, host = '127.0.0.1', url] = process.argv.slice(2);

async function nodesOf() {
  const { redisBus } = await import('@headrace/bus/redis');
  const { Cluster } = await import('@headrace/cluster');
  const { clusterNodes } = await import('@headrace/socket-io/cluster');
  const bus = redisBus({ url });
  return clusterNodes(await Cluster.join({ app: 'bench', bus, joinTimeoutMs: 10_000 }));
}

const main = new SocketIoNamespace('/', {
  ...(url && { nodes: await nodesOf() }),
  events: {
    m: (_socket, text) => void main.emit('m', text),
    echo: (_socket, text, answer) => answer(text),
  },
});
// The load does not answer pings.
const sessions = new SocketIo({ namespaces: [main], pingIntervalMs: 600_000 });
const endpoint = new HttpEndpoint({ sessions });
await listen(port, host, (channel) => channel.pipeline.addLast(endpoint.handler()));
console.log('ready');
