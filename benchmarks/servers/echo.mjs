// The echo server under test, from the built packages: node benchmarks/servers/echo.mjs PORT [HOST [LIMIT]]
import { ServerBootstrap } from '@headrace/core';
import { rememberMethods } from '@headrace/core/authoring';
import { EchoHandler } from '@headrace/handlers';
import { frameHandlers } from './frames.mjs';

class PassThroughHandler {
  get keepsReads() {
    return KEEPS_READS;
  }

  channelRead(ctx, message) {
    ctx.fireChannelRead(message);
  }

  write(ctx, message) {
    return ctx.write(message);
  }
}
const KEEPS_READS = rememberMethods(PassThroughHandler);

const [port, host = '127.0.0.1', limit = 1 << 20] = process.argv.slice(2);
await new ServerBootstrap()
  .childHandler((channel) =>
    channel.pipeline.addLast(
      ...frameHandlers(60_000, Number(limit)),
      new PassThroughHandler(),
      new EchoHandler(),
    ),
  )
  .bind({ port: Number(port), host, backlog: 1024 });
console.log('ready');
