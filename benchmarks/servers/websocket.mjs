// Binary messages over WebSockets: node benchmarks/servers/websocket.mjs PORT HOST [all]
// A message goes back as one, or with `all` to every connection, its sender included.
import { ChannelGroup, ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { HttpEndpoint } from '@headrace/websocket';

const [port, host = '127.0.0.1', reach] = process.argv.slice(2);
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
const endpoint = new HttpEndpoint({
  webSocket: (channel) =>
    channel.pipeline.addLast(reach === 'all' ? joinAndBroadcast : new EchoHandler()),
});
await new ServerBootstrap()
  .childHandler((channel) => channel.pipeline.addLast(endpoint.handler()))
  .bind({ port: Number(port), host, backlog: 4096 });
console.log('ready');
