// A server with one port for each way to find a dead peer, run as a process by half-open.heavy.test.ts.
// Tells the ports, and each connection that closed and why, as lines of JSON.
import { textLines } from '@headrace/codec';
import { type Channel, type ChildOptions, type Context, ServerBootstrap } from '@headrace/core';
import { HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';

const host = process.argv[2] ?? '127.0.0.1';

/** Writes all the time, as an application does that does not know yet. */
const writer = {
  channelActive(ctx: Context) {
    const write = (): void => {
      if (!ctx.channel.isOpen) return;
      ctx.writeAndFlush('data');
      ctx.clock.schedule(write, 500);
    };
    write();
    ctx.fireChannelActive();
  },
};

const strict = () => new HeartbeatHandler(HEARTBEAT_PRESETS.strict);
const KEEPALIVE: ChildOptions = { keepAlive: true, keepAliveInitialDelayMs: 5000 };
const NO_KEEPALIVE: ChildOptions = { keepAlive: false };

async function listen(name: string, options: ChildOptions, build: (channel: Channel) => void) {
  const server = await new ServerBootstrap()
    .childOptions(options)
    .childHandler((channel: Channel) => {
      channel.pipeline.addLast(...textLines());
      build(channel);
      channel.onClosed(({ closeInfo }) => {
        console.log(JSON.stringify({ closed: name, reason: closeInfo!.reason }));
      });
    })
    .bind({ host, port: 0 });
  return [name, server.port] as const;
}

const ports = await Promise.all([
  listen('strict, idle', NO_KEEPALIVE, ({ pipeline }) => pipeline.addLast(strict())),
  listen('strict, writing', NO_KEEPALIVE, ({ pipeline }) => pipeline.addLast(strict(), writer)),
  listen('keepalive, idle', KEEPALIVE, () => {}),
  listen('keepalive, writing', KEEPALIVE, ({ pipeline }) => pipeline.addLast(writer)),
  listen('nothing, idle', NO_KEEPALIVE, () => {}),
]);
console.log(JSON.stringify({ ports: Object.fromEntries(ports) }));
