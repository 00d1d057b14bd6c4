// The broadcast server under test, from the built packages: node benchmarks/servers/broadcast.mjs PORT [HOST]
// Every frame goes to every connection, its sender included.
import { LengthFieldFrameDecoder, LengthFieldPrepender } from '@headrace/codec';
import { ChannelGroup, ServerBootstrap } from '@headrace/core';
import { IdleStateHandler } from '@headrace/handlers';

const members = new ChannelGroup('members');

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
const [port, host = '127.0.0.1'] = process.argv.slice(2);
await new ServerBootstrap()
  .childHandler((channel) =>
    channel.pipeline.addLast(
      new IdleStateHandler({ readerIdleMs: 60_000 }),
      new LengthFieldFrameDecoder({
        maxFrameLength: 1 << 20,
        lengthFieldLength: 4,
        initialBytesToStrip: 4,
      }),
      new LengthFieldPrepender({ lengthFieldLength: 4 }),
      joinAndBroadcast,
    ),
  )
  .bind({ port: Number(port), host, backlog: 4096 });
console.log('ready');
