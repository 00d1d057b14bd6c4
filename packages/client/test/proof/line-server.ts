// A server of lines with heartbeats, run as a process by the heavy tests, which kill it. Tells its port.
import { textLines } from '@headrace/codec';
import { ServerBootstrap, silentLogger } from '@headrace/core';
import { HeartbeatHandler } from '@headrace/handlers';

const [port = '0'] = process.argv.slice(2);
const server = await new ServerBootstrap()
  .options({ logger: silentLogger })
  .childOptions({ logger: silentLogger })
  .childHandler((channel) =>
    channel.pipeline.addLast(...textLines({ maxLength: 128 }), new HeartbeatHandler(), {
      channelRead: (ctx, line) => void ctx.writeAndFlush(line),
    }),
  )
  .bind({ host: '127.0.0.1', port: Number(port), backlog: 4096 });
console.log(server.port);
