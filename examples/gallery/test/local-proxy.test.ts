import {
  Bootstrap,
  type Channel,
  handler,
  MemoryNetwork,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { beforeEach, expect, it } from 'vitest';
import { startProxy } from '../src/local-proxy.ts';
import { PROTOCOLS } from '../src/proxy-protocols.ts';

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

interface Script {
  readonly channel: Channel;
  got: string;
}

async function script(name = 'proxy'): Promise<Script> {
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
  await finished(bootstrap.connect({ network, name }));
  await settle();
  return made;
}

/** A script of a proxy for Redis, with the same server behind it. */
async function redisScript(limits: object = {}): Promise<Script> {
  const place = { network, name: 'redis proxy' };
  const behind = { network, name: 'memcached' };
  const settings = { ...options(), ...limits };
  await finished(startProxy(place, behind, SILENT_MS, PROTOCOLS.redis, settings));
  return script('redis proxy');
}

async function say(channel: Channel, text: string): Promise<void> {
  channel.writeAndFlush(bytes(text));
  await settle();
}

const open = (): number => backs.filter(({ channel }) => channel.isOpen).length;

const options = () => ({ clock, logger: silentLogger });
let server: Server;
let proxy: Server;

async function startMemcached(): Promise<void> {
  const memcached = new ServerBootstrap()
    .options(options())
    .childOptions(options())
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
  server = await finished(memcached.bind({ network, name: 'memcached' }));
}

beforeEach(async () => {
  clock = new VirtualClock();
  network = new MemoryNetwork();
  backs = [];
  await startMemcached();
  const place = { network, name: 'proxy' };
  const behind = { network, name: 'memcached' };
  proxy = await finished(startProxy(place, behind, SILENT_MS, PROTOCOLS.memcached, options()));
});

/** The open connection behind that got this last. */
const asked = (text: string) =>
  backs.find(({ got, channel }) => channel.isOpen && got.endsWith(text))!;

it('asks for 200 scripts over four connections, and gives each script its answer', async () => {
  expect(backs.length).toBe(4);
  const scripts = [];
  for (let at = 0; at < 200; at++) {
    const one = await script();
    scripts.push(one);
    one.channel.writeAndFlush(bytes(`get ${at}\r\n`));
  }
  await settle();
  expect(backs.map(({ got }) => got.match(/get/g)?.length)).toEqual([50, 50, 50, 50]);
  for (const { channel, got } of backs) {
    const answers = got.replaceAll(/get (\d+)\r\n/g, 'VALUE $1 0 1\r\nx\r\nEND\r\n');
    // Cut in the middle of an answer.
    await say(channel, answers.slice(0, 30));
    await say(channel, answers.slice(30));
  }
  for (const [at, { got, channel }] of scripts.entries()) {
    expect(got).toBe(`VALUE ${at} 0 1\r\nx\r\nEND\r\n`);
    channel.close();
  }
  await settle();
  expect([backs.length, open()]).toEqual([4, 4]);
});

it('keeps the order of what a script asks at once, also of its own answers', async () => {
  const one = await script();
  await say(one.channel, 'get a\r\nwatch\r\ndelete b noreply\r\nget c\r\n');
  const back = asked('get a\r\ndelete b\r\nget c\r\n').channel;
  expect(one.got).toBe('');
  const refusal = 'CLIENT_ERROR watch is not for a connection that is shared\r\n';
  await say(back, 'END\r\n');
  expect(one.got).toBe(`END\r\n${refusal}`);
  await say(back, 'SERVER_ERROR no\r\nVALUE c 0 1\r\nx\r\nEND\r\n');
  expect(one.got).toBe(`END\r\n${refusal}VALUE c 0 1\r\nx\r\nEND\r\n`);
});

it('keeps the order of a change without an answer and what is asked after it', async () => {
  const one = await script();
  await say(one.channel, 'set a 0 0 1 noreply\r\nx\r\n');
  await say(one.channel, 'get a\r\n');
  const back = asked('set a 0 0 1\r\nx\r\nget a\r\n').channel;
  await say(back, 'STORED\r\nVALUE a 0 1\r\nx\r\nEND\r\n');
  expect(one.got).toBe('VALUE a 0 1\r\nx\r\nEND\r\n');
  await say(one.channel, 'delete a noreply\r\n'.repeat(40));
  expect(asked('delete a\r\n').got.match(/delete/g)).toHaveLength(32);
});

it('answers what was asked before a question that is not valid, and ends the script', async () => {
  const one = await script();
  await say(one.channel, 'get a\r\nset b 0 zero 9\r\nflush_all\r\nget c\r\n');
  const back = asked('get a\r\n');
  expect(back.got).toBe('get a\r\n');
  await say(back.channel, 'END\r\n');
  expect(one.got).toBe('END\r\nCLIENT_ERROR bad command line format\r\n');
  expect(one.channel.isInputShutdown).toBe(true);
});

it('answers a script that has ended its half', async () => {
  const one = await script();
  await say(one.channel, 'get a\r\nget b\r\n');
  one.channel.shutdown('output');
  await settle();
  expect(one.channel.isInputShutdown).toBe(false);
  await say(asked('get b\r\n').channel, 'END\r\nEND\r\n');
  expect([one.got, one.channel.isInputShutdown]).toEqual(['END\r\nEND\r\n', true]);
});

it('drops the answer of a script that has gone, and of no other', async () => {
  const scripts = [];
  for (let at = 0; at < 8; at++) {
    scripts.push(await script());
    await say(scripts[at]!.channel, `get ${at}\r\n`);
  }
  scripts[0]!.channel.abort();
  await settle();
  const back = asked('get 4\r\n');
  expect(back.got).toBe('get 0\r\nget 4\r\n');
  await say(back.channel, 'VALUE 0 0 1\r\n0\r\nEND\r\nVALUE 4 0 1\r\n4\r\nEND\r\n');
  expect(scripts[4]!.got).toBe('VALUE 4 0 1\r\n4\r\nEND\r\n');
  expect(open()).toBe(4);
});

it('ends only the scripts whose questions were on a connection that dies, and opens it again', async () => {
  const scripts = [];
  for (let at = 0; at < 8; at++) {
    scripts.push(await script());
    await say(scripts[at]!.channel, `get ${at}\r\n`);
  }
  asked('get 4\r\n').channel.abort();
  await settle();
  const hasEnded = scripts.map(({ channel }) => channel.isInputShutdown);
  expect(hasEnded).toEqual([true, false, false, false, true, false, false, false]);
  await say(asked('get 5\r\n').channel, 'END\r\nEND\r\n');
  const got = scripts.map((one) => one.got).slice(0, 6);
  expect(got).toEqual(['', 'END\r\n', '', '', '', 'END\r\n']);
  const another = await script();
  await say(another.channel, 'get again\r\n');
  expect([backs.length, open()]).toEqual([5, 4]);
  await say(asked('get again\r\n').channel, 'END\r\n');
  expect(another.got).toBe('END\r\n');
});

it('asks over another connection what was not asked when one dies', async () => {
  const one = await redisScript();
  await say(one.channel, 'GET a\r\n'.repeat(40));
  asked('GET a\r\n').channel.abort();
  await settle();
  expect(one.got.match(/the server is gone/g)).toHaveLength(32);
  await say(asked('GET a\r\n'.repeat(8)).channel, '$-1\r\n'.repeat(8));
  expect(one.got.match(/\$-1/g)).toHaveLength(8);
});

it('uses the connections that are left while no other can be had', async () => {
  await finished(server.channel.close());
  backs[0]!.channel.abort();
  await settle();
  for (let at = 0; at < 4; at++) {
    const one = await script();
    await say(one.channel, `get ${at}\r\n`);
    await say(asked(`get ${at}\r\n`).channel, 'END\r\n');
    expect(one.got).toBe('END\r\n');
  }
});

it('loses no answer when a connection ends because it takes no more', async () => {
  // The second question is refused by the output itself.
  const one = await redisScript({ maxOutboundBytes: 10, writeBufferHighBytes: 1_000_000 });
  for (const { channel } of backs) channel.autoRead = false;
  const set = `*3\r\n$3\r\nSET\r\n$1\r\na\r\n$200000\r\n${'x'.repeat(200_000)}\r\n`;
  await say(one.channel, `${set}GET b\r\nGET c\r\n`);
  expect(one.got.match(/the server is gone/g)?.length).toBeGreaterThanOrEqual(2);
  await say(one.channel, 'GET d\r\n');
  for (const { channel } of backs) channel.autoRead = true;
  await settle();
  const rest = one.got.length;
  await say(asked('GET d\r\n').channel, '$1\r\nd\r\n');
  expect(one.got.slice(rest)).toMatch(/\$1\r\nd\r\n$/);
});

it('says that the server cannot be reached, and asks it as soon as it can be', async () => {
  const one = await redisScript();
  await finished(server.close());
  for (const { channel } of backs) channel.abort();
  await settle();
  await say(one.channel, 'GET a\r\nGET b\r\n');
  const refused = '-ERR the server cannot be reached\r\n';
  expect(one.got).toBe(refused + refused);
  await startMemcached();
  await say(one.channel, 'GET c\r\n');
  await say(asked('GET c\r\n').channel, '$-1\r\n');
  expect(one.got).toBe(`${refused}${refused}$-1\r\n`);
});

it('ends a script whose memcached cannot be reached, because SERVER_ERROR for a get looks like a miss', async () => {
  await finished(server.close());
  for (const { channel } of backs) channel.abort();
  await settle();
  const one = await script();
  await say(one.channel, 'get a\r\n');
  expect([one.got, one.channel.isInputShutdown]).toEqual(['', true]);
});

it('closes a connection behind that sends what nobody asked for', async () => {
  await say(backs[0]!.channel, 'END\r\n');
  expect(open()).toBe(3);
});

it('closes a connection behind that does not answer from one silence of ten seconds to the next', async () => {
  await settle(9000);
  const one = await script();
  await say(one.channel, 'get a\r\n');
  await settle(5000);
  await say(one.channel, 'get b\r\n');
  await settle(5999);
  expect([one.got, open()]).toEqual(['', 4]);
  await settle(1);
  expect([one.got, one.channel.isInputShutdown, open()]).toEqual(['', true, 3]);
});

it('ends a script that says quit after its answers, and keeps the word in a value', async () => {
  const one = await script();
  await say(one.channel, 'get a\r\nquit\r\nget b\r\n');
  expect(one.channel.isOpen).toBe(true);
  const back = asked('get a\r\n');
  await say(back.channel, 'END\r\n');
  expect([one.got, one.channel.isInputShutdown, back.got]).toEqual(['END\r\n', true, 'get a\r\n']);
  const two = await script();
  await say(two.channel, 'set a 0 0 4\r\n');
  await say(two.channel, 'quit\r\n');
  expect(asked('quit\r\n').got).toMatch(/set a 0 0 4\r\nquit\r\n$/);
});

it('reads no further question of a script while 32 have no answer', async () => {
  const one = await script();
  await say(one.channel, 'get a\r\n'.repeat(50));
  const back = asked('get a\r\n');
  expect(back.got.match(/get/g)).toHaveLength(32);
  await say(back.channel, 'END\r\n');
  expect(back.got.match(/get/g)).toHaveLength(33);
  await say(back.channel, 'END\r\n'.repeat(32));
  await say(back.channel, 'END\r\n'.repeat(17));
  expect(one.got).toBe('END\r\n'.repeat(50));
});

it('reads no further question while memcached does not read', async () => {
  for (const { channel } of backs) channel.autoRead = false;
  const value = `set a 0 0 50000\r\n${'x'.repeat(50_000)}\r\n`;
  const one = await script();
  await say(one.channel, value.repeat(20));
  const heard = () => backs.reduce((sum, { got }) => sum + got.split('set a').length - 1, 0);
  expect(heard()).toBeLessThan(15);
  for (const { channel } of backs) channel.autoRead = true;
  await settle();
  expect(heard()).toBe(20);
});

it('lets all scripts wait that ask while memcached does not read', async () => {
  for (const { channel } of backs) channel.autoRead = false;
  const scripts = [];
  for (let at = 0; at < 24; at++) {
    scripts.push(await script());
    await say(scripts[at]!.channel, `set a 0 0 200000\r\n${'x'.repeat(200_000)}\r\n`);
  }
  for (const { channel } of backs) channel.autoRead = true;
  await settle();
  for (const { channel, got } of backs)
    await say(channel, 'STORED\r\n'.repeat(got.split('set a').length - 1));
  expect(scripts.map(({ got }) => got)).toEqual(Array(24).fill('STORED\r\n'));
});

it('reads no further question of a script that does not read its answers', async () => {
  const [one, other] = [await script(), await script()];
  one.channel.autoRead = false;
  await say(one.channel, 'get a\r\n'.repeat(100));
  const back = asked('get a\r\n');
  const value = `VALUE a 0 10000\r\n${'x'.repeat(10_000)}\r\nEND\r\n`;
  let answered = 0;
  for (;;) {
    const count = back.got.match(/get a/g)!.length - answered;
    if (count === 0) break;
    await say(back.channel, value.repeat(count));
    answered += count;
  }
  expect(answered).toBeLessThan(70);
  await say(other.channel, 'get b\r\n');
  await say(asked('get b\r\n').channel, 'END\r\n');
  expect(other.got).toBe('END\r\n');
  one.channel.autoRead = true;
  await settle();
  await say(back.channel, value.repeat(100 - answered));
  expect(one.got).toBe(value.repeat(100));
});

it('ends a script for which more than 16 MiB wait, and answers the others of its connection', async () => {
  const scripts = [];
  for (let at = 0; at < 5; at++) {
    scripts.push(await script());
    await say(scripts[at]!.channel, `get ${at}\r\n`.repeat(32));
  }
  const [slow, other] = [scripts[0]!, scripts[4]!];
  slow.channel.autoRead = false;
  const back = asked('get 4\r\n');
  expect(back.got).toBe('get 0\r\n'.repeat(32) + 'get 4\r\n'.repeat(32));
  const value = `VALUE 0 0 1000000\r\n${'x'.repeat(1_000_000)}\r\nEND\r\n`;
  for (let at = 0; at < 16; at++) await say(back.channel, value);
  expect(proxy.connections.size).toBe(5);
  for (let at = 16; at < 32; at++) await say(back.channel, value);
  expect(proxy.connections.size).toBe(4);
  await say(back.channel, 'END\r\n'.repeat(32));
  expect(other.got).toBe('END\r\n'.repeat(32));
  expect(open()).toBe(4);
});

it('answers what was asked before it shuts down', async () => {
  const [busy, idle] = [await script(), await script()];
  await say(busy.channel, 'get a\r\n');
  const ending = proxy.shutdown({ drainTimeoutMs: 1000 });
  await settle(500);
  expect([busy.channel.isInputShutdown, idle.channel.isInputShutdown]).toEqual([false, true]);
  await say(asked('get a\r\n').channel, 'END\r\n');
  expect([busy.got, busy.channel.isInputShutdown]).toEqual(['END\r\n', true]);
  busy.channel.close();
  idle.channel.close();
  await finished(ending);
  await settle();
  expect(open()).toBe(0);
});

it('keeps no connection behind if it cannot listen', async () => {
  const place = { network, name: 'proxy' };
  const second = startProxy(place, { network, name: 'memcached' }, SILENT_MS, undefined, options());
  const failure = second.catch((error: Error) => error.message);
  expect(await finished(failure)).toMatch(/another one uses it/);
  await settle();
  expect([backs.length, open()]).toEqual([8, 4]);
});

it('ends a script whose answer has no text for an error', async () => {
  const place = { network, name: 'rpc proxy' };
  await finished(
    startProxy(place, { network, name: 'memcached' }, SILENT_MS, PROTOCOLS.rpc, options()),
  );
  const one = await script('rpc proxy');
  await say(one.channel, '\0\0\0\x02hi');
  const back = asked('hi');
  await say(back.channel, '\0\0\0\x01');
  expect(one.got).toBe('');
  await say(back.channel, 'x');
  expect(one.got).toBe('\0\0\0\x01x');
  await say(one.channel, '\0\0\0\x02hi');
  asked('hi').channel.abort();
  await settle();
  expect([one.got, one.channel.isOpen]).toEqual(['\0\0\0\x01x', false]);
});

it('ends a script that is silent for ten seconds', async () => {
  const one = await script();
  await say(one.channel, 'set a 0 0 9\r\nhalf');
  await settle(SILENT_MS - 1);
  expect(one.channel.isOpen).toBe(true);
  await settle(1);
  expect(one.channel.isOpen).toBe(false);
  expect(open()).toBe(4);
});
