import { StringCodec } from '@headrace/codec';
import { Bootstrap, type Channel, type Context, ServerBootstrap } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { Datagram, DatagramBootstrap, datagramCounters, perPeer, toPeer } from '@headrace/datagram';
import { type SimulatedHost, Simulation } from '@headrace/simulation';
import { expect, it } from 'vitest';

const REQUESTS = 20;
const RETRY_MS = 200;
const TRIES = 40;

/** A client that asks again until it is answered: `id` out, `id answer` in. */
async function askAll(host: SimulatedHost, answered: Set<number>, reported: Set<number>) {
  const channel = await new Bootstrap()
    .options(host.options)
    .handler((self: Channel) => {
      self.pipeline.addLast(new StringCodec(), {
        channelRead(_ctx: Context, text: string) {
          answered.add(Number(text.split(' ')[0]));
        },
      });
    })
    .connect({
      transport: toPeer({ host: 'server', port: 7, network: host, clock: host.clock }),
    });
  for (let id = 0; id < REQUESTS; id++) {
    const ask = (tries: number): void => {
      if (answered.has(id)) return;
      if (tries === 0) {
        reported.add(id);
        return;
      }
      channel.writeAndFlush(`${id} please`);
      host.clock.schedule(() => ask(tries - 1), RETRY_MS);
    };
    ask(TRIES);
  }
}

/** A server that executes each request of a peer once, and answers it each time that it comes. */
async function serve(host: SimulatedHost, executed: Map<string, number>) {
  await new ServerBootstrap()
    .childOptions(host.options)
    .childHandler((channel) => {
      const seen = new Set<string>();
      channel.pipeline.addLast(new StringCodec(), {
        channelRead(ctx: Context, text: string) {
          const id = text.split(' ')[0]!;
          if (!seen.has(id)) executed.set(id, (executed.get(id) ?? 0) + 1);
          seen.add(id);
          ctx.writeAndFlush(`${id} done`);
        },
      });
    })
    .bind({ listener: perPeer({ port: 7, network: host, clock: host.clock }) });
}

it('on a network that loses, doubles and reorders, a protocol that asks again has each request executed once', async () => {
  const seeds = Array.from({ length: 25 }, (_, i) => i + 1);
  let lost = 0;
  for (const seed of seeds) {
    const sim = new Simulation({ seed });
    const executed = new Map<string, number>();
    const answered = new Set<number>();
    const reported = new Set<number>();
    sim.host('server', (host) => serve(host, executed));
    sim.host('client', (host) => askAll(host, answered, reported));
    sim
      .link('client', 'server')
      .latency({ minMs: 1, maxMs: 50 })
      .datagrams({ loss: 0.3, duplicates: 0.2, reordering: 0.3, reorderMs: 400 });
    await sim.run({ untilMs: RETRY_MS * (TRIES + 2) });
    lost += sim.trace.entries.filter(({ kind }) => kind === 'lost').length;
    expect([seed, answered.size + reported.size]).toEqual([seed, REQUESTS]);
    expect([seed, ...new Set(executed.values())]).toEqual([seed, 1]);
  }
  expect(lost).toBeGreaterThan(100);
});

it('the same seed gives the same run', async () => {
  const hashes = await Promise.all(
    [5, 5, 6].map(async (seed) => {
      const sim = new Simulation({ seed });
      sim.host('server', (host) => serve(host, new Map()));
      sim.host('client', (host) => askAll(host, new Set(), new Set()));
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
