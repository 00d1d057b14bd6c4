// 1,000 seeds of lasting channels over a network that fails: the CPU time that the simulation takes.

import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, ServerBootstrap } from '@headrace/core';
import { EchoHandler, emptyFrameHeartbeat, HeartbeatHandler } from '@headrace/handlers';
import { LastingBootstrap, ResumeHandler, ResumeTable } from '@headrace/lasting';
import { explore } from '@headrace/simulation';
import { report } from './measure.mjs';

const SEEDS = 1000;
const FAULTS_MS = 5000;
const QUIET_MS = 14_000;
const WINDOW_MS = 12_000;
const SETTLE_MS = 16_000;

const format = emptyFrameHeartbeat();
const links =
  (host, heartbeat, ...handlers) =>
  ({ pipeline }) =>
    pipeline.addLast(
      ...lengthPrefixed({ maxFrameLength: 10_000 }),
      new HeartbeatHandler({ format, random: host.random, ...heartbeat }),
      ...handlers,
    );

async function serve(host) {
  const table = new ResumeTable({ windowMs: WINDOW_MS, random: host.randomBytes });
  const childHandler = ({ pipeline }) => pipeline.addLast(new EchoHandler());
  await new ServerBootstrap()
    .childOptions(host.options)
    .childHandler((link) =>
      links(host, { silenceMs: 2500 }, new ResumeHandler({ table, childHandler }))(link),
    )
    .bind({ network: host, port: 7 });
}

/** Writes numbered messages, and counts their echoes. */
async function talk(host, got) {
  const channel = await new LastingBootstrap({
    bootstrap: new Bootstrap()
      .options(host.options)
      .handler(links(host, { intervalMs: 800, timeoutMs: 800 })),
    addresses: [{ network: host, host: 'server', port: 7 }],
    retry: () => 100 + host.random() * 400,
    connectTimeoutMs: 1500,
    windowMs: WINDOW_MS,
    random: host.random,
    ...host.options,
  })
    .handler(({ pipeline }) =>
      pipeline.addLast({
        channelRead: (_ctx, message) => {
          got.echoes += 1;
          if (message.readUInt32BE() !== got.echoes) throw new Error('an echo is not in order');
        },
      }),
    )
    .connect();
  const write = () => {
    if (host.clock.now() > FAULTS_MS) return;
    got.written += 1;
    const message = Buffer.alloc(4 + Math.floor(host.random() * 200));
    message.writeUInt32BE(got.written);
    channel.writeAndFlush(message).onSettled(() => {});
    host.clock.schedule(write, host.random() * 200);
  };
  write();
}

async function scenario(sim) {
  const got = { written: 0, echoes: 0 };
  sim.host('server', serve);
  sim.host('client', (host) => talk(host, got));
  sim.link('client', 'server').latency({ minMs: 5, maxMs: 100 }).buffer(4096);
  const forMs = { minMs: 50, maxMs: 3000 };
  sim.chaos({ partition: 30, reset: 40, slow: 10, freeze: 15, forMs, untilMs: FAULTS_MS });
  await sim.run({ untilMs: QUIET_MS });
  if (got.echoes !== got.written) throw new Error(`${got.echoes} of ${got.written} echoes came`);
}

async function seconds(seeds) {
  const before = process.cpuUsage();
  await explore({ seeds, settleMs: SETTLE_MS, scenario });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const rounds = Math.min(3, Number(process.env.BENCH_ROUNDS ?? 3));
await seconds(SEEDS / 10);
const values = [];
for (let i = 0; i < rounds; i += 1) values.push(await seconds(SEEDS));
report(`${SEEDS} seeds of lasting channels`, 's', values, 60);
