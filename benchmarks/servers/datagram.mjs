// Datagrams echoed by Headrace, from the built packages: node benchmarks/servers/datagram.mjs PORT [HOST]
import { DatagramBootstrap } from '@headrace/datagram';

const [port, host = '127.0.0.1'] = process.argv.slice(2);
const echo = {
  channelRead(ctx, datagram) {
    ctx.writeAndFlush(datagram);
  },
};
await new DatagramBootstrap()
  .handler((channel) => channel.pipeline.addLast(echo))
  .bind({ port: Number(port), host });
console.log('ready');
