import type { RequestClient } from '@headrace/client';
import { Bootstrap, MemoryNetwork, ServerBootstrap, silentLogger } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { ExchangeHandler, refusal } from '@headrace/rpc';
import { afterEach, expect, it } from 'vitest';
import { FORMAT, frame, HELLO, startClient, startServer } from '../src/dubbo-rpc.ts';

const SILENCE_MS = 60_000;
const [CALL, ANSWER, PING, PONG] = [0xdabbc6, 0xdabb06, 0xdabbe6, 0xdabb26];

const clock = new VirtualClock();
const options = { clock, logger: silentLogger };
const clients: Pick<RequestClient, 'close'>[] = [];

async function settle(): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.runTasks();
  }
}

async function pass(ms: number): Promise<void> {
  const end = clock.now() + ms;
  await settle();
  while (clock.nextDelay >= 0 && clock.now() + clock.nextDelay <= end) {
    clock.advance(clock.nextDelay);
    await settle();
  }
  clock.advance(end - clock.now());
  await settle();
}

afterEach(async () => {
  for (const client of clients.splice(0)) void client.close();
  await pass(3000);
});

/** Server and client of the example in one network. */
async function pair() {
  const place = { network: new MemoryNetwork(), name: 'service' };
  const lines: string[] = [];
  const binding = startServer(place, SILENCE_MS, (line: string) => lines.push(line), options);
  await settle();
  const server = await binding;
  const client = startClient([place], SILENCE_MS, options);
  clients.push(client);
  void client.start();
  await pass(1);
  const [accepted] = server.connections;
  return { place, client, accepted: accepted!, lines };
}

it('writes the head of 16 bytes', () => {
  const bytes = frame(CALL, 0, 2n ** 63n + 1n, 'a', 1, null);
  expect(bytes.toString('latin1', 16)).toBe('"a"\n1\nnull');
  expect(bytes.toString('hex', 0, 16)).toBe('dabbc60080000000000000010000000a');
  expect(frame(PING, 0, 5n, null).toString('hex')).toBe(
    `dabbe600000000000000000500000004${Buffer.from('null').toString('hex')}`,
  );
  expect(() => frame(CALL, 0, 1n, 'x'.repeat(8 << 20))).toThrow('over 8 MiB');
});

it('answers, at once or later, in the order in which answers come', async () => {
  const { client, lines } = await pair();
  const answers: unknown[] = [];
  for (const [name, ms] of [
    ['ann', 500],
    ['bob', 0],
    ['cid', 200],
  ] as const) {
    void client.request([...HELLO, name, ms]).then((answer) => answers.push(answer));
  }
  await pass(499);
  expect(answers).toEqual(['Hello bob', 'Hello cid']);
  await pass(1);
  expect(answers).toEqual(['Hello bob', 'Hello cid', 'Hello ann']);
  expect(lines).toEqual(['Hello ann', 'Hello bob', 'Hello cid']);
});

it('gives a call up after 5 s at both ends, and drops its late answer', async () => {
  const { client } = await pair();
  const late = expect(client.request([...HELLO, 'ann', 5100])).rejects.toMatchObject({
    code: 'HR_ERR_TIMEOUT_REQUEST',
  });
  await pass(5000);
  await late;
  const refused = expect(client.request(['', 'demo.Other', '', 'x', '', 1])).rejects.toMatchObject({
    details: { code: 60, text: 'no demo.Other' },
  });
  await pass(200);
  await refused;
});

it('beats after 60 s of silence, and ends the connection after three beats without an answer', async () => {
  const place = { network: new MemoryNetwork(), name: 'mute' };
  const heard: string[] = [];
  const binding = new ServerBootstrap()
    .childOptions(options)
    .childHandler(({ pipeline }) =>
      pipeline.addLast({
        channelRead: (_ctx, bytes: Buffer) => {
          heard.push(`${clock.now() - begin} ${bytes.equals(frame(PING, 0, 0n, null))}`);
        },
      }),
    )
    .bind(place);
  await settle();
  await binding;
  const begin = clock.now();
  const client = startClient([place], SILENCE_MS, options);
  clients.push(client);
  void client.start();
  await pass(1);
  const { channel } = client.clients[0]!;
  await pass(239_998);
  expect(heard).toEqual(['60000 true', '120000 true', '180000 true']);
  expect(channel?.isActive).toBe(true);
  await pass(1);
  expect(channel?.closeInfo?.reason).toBe('heartbeat');
});

it('stays connected for an hour of silence', async () => {
  const { client, accepted } = await pair();
  const { channel } = client.clients[0]!;
  await pass(3_600_000);
  expect([accepted.isActive, client.clients[0]!.channel]).toEqual([true, channel]);
});

it('answers beats and nothing else below the calls', async () => {
  const { place } = await pair();
  const got: string[] = [];
  const bootstrap = new Bootstrap().options(options).handler(({ pipeline }) =>
    pipeline.addLast({
      channelRead: (_ctx, bytes: Buffer) => void got.push(bytes.toString('hex')),
    }),
  );
  const connecting = bootstrap.connect(place);
  await settle();
  const channel = await connecting;
  for (const id of [0n, 7n]) channel.writeAndFlush(frame(PING, 0, id, null));
  // An event that wants no answer, and one that is no heartbeat.
  channel.writeAndFlush(frame(0xdabba6, 0, 8n, 'R'));
  await settle();
  const pongs = [frame(PONG, 20, 0n, null), frame(PONG, 20, 7n, null)];
  expect(got.join('')).toBe(Buffer.concat(pongs).toString('hex'));
});

it('answers beats with their id, and reports each status of the peer', async () => {
  const caller = new ExchangeHandler({
    format: FORMAT,
    handle: () => {
      throw refusal(60, 'no');
    },
  });
  const channel = new EmbeddedChannel(caller);
  channel.writeInbound(frame(PING, 0, 77n, null));
  expect(channel.readOutbound<Buffer>()).toEqual(frame(PONG, 20, 77n, null));
  channel.writeInbound(frame(CALL, 0, 2n ** 63n, ...HELLO, 'ann', {}));
  expect(channel.readOutbound<Buffer>()).toEqual(frame(ANSWER, 60, 2n ** 63n, 'no'));
  channel.writeInbound(frame(CALL, 0, 9n, 'nothing'));
  expect(channel.readOutbound<Buffer>()?.subarray(0, 12)).toEqual(
    frame(ANSWER, 40, 9n).subarray(0, 12),
  );
  for (const [at, status] of [30, 31, 40, 60, 70, 100].entries()) {
    const call = channel.run(() => caller.request([...HELLO, 'ann']));
    channel.writeInbound(frame(ANSWER, status, BigInt(at + 1), `text ${status}`));
    await expect(call).rejects.toMatchObject({ details: { code: status, text: `text ${status}` } });
  }
  expect(FORMAT.codes).toEqual({
    failed: 70,
    'too-late': 31,
    overloaded: 100,
    unknown: 60,
    cancelled: 30,
    lost: 70,
  });
  expect(() => channel.writeInbound(Buffer.alloc(16))).toThrow('no da bb');
});

it('takes the time of a call from an attachment that is a text or a number', async () => {
  for (const [attachments, timeLeft] of [
    [{ timeout: '1000' }, 1000],
    [{ timeout: 1500 }, 1500],
    [{ timeout: '0' }, Infinity],
    [{ timeout: 'soon' }, Infinity],
    [{ timeout: { toString: 1 } }, Infinity],
    [{}, Infinity],
    [null, Infinity],
  ] as const) {
    const times: number[] = [];
    const sink = { request: (_id: unknown, _lines: unknown, ms: number) => times.push(ms) };
    FORMAT.read(frame(CALL, 0, 1n, ...HELLO, 'ann', attachments), sink as never);
    expect([attachments, ...times]).toEqual([attachments, timeLeft]);
  }
});

it('executes a one-way call and answers nothing, whatever comes of it', async () => {
  const asked: unknown[] = [];
  const worker = new ExchangeHandler({
    format: FORMAT,
    handle: (lines) => {
      asked.push(lines);
      if (lines[5] === 'bad') throw refusal(60, 'no');
      return 'done';
    },
  });
  const channel = new EmbeddedChannel(worker);
  const ONE_WAY = CALL - 0x40;
  for (const name of ['ann', 'bad'])
    channel.writeInbound(frame(ONE_WAY, 0, 1n, ...HELLO, name, {}));
  channel.writeInbound(frame(ONE_WAY, 0, 2n, 'no call'));
  await settle();
  expect(asked).toEqual([
    [...HELLO, 'ann'],
    [...HELLO, 'bad'],
  ]);
  expect(channel.readOutbound()).toBeUndefined();
});
