import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { fixed } from '@headrace/client';
import { Bootstrap, type Channel, type Server, ServerBootstrap } from '@headrace/core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { buildServer, startClient } from '../src/alarm-client.ts';
import { InMemory } from './in-memory.ts';

const EVERY_MS = 10_000;

let world: InMemory;
let answers: PassThrough;
beforeEach(() => {
  world = new InMemory();
  answers = new PassThrough();
});
afterEach(() => {
  answers.end();
  vi.restoreAllMocks();
});

function bind(): Promise<Server> {
  const bootstrap = buildServer(EVERY_MS, createInterface({ input: answers }));
  return world.done(bootstrap.childOptions(world.options).bind(world.place));
}

const client = () =>
  startClient(new Bootstrap().options(world.options), EVERY_MS, {
    addresses: [world.place],
    retry: fixed(3000, { attempts: 5 }),
    ...world.options,
  });

/** A client that sends what it is told to. */
async function stranger(): Promise<{ channel: Channel; got: string[]; send(text: string): void }> {
  const got: string[] = [];
  const bootstrap = new Bootstrap().options(world.options).handler((channel) => {
    channel.pipeline.addLast({
      channelRead: (_ctx, bytes: Buffer) => void got.push(bytes.toString()),
    });
  });
  const channel = await world.done(bootstrap.connect(world.place));
  return { channel, got, send: (text) => void channel.writeAndFlush(Buffer.from(text)) };
}

/** What is typed takes turns of the event loop. */
const arrived = (got: readonly string[], text: string): Promise<void> =>
  expect
    .poll(async () => {
      await world.pass(0);
      return got.join('');
    })
    .toBe(text);

const RECONNECT = '------Reconnect ...-----';
/** What was printed but the prompts. */
const told = (): string[] =>
  world.lines.filter((line) => !/ send msg to (server|Client):$/.test(line));

it('asks for lines and for answers, and reconnects after a minute without an answer to a line', async () => {
  const server = await bind();
  const alarms = client();
  await world.pass(1000);
  alarms.writeAndFlush(Buffer.from('hello\n'));
  await world.pass(1000);
  answers.write('hi\n');
  await expect
    .poll(async () => {
      await world.pass(0);
      return world.lines;
    })
    .toContain('2 recv msg from server: hi');
  await world.pass(90_000);
  expect(told().filter((line) => !line.includes('SIGALRM'))).toEqual([
    '1 Recv msg from client: hello',
    '2 recv msg from server: hi',
  ]);
  alarms.writeAndFlush(Buffer.from('is anybody there?\n'));
  await world.pass(30_000);
  alarms.writeAndFlush(Buffer.from('hello?\n'));
  await world.pass(60_000);
  expect(world.lines.filter((line) => !line.includes('SIGALRM'))).toEqual([
    '0 send msg to server:',
    '1 Recv msg from client: hello',
    '1 send msg to Client:',
    '2 recv msg from server: hi',
    '2 send msg to server:',
    '92 Recv msg from client: is anybody there?',
    '92 send msg to Client:',
    '122 Recv msg from client: hello?',
    '122 send msg to Client:',
    // A server that ends in order is tried again at once.
    `152 ${RECONNECT}`,
    '152 Client disconnected',
    '152 send msg to server:',
  ]);
  await world.done(alarms.close());
  await world.kill(server);
});

it('waits a minute for the answer to each line, also where one read brings two', async () => {
  const server = await world.done(
    new ServerBootstrap()
      .childHandler((channel) => void channel.pipeline.addLast({ channelRead() {} }))
      .childOptions(world.options)
      .bind(world.place),
  );
  const answer = (text: string) => {
    for (const channel of server.connections) channel.writeAndFlush(Buffer.from(text));
  };
  const reconnects = () => world.lines.filter((line) => line.endsWith(RECONNECT));
  const alarms = client();
  await world.pass(1000);
  alarms.writeAndFlush(Buffer.from('one\n'));
  alarms.writeAndFlush(Buffer.from('two\n'));
  await world.pass(10_000);
  answer('to one\n');
  await world.pass(59_999);
  expect(reconnects()).toEqual([]);
  await world.pass(1);
  expect(reconnects()).toEqual([`71 ${RECONNECT}`]);
  alarms.writeAndFlush(Buffer.from('three\n'));
  alarms.writeAndFlush(Buffer.from('four\n'));
  await world.pass(1000);
  answer('to three\nto four\n');
  await world.pass(90_000);
  expect(reconnects()).toHaveLength(1);
  await world.done(alarms.close());
  await world.kill(server);
});

it('has five fresh tries after any success, and one in 3 s where each connection is lost at once', async () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const first = await bind();
  client();
  await world.pass(5000);
  await world.kill(first);
  await world.pass(7000);
  const second = await bind();
  // The try at 14 s succeeds, and its connection is lost at once.
  await world.pass(2000);
  expect(told().filter((line) => line.endsWith(RECONNECT))).toEqual(
    [5, 8, 11, 14].map((second) => `${second} ${RECONNECT}`),
  );
  await world.kill(second);
  await world.pass(12_000);
  expect(told().slice(6)).toEqual([
    ...[14, 17, 20, 23, 26].map((second) => `${second} ${RECONNECT}`),
    '26 The reconnect failed!!!',
  ]);
  expect(exit).toHaveBeenCalledOnce();
  const harsh = await world.done(
    new ServerBootstrap()
      .childHandler((channel) => void channel.close())
      .childOptions(world.options)
      .bind(world.place),
  );
  const again = client();
  await world.pass(60_000);
  const tries = world.lines.filter((line) => line.endsWith(RECONNECT)).length - 9;
  expect(tries).toBeGreaterThan(20);
  expect(tries).toBeLessThan(40);
  await world.done(again.close());
  await world.kill(harsh);
});

it('ends at once if the first connection fails, and says why', async () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const errors = vi.spyOn(console, 'error').mockImplementation(() => {});
  client();
  await world.pass(30_000);
  expect(exit.mock.calls).toEqual([[1]]);
  expect(errors.mock.calls).toEqual([[expect.stringMatching(/^connect: .*nobody listens/)]]);
  expect(world.lines).toEqual([]);
});

it('sends a keepalive every 10 s, whatever else is sent', async () => {
  const server = await bind();
  const alarms = client();
  for (let second = 0; second < 35; second++) {
    await world.pass(1000);
    if (second % 7 === 0) alarms.writeAndFlush(Buffer.from(`line ${second}\n`));
  }
  expect(told()).toEqual([
    '1 Recv msg from client: line 0',
    '8 Recv msg from client: line 7',
    '10 Get a SIGALRM, 1 counts!',
    '15 Recv msg from client: line 14',
    '20 Get a SIGALRM, 2 counts!',
    '22 Recv msg from client: line 21',
    '29 Recv msg from client: line 28',
    '30 Get a SIGALRM, 3 counts!',
  ]);
  await world.done(alarms.close());
  await world.kill(server);
});

it('tries at 0, 3, 6, 9 and 12 s after a loss, and gives up after the fifth', async () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const server = await bind();
  client();
  await world.pass(5000);
  await world.kill(server);
  await world.pass(11_999);
  expect(exit).not.toHaveBeenCalled();
  await world.pass(30_000);
  expect(told()).toEqual([
    '5 Client disconnected',
    ...[5, 8, 11, 14, 17].map((second) => `${second} ${RECONNECT}`),
    '17 The reconnect failed!!!',
  ]);
  expect(exit).toHaveBeenCalledExactlyOnceWith(1);
  expect(world.clock.pendingTimers).toBe(0);
});

it('is on again at the try at 9 s if the server is back at 7 s, and has five tries at the next loss', async () => {
  vi.spyOn(process, 'exit').mockImplementation(() => undefined as never);
  const first = await bind();
  const alarms = client();
  await world.pass(5000);
  await world.kill(first);
  await world.pass(7000);
  const second = await bind();
  const sent = alarms.writeAndFlush(Buffer.from('typed meanwhile\n'));
  await world.pass(5000);
  expect(told()).toEqual([
    '5 Client disconnected',
    ...[5, 8, 11, 14].map((second) => `${second} ${RECONNECT}`),
    '14 Recv msg from client: typed meanwhile',
  ]);
  expect(sent.isSuccess).toBe(true);
  await world.kill(second);
  await world.pass(20_000);
  expect(told().slice(7)).toEqual([
    ...[17, 20, 23, 26, 29].map((second) => `${second} ${RECONNECT}`),
    '29 The reconnect failed!!!',
  ]);
});

it('cuts a keepalive off that is glued to a text, and swallows it', async () => {
  const server = await bind();
  const { send, got } = await stranger();
  send('keepalivehello\n');
  await world.pass(1000);
  send('one\nkeepalive');
  await world.pass(1000);
  send('keepalivekeepalive');
  await world.pass(1000);
  send('keep');
  await world.pass(1000);
  send('alivetwo\n');
  await world.pass(1000);
  send('a keepalive within\n');
  await world.pass(1000);
  expect(told()).toEqual([
    '0 Recv msg from client: hello',
    '1 Recv msg from client: one',
    '4 Recv msg from client: two',
    '5 Recv msg from client: a keepalive within',
  ]);
  answers.write('A1\nA2\n');
  await arrived(got, 'A1\nA2\n');
  await world.kill(server);
});

it('gives each line to the text that waits longest and whose client is there', async () => {
  const server = await bind();
  const one = await stranger();
  const two = await stranger();
  one.send('from one\n');
  await world.pass(0);
  two.send('from two\n');
  await world.pass(0);
  one.channel.close();
  await world.pass(0);
  answers.write('for whom?\nlater\n');
  await arrived(two.got, 'for whom?\n');
  two.send('again\n');
  await arrived(two.got, 'for whom?\nlater\n');
  expect(one.got).toEqual([]);
  await world.kill(server);
});

it('ends connections that flood, send no keepalive for 2.5 intervals, or send bytes that are not text', async () => {
  const server = await bind();
  const quiet = await stranger();
  const flood = await stranger();
  flood.send('x'.repeat(4096 * 99));
  await world.pass(0);
  expect(flood.channel.isOpen).toBe(true);
  flood.send('xx');
  await world.pass(0);
  flood.send('x');
  await world.pass(0);
  expect(flood.channel.isOpen).toBe(false);
  const binary = await stranger();
  binary.channel.writeAndFlush(Buffer.from([0xff, 0xfe]));
  await world.pass(0);
  expect(binary.channel.isOpen).toBe(false);
  await world.pass(24_999);
  expect(quiet.channel.isOpen).toBe(true);
  await world.pass(1);
  expect(quiet.channel.isOpen).toBe(false);
  await world.kill(server);
});
