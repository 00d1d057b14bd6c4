// A virtual hour of 50 hosts with heartbeats every 10 s: the CPU time that the simulation takes.
import { LengthFieldFrameDecoder, LengthFieldPrepender, StringCodec } from '@headrace/codec';
import { Bootstrap, ServerBootstrap } from '@headrace/core';
import { HeartbeatHandler } from '@headrace/handlers';
import { Simulation } from '@headrace/simulation';
import { report } from './measure.mjs';

const HOSTS = 50;
const INTERVAL_MS = 10_000;
const HOUR_MS = 3_600_000;

const frames = { lengthFieldLength: 2, maxFrameLength: 1024 };

function build(random, options) {
  return (channel) =>
    channel.pipeline.addLast(
      new LengthFieldFrameDecoder({ ...frames, lengthFieldLength: 2, initialBytesToStrip: 2 }),
      new LengthFieldPrepender({ lengthFieldLength: 2 }),
      new StringCodec(),
      new HeartbeatHandler({ random, ...options }),
    );
}

async function hour() {
  const sim = new Simulation({ seed: 1, latency: { minMs: 1, maxMs: 50 } });
  sim.host('server', async (host) => {
    await new ServerBootstrap()
      .childOptions(host.options)
      .childHandler(build(host.random, {}))
      .bind({ network: host, port: 7 });
  });
  for (let i = 1; i < HOSTS; i += 1) {
    sim.host(`client ${i}`, async (host) => {
      await new Bootstrap()
        .options(host.options)
        .handler(build(host.random, { intervalMs: INTERVAL_MS, onlyWhenQuiet: false }))
        .connect({ network: host, host: 'server', port: 7 });
    });
  }
  const before = process.cpuUsage();
  await sim.run({ untilMs: HOUR_MS });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

const rounds = Math.min(5, Number(process.env.BENCH_ROUNDS ?? 5));
await hour();
const values = [];
for (let i = 0; i < rounds; i += 1) values.push(await hour());
report(`a virtual hour of ${HOSTS} hosts with heartbeats`, 's', values, 2);
