// What strangers send: each gets what the protocol says, the log gets one line, and nothing is left behind.
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { figure } from '../../../../packages/core/test/fixture/figure.ts';
import { connectPeer, encode, FRAMINGS, joinAs } from './chat-peer.ts';
import { RunningChat } from './running-chat.ts';

const STRANGERS = 300;
const RESETS = 5000;
const AT_A_TIME = 50;
const MIB = 1024 * 1024;
const KEPT = { below: 8 };

let running: RunningChat;

beforeAll(async () => {
  running = await RunningChat.start({ authSeconds: 2, maxConnectionsPerAddress: 10_000 });
});

afterEach(async () => {
  await running.hangUp();
  expect(running.chat.server.connections.size).toBe(0);
  expect(running.chat.room.members.size).toBe(0);
});
afterAll(() => running.stop());

/** Sends bytes and hears what comes back until the server ends; `isDeaf` never ends its own half. */
function exchange(bytes: Uint8Array, isDeaf = false): Promise<Buffer> {
  return new Promise((resolve) => {
    const heard: Buffer[] = [];
    const socket = connect({ port: running.port, host: '127.0.0.1', allowHalfOpen: isDeaf }, () =>
      socket.write(bytes),
    );
    socket.on('data', (data) => heard.push(data));
    socket.on('error', () => {});
    socket.on(isDeaf ? 'end' : 'close', () => resolve(Buffer.concat(heard)));
  });
}

/** Bytes that look random and are the same in every run. */
function randomBytes(seed: number, length: number): Buffer {
  let state = seed * 2_654_435_761 + 1;
  return Buffer.from(
    Array.from({ length }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return state >>> 24;
    }),
  );
}

async function inBatches(count: number, run: (index: number) => Promise<void>): Promise<void> {
  for (let from = 0; from < count; from += AT_A_TIME) {
    const size = Math.min(AT_A_TIME, count - from);
    await Promise.all(Array.from({ length: size }, (_, i) => run(from + i)));
  }
}

async function usedBytes(): Promise<number> {
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    (globalThis as { gc?: () => void }).gc!();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

describe('a stranger', () => {
  it('that sends a megabyte without a newline gets ERR:TOO_LONG', async () => {
    for (const byte of ['x', '\xff']) {
      const heard = await exchange(Buffer.alloc(1024 * 1024, byte, 'latin1'));
      expect(String(heard)).toBe('ERR:TOO_LONG\n');
    }
    const log = await running.logged();
    expect(log).toHaveLength(2);
    expect(log[0]).toMatch(/closed, bad-input: a line of .* is longer than maxLength, 8192/);
  });

  it('whose frame claims 16 MB, or 4 GB, gets ERR:TOO_LONG', async () => {
    const first = await exchange(Buffer.from([0, 0xff, 0xff, 0xff, 1, 2, 3]));
    expect(first).toEqual(encode('frames', 'ERR:TOO_LONG'));
    const ann = await joinAs(running.port, 'frames', 'ann');
    ann.sendRaw(Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
    expect(await ann.ended()).toEqual(['ERR:TOO_LONG']);
    const log = await running.logged();
    expect(log).toHaveLength(2);
    expect(log[1]).toMatch(/closed, bad-input: a frame of 4294967295 bytes is longer than/);
  });

  it('whose first frame claims 4 GB counts as a line client, and has to sign in', async () => {
    expect(String(await exchange(Buffer.from([0xff, 0xff, 0xff, 0xff])))).toBe(
      'ERR:AUTH_TIMEOUT\n',
    );
    expect(await running.logged()).toHaveLength(1);
  });

  it('that sends random bytes gets an error, and causes one line in the log', async () => {
    const answers = new Map<string, number>();
    await inBatches(STRANGERS, async (index) => {
      const bytes = randomBytes(index, 20 + (index % 7) * 3000);
      if (index % 3 === 0) bytes[0] = 0;
      const heard = (await exchange(bytes)).toString('latin1');
      const [word = 'nothing'] = /ERR:\w+/.exec(heard) ?? [];
      answers.set(word, (answers.get(word) ?? 0) + 1);
    });
    const known = ['ERR:BAD_UTF8', 'ERR:TOO_LONG', 'ERR:UNAUTH', 'ERR:AUTH_TIMEOUT'];
    expect(known).toEqual(expect.arrayContaining([...answers.keys()]));
    expect(answers.size).toBeGreaterThanOrEqual(3);
    expect(await running.logged()).toHaveLength(STRANGERS);
  });

  it('that never signs in and never closes is closed after the deadline', async () => {
    const lines = String(await exchange(Buffer.alloc(0), true)).split('\n');
    expect(lines).toEqual([expect.stringMatching(/^Headrace chat\./), 'ERR:AUTH_TIMEOUT', '']);
    const log = await running.logged();
    expect(log).toEqual([expect.stringContaining('closed, timeout: not authenticated within')]);
  });

  it('does not disturb other members', async () => {
    const peers = await Promise.all(
      FRAMINGS.map((framing) => joinAs(running.port, framing, framing)),
    );
    const noise = exchange(Buffer.alloc(1024 * 1024, 'x'));
    peers[0]!.send('hello');
    for (const peer of peers) {
      const wanted = peer === peers[0] ? 'ECHO:hello' : 'MSG:frames:hello';
      while ((await peer.next()) !== wanted);
    }
    await noise;
    for (const peer of peers) peer.destroy();
  });
});

describe('memory', () => {
  /** Connects, perhaps says something, and resets. */
  const connectAndReset = (index: number): Promise<void> =>
    new Promise((resolve) => {
      const socket: Socket = connect({ port: running.port, host: '127.0.0.1' }, () => {
        if (index % 4 === 1) socket.write('AUTH:somebody');
        if (index % 4 === 2) socket.write('GET /ws HTTP/1.1\r\n');
        if (index % 4 === 3) socket.write(encode('frames', `AUTH:member-${index}`));
        setImmediate(() => socket.resetAndDestroy());
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve());
    });

  const settled = async (): Promise<void> => {
    await expect.poll(() => running.chat.server.connections.size, { timeout: 60_000 }).toBe(0);
  };

  it('is freed after 5,000 connects and resets, which the log does not mention', async () => {
    await inBatches(500, connectAndReset);
    await settled();
    await figure('kept after 5,000 resets: MiB', KEPT, async () => {
      const before = await usedBytes();
      await inBatches(RESETS, connectAndReset);
      await settled();
      return ((await usedBytes()) - before) / MIB;
    });
    expect(running.log).toEqual([]);
    const peer = await connectPeer(running.port, 'lines');
    peer.send('PING');
    expect(await peer.next()).toBe('PONG');
    peer.destroy();
  });

  it('is freed after 500 megabytes of invalid input', async () => {
    const nonsense = Buffer.alloc(1024 * 1024, 'x');
    await inBatches(50, async () => void (await exchange(nonsense)));
    await figure('kept after 450 MB of nonsense: MiB', KEPT, async () => {
      const before = await usedBytes();
      await inBatches(450, async () => void (await exchange(nonsense)));
      await settled();
      running.log.length = 0;
      return ((await usedBytes()) - before) / MIB;
    });
  });
});
