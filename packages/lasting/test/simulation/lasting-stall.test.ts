import { lengthPrefixed } from '@headrace/codec';
import { Bootstrap, type Channel, ServerBootstrap } from '@headrace/core';
import { LastingBootstrap, ResumeHandler, ResumeTable } from '@headrace/lasting';
import { type SimulatedHost, Simulation } from '@headrace/simulation';
import { expect, it } from 'vitest';

const frames = () => lengthPrefixed({ maxFrameLength: 10_000 });

/** Lasting channels that read nothing. */
async function serve(host: SimulatedHost): Promise<void> {
  const table = new ResumeTable({ creditBytes: 2000, random: host.randomBytes });
  const resume = new ResumeHandler({
    table,
    childHandler: () => {},
    childOptions: { ...host.options, autoRead: false },
  });
  await new ServerBootstrap()
    .childOptions(host.options)
    .childHandler(({ pipeline }) => pipeline.addLast(...frames(), resume.fresh()))
    .bind({ network: host, port: 7 });
}

it('a lasting channel whose peer takes nothing is found by what its link knows, without asking the system', async () => {
  const sim = new Simulation({ seed: 1 });
  let channel: Channel | undefined;
  let closedAtMs = 0;
  sim.host('server', serve);
  sim.host('client', async (host) => {
    channel = await new LastingBootstrap({
      bootstrap: new Bootstrap()
        .options(host.options)
        .handler(({ pipeline }) => pipeline.addLast(...frames())),
      addresses: [{ network: host, host: 'server', port: 7 }],
      random: host.random,
      ...host.options,
    })
      .handler(() => {})
      .connect();
    channel.onClosed(() => {
      closedAtMs = sim.now;
    });
    for (let i = 0; i < 10; i += 1) channel.writeAndFlush(Buffer.alloc(500)).onSettled(() => {});
  });
  await sim.run({ untilMs: 30_000 });
  expect(channel?.closeInfo?.reason).toBe('slow-consumer');
  // 10 s without progress, and a quarter of it for the second look at the link: none for what knows nothing.
  expect(closedAtMs).toBeGreaterThan(12_000);
  await sim.verify(70_000);
});
