// One port for each way to find a dead peer. Reports, as lines of JSON, its ports, and when and why each
// connection closed.
import { textLines } from '@headrace/codec';
import { type Channel, type ChildOptions, type Context, ServerBootstrap } from '@headrace/core';
import {
  HEARTBEAT_PRESETS,
  HeartbeatHandler,
  IdleCloseHandler,
  IdleStateHandler,
} from '@headrace/handlers';

const host = process.argv[2] ?? '127.0.0.1';
const report = (line: object): void => console.log(JSON.stringify(line));

/** Writes every `everyMs` from the cut on; once only with `Infinity`. The cut is announced by a signal. */
function writesAfterCut(text: string, everyMs: number) {
  return {
    channelActive(ctx: Context): void {
      const write = (): void => {
        if (!ctx.channel.isOpen) return;
        ctx.writeAndFlush(text).onSettled(() => {});
        if (everyMs < Infinity) ctx.clock.schedule(write, everyMs);
      };
      process.once('SIGUSR2', write);
      ctx.fireChannelActive();
    },
  };
}

const OFF: ChildOptions = { keepAlive: false };
const TUNED: ChildOptions = { keepAlive: true, keepAliveInitialDelayMs: 30_000 };

type Case = readonly [name: string, options: ChildOptions, build: (channel: Channel) => void];

const CASES: readonly Case[] = [
  ['nothing; idle', OFF, () => {}],
  ['nothing; one write', OFF, ({ pipeline }) => pipeline.addLast(writesAfterCut('x', Infinity))],
  [
    'nothing; a write every 2 s',
    OFF,
    ({ pipeline }) => pipeline.addLast(writesAfterCut('x', 2000)),
  ],
  [
    'nothing; 64 KiB every 100 ms',
    OFF,
    ({ pipeline }) => pipeline.addLast(writesAfterCut('x'.repeat(65_536), 100)),
  ],
  [
    'nothing; 4 MiB at once',
    OFF,
    ({ pipeline }) => pipeline.addLast(writesAfterCut('x'.repeat(4 << 20), Infinity)),
  ],
  ['keepAlive, times of the kernel; idle', { keepAlive: true }, () => {}],
  ['keepAliveInitialDelayMs 30000; idle', TUNED, () => {}],
  [
    'keepAliveInitialDelayMs 30000; one write',
    TUNED,
    ({ pipeline }) => pipeline.addLast(writesAfterCut('x', Infinity)),
  ],
  [
    'IdleStateHandler, readerIdleMs 30000, and IdleCloseHandler',
    OFF,
    ({ pipeline }) =>
      pipeline.addLast(new IdleStateHandler({ readerIdleMs: 30_000 }), new IdleCloseHandler()),
  ],
  [
    'HeartbeatHandler, relaxed; idle',
    OFF,
    ({ pipeline }) => pipeline.addLast(new HeartbeatHandler(HEARTBEAT_PRESETS.relaxed)),
  ],
  [
    'HeartbeatHandler, strict; idle',
    OFF,
    ({ pipeline }) => pipeline.addLast(new HeartbeatHandler(HEARTBEAT_PRESETS.strict)),
  ],
  [
    'HeartbeatHandler, strict; a write every 2 s',
    OFF,
    ({ pipeline }) =>
      pipeline.addLast(new HeartbeatHandler(HEARTBEAT_PRESETS.strict), writesAfterCut('x', 2000)),
  ],
];

process.setMaxListeners(CASES.length + 1);
const ports: Record<string, number> = {};
for (const [name, options, build] of CASES) {
  const server = await new ServerBootstrap()
    .childOptions(options)
    .childHandler((channel) => {
      channel.pipeline.addLast(...textLines({ maxLength: 8 << 20 }));
      build(channel);
      channel.onClosed(({ closeInfo }) => {
        const code = (closeInfo!.error?.cause as NodeJS.ErrnoException | undefined)?.code;
        report({ closed: name, at: Date.now(), reason: closeInfo!.reason, code });
      });
    })
    .bind({ host, port: 0 });
  ports[name] = server.port;
}
report({ ports });
