// A node of a cluster whose members get every message that any of them sends:
// node benchmarks/servers/broadcast-cluster.mjs PORT HOST frames|ws BUS, where BUS is nats://… or redis://…
import { Cluster } from '@headrace/cluster';
import { HttpEndpoint, WebSocketTextCodec } from '@headrace/websocket';
import { framesBefore, joinAndBroadcast, listen } from './members.mjs';

const [port, host = '127.0.0.1', protocol = 'frames', url = ''] = process.argv.slice(2);

async function busOf() {
  if (url.startsWith('redis:')) {
    const { redisBus } = await import('@headrace/bus/redis');
    return redisBus({ url });
  }
  const { natsBus } = await import('@headrace/bus/nats');
  return natsBus({ servers: url });
}

const cluster = await Cluster.join({ app: 'bench', bus: await busOf(), joinTimeoutMs: 10_000 });
const last = joinAndBroadcast(cluster.group('members'));
const endpoint = new HttpEndpoint({
  webSocket: (channel) => channel.pipeline.addLast(new WebSocketTextCodec(), last),
});
const onWebSockets = (channel) => channel.pipeline.addLast(endpoint.handler());
await listen(port, host, protocol === 'ws' ? onWebSockets : framesBefore(last));
console.log(cluster.state === 'up' ? 'ready' : 'the bus is down');
