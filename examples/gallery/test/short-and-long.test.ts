import { MemoryNetwork, type Server, silentLogger } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { beforeEach, expect, it } from 'vitest';
import { asker, startEcho } from '../src/short-and-long.ts';

const QUESTION = `get ${'k'.repeat(55)}END\r\n`;

let clock: VirtualClock;
let network: MemoryNetwork;
let server: Server;
let accepted: number;

async function finished<T>(promise: PromiseLike<T>): Promise<T> {
  let isOver = false;
  promise.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  for (let turn = 0; turn < 50 && !isOver; turn++) {
    clock.runTasks();
    await new Promise(setImmediate);
  }
  return promise;
}

const made = (style: 'short' | 'kept' | 'limited') =>
  asker({ network, name: 'echo' }, style, 5000, { clock, logger: silentLogger });

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork();
  accepted = 0;
  const options = { clock, logger: silentLogger };
  server = await finished(startEcho({ network, name: 'echo' }, options));
  server.on('connection', () => {
    accepted += 1;
  });
});

it('connects once for each exchange, once for all, or once for every hundred', async () => {
  for (const [style, connections] of [
    ['short', 201],
    ['kept', 1],
    ['limited', 3],
  ] as const) {
    accepted = 0;
    const { ask, end, counts } = made(style);
    for (let count = 0; count < 201; count++) {
      if (style === 'limited' && count === 200) expect(counts.connections).toBe(2);
      expect(await finished(ask(QUESTION))).toBe(`get ${'k'.repeat(55)}`);
    }
    end();
    expect([style, counts.connections, accepted]).toEqual([style, connections, connections]);
  }
});

it('leaves a limited connection after five seconds, and no other', async () => {
  for (const [style, connections] of [
    ['kept', 1],
    ['limited', 2],
  ] as const) {
    const { ask, counts } = made(style);
    await finished(ask(QUESTION));
    clock.advance(4999);
    await finished(ask(QUESTION));
    expect(counts.connections).toBe(1);
    clock.advance(1);
    await finished(ask(QUESTION));
    expect([style, counts.connections]).toEqual([style, connections]);
  }
});

it('gives the answer that is under way when the five seconds are over', async () => {
  const { ask, counts } = made('limited');
  await finished(ask(QUESTION));
  clock.advance(4999);
  const holds = Array.from(server.connections, (channel) => channel.holdReads('test'));
  const answer = ask(QUESTION);
  clock.advance(1);
  for (const hold of holds) hold.release();
  expect(await finished(answer)).toBe(`get ${'k'.repeat(55)}`);
  expect(counts.connections).toBe(1);
});

it('fails the question whose connection is lost, and connects for the next', async () => {
  const { ask, counts } = made('kept');
  await finished(ask(QUESTION));
  const answer = ask(QUESTION);
  for (const channel of server.connections) channel.abort();
  await expect(finished(answer)).rejects.toThrow('the server closed the connection');
  await finished(ask(QUESTION));
  expect(counts.connections).toBe(2);
});

it('answers stats as memcached does', async () => {
  const answer = await finished(made('short').ask('stats\r\n'));
  expect(answer).toMatch(/^STAT rusage_user [\d.]+\r\nSTAT rusage_system [\d.]+\r\n$/);
});
