// The log of lasting channels on three servers of NATS, whose leader is killed under load.
import { setTimeout as delay } from 'node:timers/promises';
import { openBus } from '@headrace/bus';
import { natsBus } from '@headrace/bus/nats';
import { lengthPrefixed, StringCodec } from '@headrace/codec';
import {
  AttributeKey,
  Bootstrap,
  type Channel,
  type Context,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { LastingBootstrap, ResumeHandler, ResumeTable } from '@headrace/lasting';
import { sessionLogOf } from '@headrace/lasting/log';
import { describe, expect, it, onTestFinished } from 'vitest';
import { missing, NATS_SERVER } from '../../../core/test/fixture/bus-server.ts';
import { NatsCluster } from '../log/nats-cluster.ts';

const CLIENTS = 50;
const app = 'test';
const STREAM = 'hr_ptest+k+lasting';
const host = '127.0.0.1';
const options = { logger: silentLogger };
const framing = () => lengthPrefixed({ maxFrameLength: 65_536 });
const COUNT = new AttributeKey<number>('count');
const absent = missing(NATS_SERVER);

/** A client that numbers what it says, and wants each number back once. */
class NumberedClient {
  said = 0;
  answered = 0;
  wrong: string | undefined = undefined;
  ended: string | undefined = undefined;
  channel!: Channel;

  async begin(port: number): Promise<void> {
    this.channel = await new LastingBootstrap({
      bootstrap: new Bootstrap()
        .options(options)
        .handler(({ pipeline }) => pipeline.addLast(...framing())),
      addresses: [{ host, port }],
      logger: silentLogger,
    })
      .handler(({ pipeline }) =>
        pipeline.addLast(new StringCodec(), {
          channelRead: (_ctx: Context, text: string) => this.took(Number(text)),
        }),
      )
      .connect();
    this.channel.onClosed((channel) => {
      this.ended = channel.closeInfo?.reason;
    });
  }

  say(): void {
    this.said += 1;
    this.channel.writeAndFlush(String(this.said)).onSettled(() => {});
  }

  private took(number: number): void {
    this.answered += 1;
    if (number !== this.answered) this.wrong ??= `${number} in place of ${this.answered}`;
  }
}

describe.runIf(absent === '')(`a log in three servers of NATS${absent}`, () => {
  it('loses and repeats nothing when the leader of its stream is killed, twice', async () => {
    const cluster = await NatsCluster.start();
    onTestFinished(() => cluster.end());
    const servers = cluster.ports.map((port) => `nats://127.0.0.1:${port}`);
    const bus = openBus(natsBus({ servers, replicas: 3 }), { app, logger: silentLogger });
    onTestFinished(() => bus.close());
    const table = new ResumeTable({ log: sessionLogOf(bus, { app }) });
    const server = await new ServerBootstrap()
      .options(options)
      .childOptions(options)
      .childHandler((link) =>
        link.pipeline.addLast(
          ...framing(),
          new ResumeHandler({
            table,
            childHandler: (channel) =>
              channel.pipeline.addLast(new StringCodec(), {
                channelRead: (ctx: Context, text: string) => {
                  const count = (channel.attributes.get(COUNT) ?? 0) + 1;
                  channel.attributes.set(COUNT, count);
                  ctx.writeAndFlush(count === Number(text) ? text : `not ${text}`);
                },
              }),
            save: (channel) => channel.attributes.get(COUNT) ?? 0,
            restore: (channel, count) => channel.attributes.set(COUNT, count as number),
          }),
        ),
      )
      .bind({ host, port: 0 });
    onTestFinished(() => server.close());
    onTestFinished(() => table.close());
    const clients = Array.from({ length: CLIENTS }, () => new NumberedClient());
    await Promise.all(clients.map((client) => client.begin(server.port)));
    const timer = setInterval(() => {
      for (const client of clients) client.say();
    }, 200);
    onTestFinished(() => clearInterval(timer));
    for (let round = 0; round < 2; round += 1) {
      await delay(2000);
      await cluster.killLeaderOf(STREAM);
      await delay(10_000);
      await cluster.startKilled();
      await delay(4000);
    }
    clearInterval(timer);
    const isAnswered = () => clients.every(({ said, answered }) => answered >= said);
    for (let tries = 0; tries < 300 && !isAnswered(); tries += 1) await delay(100);
    expect(
      clients.map(({ said, answered, wrong, ended }) => [said - answered, wrong, ended]),
    ).toEqual(clients.map(() => [0, undefined, undefined]));
    expect(clients.every(({ said }) => said > 50)).toBe(true);
    for (const { channel } of clients) channel.close();
  }, 180_000);
});
