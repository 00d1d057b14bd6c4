// As echo.mjs, on lasting channels: node benchmarks/servers/echo-lasting.mjs PORT [HOST]
import { ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { ResumeHandler, ResumeTable } from '@headrace/lasting';
import { frameHandlers } from './frames.mjs';

class PassThroughHandler {
  channelRead(ctx, message) {
    ctx.fireChannelRead(message);
  }

  write(ctx, message) {
    return ctx.write(message);
  }
}

const table = new ResumeTable();
const childHandler = (channel) =>
  channel.pipeline.addLast(new PassThroughHandler(), new EchoHandler());
const [port, host = '127.0.0.1'] = process.argv.slice(2);
await new ServerBootstrap()
  .childHandler((link) =>
    link.pipeline.addLast(...frameHandlers(), new ResumeHandler({ table, childHandler })),
  )
  .bind({ port: Number(port), host, backlog: 1024 });
console.log('ready');
