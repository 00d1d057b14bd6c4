import { setImmediate as turn } from 'node:timers/promises';
import { deflateRawSync } from 'node:zlib';
import { type Context, type Handler } from '@headrace/core';
import { rememberMethods } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it, vi } from 'vitest';
import { ClientHandshake } from '../../src/client/client-handshake.ts';
import { HttpEndpoint, type WebSocketChannel } from '../../src/index.ts';
import { FrameTransport } from '../../src/socket/frame-transport.ts';
import { acceptOf } from '../../src/socket/handshake-key.ts';
import { clientFrame, textFrame } from '../socket/client-frame.ts';

const UPGRADE = [
  'GET /ws HTTP/1.1',
  'Host: test',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Extensions: permessage-deflate',
  '\r\n',
].join('\r\n');

/** Keeps every message, as it came. */
class Keeping implements Handler {
  readonly messages: (string | Buffer)[] = [];

  channelRead(_ctx: Context, message: string | Buffer): void {
    this.messages.push(message);
  }
}

/** Sees the reads of the connection, says that it keeps none, and keeps them all the same. */
class Spying implements Handler {
  static {
    rememberMethods(Spying);
  }

  readonly reads: Buffer[] = [];

  get keepsReads(): false {
    return false;
  }

  channelRead(ctx: Context, read: Buffer): void {
    this.reads.push(read);
    ctx.fireChannelRead(read);
  }
}

interface Opened {
  readonly parent: EmbeddedChannel;
  readonly inner: WebSocketChannel;
  readonly messages: readonly (string | Buffer)[];
  /** Delivers one burst, and returns its reads as they are after it. */
  read(...parts: readonly Buffer[]): readonly Buffer[];
}

async function until(isDone: () => boolean): Promise<void> {
  for (let turns = 0; turns < 1000 && !isDone(); turns++) await turn();
  expect(isDone()).toBe(true);
}

async function open(): Promise<Opened> {
  const keeping = new Keeping();
  const spying = new Spying();
  const opened: WebSocketChannel[] = [];
  const endpoint = new HttpEndpoint({
    compression: true,
    webSocket: (channel) => {
      opened.push(channel);
      (channel.pipeline as { addLast(handler: Handler): unknown }).addLast(keeping);
    },
  });
  const parent = new EmbeddedChannel(spying, endpoint.handler());
  const read = (...parts: readonly Buffer[]): readonly Buffer[] => {
    spying.reads.length = 0;
    parent.writeInbound(...parts);
    return [...spying.reads];
  };
  expect(read(Buffer.from(UPGRADE)).map(String)).toEqual([UPGRADE]);
  await until(() => {
    parent.runPendingTasks();
    return opened.length > 0;
  });
  return { parent, inner: opened[0]!, messages: keeping.messages, read };
}

const isOverwritten = (reads: readonly Buffer[]): boolean =>
  reads.every((read) => read.every((byte) => byte === 0xdb));

const BYTES = Buffer.from('some bytes');
const binary = (first = 0x82): Buffer => clientFrame({ first, payload: BYTES });

it.each([
  ['a text', [textFrame('some text')], ['some text'], true],
  ['a text beyond ASCII', [textFrame('Grüße')], ['Grüße'], true],
  [
    'a text in two reads',
    [textFrame('some text').subarray(0, 9), textFrame('some text').subarray(9)],
    ['some text'],
    true,
  ],
  ['bytes', [binary()], [BYTES], false],
  ['a ping', [binary(0x89)], [], false],
  ['a part of a message', [clientFrame({ first: 0x01, payload: Buffer.from('so') })], [], false],
  ['a compressed text', [clientFrame({ first: 0xc1, payload: deflateRawSync('text') })], [], false],
] as const)('a burst with %s', async (_name, reads, messages, isUsedAgain) => {
  const { parent, messages: received, read } = await open();
  const bursts = read(...reads);
  expect([...received]).toEqual(messages);
  expect(isOverwritten(bursts)).toBe(isUsedAgain);
  parent.close();
});

it('keeps frames that wait for a channel that does not read', async () => {
  const { parent, inner, messages, read } = await open();
  inner.autoRead = false;
  await turn();
  read(...[1, 2, 3].map((i) => textFrame(`${i}`.repeat(3000))));
  read(textFrame('x'.repeat(3000)));
  inner.autoRead = true;
  await until(() => {
    parent.runPendingTasks();
    return messages.length === 4;
  });
  expect(messages.map((message) => message.slice(0, 2))).toEqual(['11', '22', '33', 'xx']);
  parent.close();
});

it('gives the memory of a text that came in several reads to the next one', async () => {
  const { parent, messages, read } = await open();
  const frames = [...'abcdefgh'].map((letter) => textFrame(letter.repeat(50_000)));
  const allocated = vi.spyOn(Buffer, 'allocUnsafeSlow');
  for (const frame of frames) {
    for (let at = 0; at < frame.length; at += 20_000) read(frame.subarray(at, at + 20_000));
  }
  const sizes = allocated.mock.calls.map(([size]) => size);
  allocated.mockRestore();
  expect(messages).toEqual([...'abcdefgh'].map((letter) => letter.repeat(50_000)));
  expect(sizes.filter((size) => size > 40_000 && size < 68_000).length).toBeLessThan(2);
  parent.close();
});

it("keeps the answer that a client's HTTP parser reads", async () => {
  const spying = new Spying();
  const frames = new FrameTransport({ maxMessageBytes: 1000, maxFragments: 8 }, () => {});
  const terms = { url: new URL('ws://test/ws'), path: '/ws', subprotocols: [] };
  const unset = { headers: undefined, origin: undefined, deflate: undefined };
  const parent = new EmbeddedChannel(spying, new ClientHandshake(frames, { ...terms, ...unset }));
  const [, key = ''] =
    /Sec-WebSocket-Key: (.*)\r/.exec(String(await parent.waitForOutbound())) ?? [];
  const accepts = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`;
  const answer = `${accepts}Sec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`;
  parent.writeInbound(Buffer.from(answer));
  expect(spying.reads.map(String)).toEqual([answer]);
  await until(() => frames.isActive);
  parent.close();
});

/** Numbers below `limit`, the same for the same seed. */
function numbersFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    return state % limit;
  };
}

it('shows no connection a byte of another one, whatever is kept', async () => {
  const below = numbersFrom(Number(process.env['SEED'] || 20_261));
  const all = [await open(), await open(), await open()];
  const expected = all.map((): string[] => []);
  const waiting = all.map(() => Buffer.alloc(0));
  for (let round = 0; round < 400; round++) {
    const at = below(all.length);
    const text = String.fromCharCode(97 + below(26)).repeat(
      1 + below(below(20) === 0 ? 60_000 : 300),
    );
    const payload = Buffer.from(text);
    const kind = below(4);
    const cut = below(payload.length);
    const parts = [payload.subarray(0, cut), payload.subarray(cut)] as const;
    const opcode = kind % 2 === 0 ? 1 : 2;
    const frames =
      kind < 2
        ? [clientFrame({ first: 0x80 | opcode, payload })]
        : [
            clientFrame({ first: opcode, payload: parts[0] }),
            clientFrame({ first: 0x89, payload: Buffer.from('ping') }),
            clientFrame({ first: 0x80, payload: parts[1] }),
          ];
    expected[at]!.push(text);
    const bytes = Buffer.concat([waiting[at]!, ...frames]);
    const now = below(bytes.length);
    waiting[at] = bytes.subarray(now);
    const { read } = all[at]!;
    for (let from = 0; from < now; from += 30_000) {
      read(bytes.subarray(from, Math.min(now, from + 30_000)));
    }
  }
  for (const [at, { read, messages }] of all.entries()) {
    for (let from = 0; from < waiting[at]!.length; from += 30_000) {
      read(waiting[at]!.subarray(from, from + 30_000));
    }
    expect(messages.length).toBe(expected[at]!.length);
    expect(messages.every((message, i) => String(message) === expected[at]![i])).toBe(true);
  }
  for (const { parent } of all) parent.close();
});
