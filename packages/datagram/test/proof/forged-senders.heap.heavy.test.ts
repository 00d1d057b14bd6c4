// 100,000 forged senders in a minute, on a real socket: what SECURITY.md says about the peers of a socket for datagrams.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { StringCodec } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type Context,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { perPeer, toPeer } from '@headrace/datagram';
import { IdleStateHandler, PRINCIPAL } from '@headrace/handlers';
import { expect, it } from 'vitest';
import { Inbox } from '../../../core/test/fixture/inbox.ts';

const FORGED = 100_000;
const BATCH = 1000;
const MINUTE_MS = 60_000;
const MAX_PEERS = 10_000;
const DEVICES = 50;
/** For each peer with an `IdleStateHandler` and a `StringCodec`, with its share of the tables. */
const PEER_BYTES = 3400;

const collect = (globalThis as { gc?: () => void }).gc!;

/** What is alive now: in the heap, and in Buffers. */
function bytesAlive(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function serve() {
  const listener = perPeer({ port: 0, host: '127.0.0.1', maxPeers: MAX_PEERS });
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger })
    .childHandler((channel) =>
      channel.pipeline.addLast(new IdleStateHandler({ readerIdleMs: 300_000 }), new StringCodec(), {
        channelRead(ctx: Context, text: string) {
          if (text.startsWith('login')) ctx.channel.attributes.set(PRINCIPAL, { id: text });
          if (ctx.channel.attributes.has(PRINCIPAL)) ctx.writeAndFlush(text);
        },
      }),
    )
    .bind({ listener });
  return { listener, server };
}

/** A device that asks until it is answered, as clients of datagrams do. */
class Device {
  readonly inbox = new Inbox();
  channel!: Channel;

  async connect(port: number): Promise<this> {
    const channel = await new Bootstrap()
      .options({ logger: silentLogger })
      .handler((self) => self.pipeline.addLast(new StringCodec(), this.inbox))
      .connect({ transport: toPeer({ host: '127.0.0.1', port }) });
    this.channel = channel as unknown as Channel;
    return this;
  }

  async ask(text: string): Promise<void> {
    for (let tries = 0; !this.inbox.messages.includes(text); tries++) {
      if (tries === 100) throw new Error(`nobody answers "${text}"`);
      this.channel.writeAndFlush(text);
      for (let waits = 0; waits < 10 && !this.inbox.messages.includes(text); waits++)
        await pause(20);
    }
  }
}

async function sendForged(forger: ChildProcess, first: number, port: number): Promise<void> {
  const sent = once(forger, 'message');
  forger.send({ first, count: BATCH, port });
  await sent;
}

it(`${FORGED} forged senders take what ${MAX_PEERS} peers take, and ${DEVICES} signed-in devices are served`, async () => {
  const { listener, server } = await serve();
  const { port } = server;
  const devices = await Promise.all(
    Array.from({ length: DEVICES }, () => new Device().connect(port)),
  );
  await Promise.all(devices.map((device, i) => device.ask(`login ${i}`)));
  const signedIn = [...server.connections];
  expect(signedIn.length).toBe(DEVICES);
  const forger = fork(new URL('../fixture/forger.mjs', import.meta.url), { execArgv: [] });
  const before = bytesAlive();
  let most = 0;
  try {
    const begun = Date.now();
    // The kernel drops some: as many are sent as must arrive.
    for (let batch = 0; listener.refused + listener.evicted + listener.size < FORGED; batch++) {
      await sendForged(forger, batch * BATCH, port);
      await pause(Math.max(1, begun + (batch + 1) * (MINUTE_MS / (FORGED / BATCH)) - Date.now()));
      expect(listener.size).toBeLessThanOrEqual(MAX_PEERS);
      if (batch % 10 !== 9) continue;
      await Promise.all(devices.map((device, i) => device.ask(`during ${batch} ${i}`)));
      for (const { inbox } of devices) inbox.messages.length = 0;
      most = Math.max(most, bytesAlive() - before);
    }
  } finally {
    forger.disconnect();
  }
  await Promise.all(devices.map((device, i) => device.ask(`after ${i}`)));
  expect(signedIn.filter((channel) => !channel.isOpen)).toEqual([]);
  expect(listener.refused).toBe(0);
  expect(listener.evicted).toBeGreaterThan(FORGED - MAX_PEERS - DEVICES);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThan(MAX_PEERS * PEER_BYTES);
  for (const { channel } of devices) channel.close();
  await server.close();
});
