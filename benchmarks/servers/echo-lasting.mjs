// As echo.mjs, on lasting channels: node benchmarks/servers/echo-lasting.mjs PORT [HOST] [LOG]; the log is `memory`, or the address
// of a Redis or NATS.
import { openBus } from '@headrace/bus';
import { ServerBootstrap } from '@headrace/core';
import { EchoHandler } from '@headrace/handlers';
import { ResumeHandler, ResumeTable } from '@headrace/lasting';
import { memorySessionLog, sessionLogOf } from '@headrace/lasting/log';
import { frameHandlers } from './frames.mjs';

class PassThroughHandler {
  channelRead(ctx, message) {
    ctx.fireChannelRead(message);
  }

  write(ctx, message) {
    return ctx.write(message);
  }
}

async function logAt(url) {
  if (url === undefined) return undefined;
  if (url === 'memory') return memorySessionLog();
  const app = 'echo';
  const { natsBus } = await import('@headrace/bus/nats');
  const { redisBus } = await import('@headrace/bus/redis');
  const bus = url.startsWith('redis:') ? redisBus({ url }) : natsBus({ servers: url });
  return sessionLogOf(openBus(bus, { app }), { app });
}

const [port, host = '127.0.0.1', logUrl] = process.argv.slice(2);
const log = await logAt(logUrl);
const table = new ResumeTable(log === undefined ? {} : { log });
const childHandler = (channel) =>
  channel.pipeline.addLast(new PassThroughHandler(), new EchoHandler());
await new ServerBootstrap()
  .childHandler((link) =>
    link.pipeline.addLast(...frameHandlers(), new ResumeHandler({ table, childHandler })),
  )
  .bind({ port: Number(port), host, backlog: 1024 });
console.log('ready');
