// Many connections that do nothing: the echo pipeline with sign-in and heartbeat, from the built packages.
import { ServerBootstrap } from '@headrace/core';
import { AuthHandler, EchoHandler, HeartbeatHandler } from '@headrace/handlers';
import { frameHandlers } from './frames.mjs';

class PassThroughHandler {
  channelRead(ctx, message) {
    ctx.fireChannelRead(message);
  }

  write(ctx, message) {
    return ctx.write(message);
  }
}

const authenticate = (message) => ({ principal: String(message) });
const [port, host = '127.0.0.1'] = process.argv.slice(2);
await new ServerBootstrap()
  .childHandler((channel) =>
    channel.pipeline.addLast(
      ...frameHandlers(600_000),
      new PassThroughHandler(),
      new AuthHandler({ authenticate, timeoutMs: 600_000 }),
      new HeartbeatHandler(),
      new EchoHandler(),
    ),
  )
  .bind({ port: Number(port), host, backlog: 4096 });
console.log('ready');
