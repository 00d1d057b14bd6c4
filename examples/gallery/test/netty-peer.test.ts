import { textLines } from '@headrace/codec';
import { Bootstrap, MemoryNetwork, silentLogger } from '@headrace/core';
import { passTime, settle, VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { startClient, startServer } from '../src/netty-peer.ts';

const IDLE_MS = 120_000;

class World extends MemoryNetwork {
  readonly clock = new VirtualClock();
  readonly options = { clock: this.clock, logger: silentLogger };
  readonly place = { network: this, name: 'netty' };

  up() {
    return this.during(startServer(this.place, IDLE_MS, this.options));
  }

  /** A connection of plain lines, and what came over it, with the time. */
  async plain() {
    const got: string[] = [];
    const bootstrap = new Bootstrap().options(this.options).handler(({ pipeline }) =>
      pipeline.addLast(...textLines({ maxLength: 10_000 }), {
        channelRead: (_ctx, line: string) => void got.push(`${this.clock.now()} ${line}`),
      }),
    );
    const channel = await this.during(bootstrap.connect(this.place));
    const send = async (...lines: string[]): Promise<void> => {
      for (const line of lines) channel.writeAndFlush(line);
      await this.settle();
    };
    return { channel, got, send };
  }

  private async during<T>(promise: Promise<T>): Promise<T> {
    await this.settle();
    return promise;
  }

  settle(): Promise<void> {
    return settle(this.clock);
  }

  pass(ms: number): Promise<void> {
    return passTime(this.clock, ms);
  }
}

it('signs in, answers PING and lines, and refuses an empty id', async () => {
  const world = new World();
  await world.up();
  const { got, send } = await world.plain();
  await send('PING', 'AUTH:', 'AUTH: ann', 'hello', 'ping', 'x'.repeat(8192));
  expect(got).toEqual([
    '0 PONG',
    '0 ERR:EMPTY_CLIENT_ID',
    '0 AUTH_OK',
    '0 ECHO:hello',
    '0 PONG',
    `0 ECHO:${'x'.repeat(8192)}`,
  ]);
});

it('ends strangers, the older of two with one id, and lines over 8192 bytes', async () => {
  const world = new World();
  await world.up();
  const [stranger, older, newer] = [await world.plain(), await world.plain(), await world.plain()];
  await stranger.send('hello');
  await older.send('AUTH:ann');
  await newer.send('AUTH:ann', 'x'.repeat(8193));
  await world.pass(3000);
  expect([stranger.got, older.got, newer.got]).toEqual([
    ['0 ERR:UNAUTH'],
    ['0 AUTH_OK', '0 ERR:KICKED'],
    ['0 AUTH_OK'],
  ]);
  expect([stranger, older, newer].map(({ channel }) => channel.isActive)).toEqual([
    false,
    false,
    false,
  ]);
});

it('ends a peer that is silent for exactly 120 s, or does not sign in within 10 s', async () => {
  const world = new World();
  await world.up();
  const [silent, late] = [await world.plain(), await world.plain()];
  await silent.send('AUTH:ann');
  await world.pass(100_000);
  await silent.send('hello');
  await world.pass(130_000);
  expect(silent.got).toEqual(['0 AUTH_OK', '100000 ECHO:hello', '220000 ERR:IDLE_TIMEOUT']);
  expect(late.got).toEqual(['10000 ERR:UNAUTH']);
});

it('keeps a client online by PING, and signs it in again a second after a loss', async () => {
  const world = new World();
  const { server: first } = await world.up();
  const log: string[] = [];
  const client = startClient(
    world.place,
    'ann',
    (line: string) => log.push(`${world.clock.now()} ${line}`),
    world.options,
  );
  void client.start();
  await world.pass(9000);
  for (const channel of first.connections) channel.abort();
  await world.pass(600_000);
  client.writeAndFlush('hello');
  await world.settle();
  expect(log).toEqual(['0 AUTH_OK', '10000 AUTH_OK', '609000 ECHO:hello']);
  void client.close();
  await world.pass(3000);
});

it('broadcasts a line only to members that have signed in', async () => {
  const world = new World();
  const { broadcast } = await world.up();
  const [ann, bob, stranger] = [await world.plain(), await world.plain(), await world.plain()];
  await ann.send('AUTH:ann');
  await bob.send('AUTH:bob');
  broadcast('news');
  await world.settle();
  expect([ann.got, bob.got, stranger.got]).toEqual([
    ['0 AUTH_OK', '0 news'],
    ['0 AUTH_OK', '0 news'],
    [],
  ]);
});
