import { type Channel, type Context } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { Datagram, DatagramBootstrap, datagramCounters } from '@headrace/datagram';
import { Simulation } from '@headrace/simulation';
import { expect, it } from 'vitest';
import { askAll, Outcomes, serve } from './simulation/asking-scenario.ts';

it('the same seed gives the same run', async () => {
  const hashes = await Promise.all(
    [5, 5, 6].map(async (seed) => {
      const sim = new Simulation({ seed });
      sim.host('server', (host) => serve(host, new Outcomes()));
      sim.host('client', (host) => askAll(host, new Outcomes()));
      sim.link('client', 'server').datagrams({ loss: 0.5, duplicates: 0.5 });
      await sim.run({ untilMs: 3000 });
      return sim.trace.hash;
    }),
  );
  expect(hashes[0]).toBe(hashes[1]);
  expect(hashes[0]).not.toBe(hashes[2]);
});

it('loses datagrams that are longer than a link carries', async () => {
  const sim = new Simulation({ seed: 1 });
  const heard: number[] = [];
  let received = 0;
  sim.host('server', async (host) => {
    const channel = await new DatagramBootstrap()
      .options(host.options)
      .handler((self) => {
        self.pipeline.addLast({
          channelRead: (_ctx: Context, { bytes }: Datagram) => void heard.push(bytes.length),
        });
      })
      .bind({ port: 7, network: host });
    host.clock.schedule(() => {
      received = datagramCounters(channel as Channel).received;
    }, 900);
  });
  sim.host('client', async (host) => {
    const channel = await new DatagramBootstrap()
      .options(host.options)
      .handler(() => {})
      .connect({ host: 'server', port: 7, network: host });
    for (const size of [1000, 2000, 1400]) channel.write({ bytes: Buffer.alloc(size) } as never);
    channel.flush();
  });
  sim.link('client', 'server').datagrams({ maxBytes: 1472 });
  await sim.run({ untilMs: 1000 });
  expect(heard).toEqual([1000, 1400]);
  expect(received).toBe(2);
});

it('an EmbeddedChannel takes datagrams as it takes every message', () => {
  const channel = new EmbeddedChannel({
    channelRead: (ctx: Context, datagram: Datagram) =>
      void ctx.writeAndFlush(datagram.reply(Buffer.from('pong'))),
  });
  const sender = { host: '192.0.2.1', port: 5000, family: 'IPv4' } as const;
  channel.writeInbound(new Datagram(Buffer.from('ping'), sender));
  expect(channel.readOutbound()).toEqual({ bytes: Buffer.from('pong'), recipient: sender });
});
