import type { RequestClient } from '@headrace/client';
import { Bootstrap, MemoryNetwork, ServerBootstrap, silentLogger } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { ExchangeHandler, refusal } from '@headrace/rpc';
import { afterEach, expect, it } from 'vitest';
import { FORMAT, frame, HELLO, startClient, startServer } from '../src/dubbo-rpc.ts';

const SILENCE_MS = 60_000;
const [CALL, ANSWER, PING, PONG] = [0xc6, 0x06, 0xe6, 0x26];
/** A heartbeat of this program and its answer: in hessian2, with the body `N`. */
const BEAT = Buffer.from('dabbe2000000000000000000000000014e', 'hex');
const BEAT_BACK = Buffer.from('dabb22140000000000000000000000014e', 'hex');

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
          heard.push(`${clock.now() - begin} ${bytes.equals(BEAT)}`);
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
  channel.writeAndFlush(BEAT);
  // An event that wants no answer, and one that is no heartbeat.
  channel.writeAndFlush(frame(0xa6, 0, 8n, 'R'));
  await settle();
  const pongs = [frame(PONG, 20, 0n, null), frame(PONG, 20, 7n, null), BEAT_BACK];
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

/** A hessian2 string of at most 31 characters. */
const text = (of: string): string => Buffer.from([of.length, ...Buffer.from(of)]).toString('hex');
const framed = (flags: string, id: string, body: string): Buffer =>
  Buffer.from(
    `dabb${flags}${id.padStart(16, '0')}${(body.length / 2).toString(16).padStart(8, '0')}${body}`,
    'hex',
  );
/** The attachments as a Java consumer writes them: a map of texts. */
const ATTACHMENTS = `48${text('path')}${text('demo.DemoService')}${text('timeout')}${text('1000')}5a`;
const hessianCall = (name: string, attachments = ATTACHMENTS): string =>
  `${HELLO.map(text).join('')}${name}${attachments}`;

/** What the example answers to each message, and with which arguments it was called. */
function answers(...messages: Buffer[]): { readonly got: string[]; readonly asked: unknown[] } {
  const asked: unknown[] = [];
  const handle = (values: unknown[]) => {
    asked.push(values);
    return `Hello ${values[5]}`;
  };
  const channel = new EmbeddedChannel(new ExchangeHandler({ format: FORMAT, handle }));
  const got: string[] = [];
  for (const message of messages) {
    channel.writeInbound(message);
    for (;;) {
      const out = channel.readOutbound<Buffer>();
      if (out === undefined) break;
      got.push(out.toString('hex'));
    }
  }
  return { got, asked };
}

it('answers a consumer that calls in hessian2, in hessian2', () => {
  // `02 14` is hessian2 with the status 20; `91` is 1, for a value that follows.
  const { got, asked } = answers(
    framed('c200', '7', hessianCall(text('ann'))),
    // A version that is null, attachments in a map with a type.
    framed(
      'c200',
      '8',
      `${text('2.0.2')}${text('s')}4e${text('m')}${text('I')}91` +
        `4d${text('java.util.TreeMap')}${text('timeout')}${text('5')}5a`,
    ),
  );
  expect(got).toEqual([
    framed('0214', '7', `91${text('Hello ann')}`).toString('hex'),
    framed('0214', '8', `91${text('Hello 1')}`).toString('hex'),
  ]);
  expect(asked).toEqual([
    [...HELLO, 'ann'],
    ['2.0.2', 's', null, 'm', 'I', 1],
  ]);
});

it.each([
  ['ints of one, two and three bytes', '7b91c92cd51170', [1, 300, 70_000]],
  ['longs', '7ae54c0000010000000000', [5, 2 ** 40]],
  ['a double', '5f000009c4', 2.5],
  ['true', '54', true],
  ['null', '4e', null],
  ['a text outside of the first plane', '04c3a4e6bca2eda0bdedb880', 'ä漢😀'],
  ['bytes', '220102', Buffer.from([1, 2])],
  ['a time', '4a0000018bcfe56800', new Date(1_700_000_000_000)],
  ['a map', '48016b915a', { k: 1 }],
  ['an array of int', '72045b696e749192', [1, 2]],
])('understands %s in hessian2', (_what, value, expected) => {
  const { asked } = answers(framed('8200', '1', hessianCall(value)));
  expect((asked[0] as unknown[])[5]).toEqual(expected);
});

/** What comes of a call that is answered with these values. */
async function outcome(serialization: number, ...values: unknown[]) {
  const caller = new ExchangeHandler({ format: FORMAT });
  const channel = new EmbeddedChannel(caller);
  const call = channel.run(() => caller.request([...HELLO, 'ann']));
  channel.writeInbound(frame(serialization, 20, 1n, ...values));
  return await call.then(
    (value) => ({ value }),
    ({ details: { code, text } }) => ({ code, text }),
  );
}

const MORE = { dubbo: '2.0.2' };
const NO_ANSWER = { code: 50, text: 'no answer in hessian2 or lines of JSON' };
it.each<readonly [readonly unknown[], object]>([
  [[0, { message: 'no user' }], { code: 70, text: 'no user' }],
  [[0, 'no user'], { code: 70, text: 'no user' }],
  [[3, { detailMessage: 'no user' }, MORE], { code: 70, text: 'no user' }],
  [[0, [['no user']]], { code: 70, text: '' }],
  [[1, 'hi'], { value: 'hi' }],
  [[4, 'hi', MORE], { value: 'hi' }],
  [[2], { value: null }],
  [[5, MORE], { value: null }],
  // Not a value of the call, whatever follows.
  ...[6, -1, 1.5, '1', true, null, [1], 255].map((kind) => [[kind, 'hi'], NO_ANSWER] as const),
  ...[[], [0], [1], [3, 'no user'], [4, 'hi'], [5], [1, 'hi', MORE], [2, 'hi']].map(
    (values) => [values, NO_ANSWER] as const,
  ),
])('reads the answer %j as Dubbo 2.0.2 does', async (values, expected) => {
  for (const serialization of [2, 6])
    expect(await outcome(serialization, ...values)).toEqual(expected);
});

it('reads an exception of Java, which refers to itself, as a value without a stack', () => {
  const fields = `${text('detailMessage')}${text('cause')}`;
  const exception = `43${text('java.lang.IllegalStateException')}92${fields}60${text('no')}5190`;
  const map = `4d${text('x.AnException')}${text('a')}915a`;
  for (const [value, expected] of [
    [exception, { detailMessage: 'no', cause: { detailMessage: 'no' } }],
    [map, { a: 1 }],
  ] as const) {
    const [asked] = answers(framed('8200', '1', hessianCall(value))).asked as unknown[][];
    expect(asked![5]).toMatchObject(expected);
    expect(asked![5]).not.toBeInstanceOf(Error);
  }
});

it('does not make a text of a list as a key, or as the text of an answer', async () => {
  // Each list has the one before it twice: as a text, the last one has 2 ** 12 items.
  const doubled = (depth: number): string =>
    depth === 0
      ? `7a${text('x')}91`
      : `7a${doubled(depth - 1)}51${(0x90 + 13 - depth).toString(16)}`;
  const call = framed('c200', '1', hessianCall(`48${doubled(12)}915a`));
  expect(answers(call).asked).toEqual([]);
  const caller = new ExchangeHandler({ format: FORMAT });
  const channel = new EmbeddedChannel(caller);
  const asking = channel.run(() => caller.request([...HELLO, 'ann']));
  channel.writeInbound(framed('0246', '1', doubled(12)));
  await expect(asking).rejects.toMatchObject({ details: { code: 70, text: '' } });
});

it('reads at most 10,000 values of hessian2, however small they are', () => {
  const call = (objects: number) =>
    framed('8200', '1', hessianCall(`43${text('AException')}90${'60'.repeat(objects)}`, ''));
  // Five texts are in front.
  expect(answers(call(9995)).asked).toHaveLength(1);
  expect(answers(call(9996)).asked).toHaveLength(0);
});

it('refuses with 40 what is not a call in hessian2, or longer than 1 MiB', () => {
  const { length } = HELLO.map(text).join('');
  for (const body of [
    '4e',
    '',
    hessianCall(text('ann')).slice(0, -2),
    hessianCall('2f00'),
    hessianCall('55'),
    `91${hessianCall(text('ann'))}`,
    `${HELLO.map(text).join('')}${text('ann')}`.slice(0, length),
    hessianCall('4e'.repeat(1 << 20)),
  ]) {
    const { got, asked } = answers(framed('c200', '9', body));
    expect([got.length, got[0]?.slice(0, 24), asked]).toEqual([1, 'dabb02280000000000000009', []]);
    expect(Buffer.from(got[0]!, 'hex').toString('latin1', 18)).toBe(
      'no call in hessian2 or lines of JSON',
    );
  }
});

it('refuses a name that is not a text with 70', async () => {
  const { client } = await pair();
  for (const name of [7, ['ann'], { toString: 1 }, null]) {
    const call = expect(client.request([...HELLO, name])).rejects.toMatchObject({
      details: { code: 70, text: 'the name is not a text' },
    });
    await settle();
    await call;
  }
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
