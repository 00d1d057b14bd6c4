// A node of a cluster whose members get every message that any of them sends:
// node benchmarks/servers/broadcast-cluster.mjs PORT HOST frames|ws BUS, where BUS is nats://… or redis://…

import { Cluster } from '@headrace/cluster';
import { LengthFieldFrameDecoder, LengthFieldPrepender } from '@headrace/codec';
import { ServerBootstrap } from '@headrace/core';
import { IdleStateHandler } from '@headrace/handlers';
import { HttpEndpoint, WebSocketTextCodec } from '@headrace/websocket';

const [port, host = '127.0.0.1', protocol = 'frames', url = ''] = process.argv.slice(2);

async function busOf() {
  if (url.startsWith('redis:')) {
    const { redisBus } = await import('@headrace/cluster/redis');
    return redisBus({ url });
  }
  const { natsBus } = await import('@headrace/cluster/nats');
  return natsBus({ servers: url });
}

const cluster = await Cluster.join({ app: 'bench', bus: await busOf(), joinTimeoutMs: 10_000 });
const members = cluster.group('members');

class JoinAndBroadcast {
  sharable = true;

  channelActive(ctx) {
    members.add(ctx.channel);
    ctx.fireChannelActive();
  }

  channelRead(_ctx, message) {
    members.writeAndFlush(message);
  }
}

const joinAndBroadcast = new JoinAndBroadcast();

/** As the server of one process, benchmarks/servers/broadcast.mjs, has it. */
function onFrames(channel) {
  channel.pipeline.addLast(
    new IdleStateHandler({ readerIdleMs: 60_000 }),
    new LengthFieldFrameDecoder({
      maxFrameLength: 1 << 20,
      lengthFieldLength: 4,
      initialBytesToStrip: 4,
    }),
    new LengthFieldPrepender({ lengthFieldLength: 4 }),
    joinAndBroadcast,
  );
}

const endpoint = new HttpEndpoint({
  webSocket: (channel) => channel.pipeline.addLast(new WebSocketTextCodec(), joinAndBroadcast),
});

await new ServerBootstrap()
  .childHandler(
    protocol === 'ws' ? (channel) => channel.pipeline.addLast(endpoint.handler()) : onFrames,
  )
  .bind({ port: Number(port), host, backlog: 4096 });
console.log(cluster.state === 'up' ? 'ready' : 'the bus is down');
