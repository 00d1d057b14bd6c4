// As idle.mjs, on lasting channels.
import { ServerBootstrap } from '@headrace/core';
import { AuthHandler, EchoHandler, HeartbeatHandler } from '@headrace/handlers';
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

const authenticate = (message) => ({ principal: String(message) });
const table = new ResumeTable();
const childHandler = (channel) =>
  channel.pipeline.addLast(
    new PassThroughHandler(),
    new AuthHandler({ authenticate, timeoutMs: 600_000 }),
    new EchoHandler(),
  );
const [port, host = '127.0.0.1'] = process.argv.slice(2);
await new ServerBootstrap()
  .childHandler((link) =>
    link.pipeline.addLast(
      ...frameHandlers(600_000),
      new HeartbeatHandler(),
      new ResumeHandler({ table, childHandler }),
    ),
  )
  .bind({ port: Number(port), host, backlog: 4096 });
console.log('ready');
