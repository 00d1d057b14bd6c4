import {
  Bootstrap,
  type Channel,
  handler,
  MemoryNetwork,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { beforeEach, expect, it } from 'vitest';
import { startProxy } from '../src/local-proxy.ts';

const SILENT_MS = 10_000;
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

let clock: VirtualClock;
let network: MemoryNetwork;
/** The connections that memcached has, in the order of their coming, and what it got on each. */
let backs: { readonly channel: Channel; got: string }[];

async function settle(ms = 0): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    clock.runTasks();
    await new Promise(setImmediate);
  }
  if (ms === 0) return;
  clock.advance(ms);
  await settle();
}

async function finished<T>(promise: PromiseLike<T>): Promise<T> {
  await settle();
  return promise;
}

async function script(): Promise<{ readonly channel: Channel; got: string }> {
  const made = { channel: undefined as unknown as Channel, got: '' };
  const bootstrap = new Bootstrap().options({ clock, logger: silentLogger }).handler((channel) => {
    made.channel = channel;
    const take = handler<{ reads: Buffer }>({
      channelRead: (_ctx, read) => {
        made.got += read.toString('latin1');
      },
    });
    channel.pipeline.addLast(take);
  });
  await finished(bootstrap.connect({ network, name: 'proxy' }));
  await settle();
  return made;
}

async function say(channel: Channel, text: string): Promise<void> {
  channel.writeAndFlush(bytes(text));
  await settle();
}

const open = (): number => backs.filter(({ channel }) => channel.isOpen).length;

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork();
  backs = [];
  const options = { clock, logger: silentLogger };
  const memcached = new ServerBootstrap()
    .options(options)
    .childOptions(options)
    .childHandler((channel) => {
      const back = { channel, got: '' };
      backs.push(back);
      const take = handler<{ reads: Buffer }>({
        channelRead: (_ctx, read) => {
          back.got += read.toString('latin1');
        },
      });
      channel.pipeline.addLast(take);
    });
  await finished(memcached.bind({ network, name: 'memcached' }));
  const place = { network, name: 'proxy' };
  await finished(startProxy(place, { network, name: 'memcached' }, SILENT_MS, options));
});

/** A script asks, memcached answers on the connection that was borrowed, the script leaves. */
async function exchange(question: string, ...answers: string[]): Promise<string> {
  const before = backs.map(({ got }) => got);
  const one = await script();
  await say(one.channel, question);
  const back = backs.find(({ got }, at) => got !== (before[at] ?? ''))!;
  for (const answer of answers) await say(back.channel, answer);
  one.channel.close();
  await settle();
  return one.got;
}

it('opens four connections, and lends the same one to one script after the other', async () => {
  expect(backs.length).toBe(4);
  const answers = [
    ['END\r\n'],
    ['VALUE a 0 1\r\nx\r\nEND\r\n'],
    ['VALUE a 0 9\r\nlong', ' text\r\nEND\r\n'],
    ['STORED\r\n'],
    ['NOT_FOUND\r\n'],
    ['42\r\n'],
    ['VERSION 1.6.18\r\n'],
  ];
  for (const answer of answers) {
    expect(await exchange('get a\r\n', ...answer)).toBe(answer.join(''));
  }
  expect([backs.length, open()]).toEqual([4, 4]);
  expect(backs.map(({ got }) => got).sort()).toEqual(['', '', '', 'get a\r\n'.repeat(7)]);
});

it('closes what was lent if the last bytes were not the end of an answer', async () => {
  const unfinished = [
    [],
    ['VALUE a 0 4\r\n'],
    ['VALUE a 0 4\r\n\r\n'],
    ['VALUE a 0 8\r\n', '1\r\n2\r\n3\r\n'],
    ['SERVER_ERROR object too large for cache\r\n'],
    ['END\r\nVALUE'],
  ];
  for (const [at, answer] of unfinished.entries()) {
    await exchange('get a\r\n', ...answer);
    expect([answer, backs.length - open()]).toEqual([answer, at + 1]);
  }
});

it('closes what was lent if a question follows its answer, and what gets bytes while nobody has it', async () => {
  const one = await script();
  await say(one.channel, 'get a\r\n');
  const back = backs.find(({ got }) => got !== '')!;
  await say(back.channel, 'END\r\n');
  await say(one.channel, 'set a 0 0 9\r\nhalf');
  one.channel.abort();
  await settle();
  expect(back.channel.isOpen).toBe(false);
  const idle = backs.find(({ channel }) => channel.isOpen)!;
  await say(idle.channel, 'END\r\n');
  expect(idle.channel.isOpen).toBe(false);
});

it('keeps the quit of a script from memcached, but not the word in a value', async () => {
  const one = await script();
  await say(one.channel, 'quit\r\n');
  expect(one.channel.isOpen).toBe(false);
  expect([backs.map(({ got }) => got).join(''), open()]).toEqual(['', 4]);
  const two = await script();
  await say(two.channel, 'set a 0 0 4\r\n');
  await say(two.channel, 'quit\r\n');
  expect(backs.map(({ got }) => got).join('')).toBe('set a 0 0 4\r\nquit\r\n');
});

it('lends 64 at most; the next script waits until one comes back', async () => {
  const scripts = [];
  for (let count = 0; count < 65; count++) scripts.push(await script());
  expect(backs.length).toBe(64);
  await say(scripts[64]!.channel, 'get last\r\n');
  expect(backs.some(({ got }) => got !== '')).toBe(false);
  scripts[0]!.channel.close();
  await settle();
  expect(backs.filter(({ got }) => got === 'get last\r\n').length).toBe(1);
  expect(backs.length).toBe(64);
});

it('ends a script that is silent for ten seconds, and takes its connection from it', async () => {
  const one = await script();
  await say(one.channel, 'set a 0 0 9\r\nhalf');
  await settle(SILENT_MS - 1);
  expect(one.channel.isOpen).toBe(true);
  await settle(1);
  expect(one.channel.isOpen).toBe(false);
  expect(backs.filter(({ got }) => got !== '')[0]!.channel.isOpen).toBe(false);
});

it('ends the script when memcached is gone, and serves the next one as soon as it is back', async () => {
  const one = await script();
  await say(one.channel, 'get a\r\n');
  for (const { channel } of backs) channel.abort();
  await settle();
  expect(one.channel.isOpen).toBe(false);
  expect(await exchange('get a\r\n', 'END\r\n')).toBe('END\r\n');
});
