import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FRAMINGS } from './chat-peer.ts';
import { RunningChat } from './running-chat.ts';

let running: RunningChat;

beforeAll(async () => {
  running = await RunningChat.start({ authSeconds: 0.3, readerIdleSeconds: 0.6 });
});

afterEach(() => running.hangUp());
afterAll(() => running.stop());

/** Sends bytes, waits for the end, and returns what was heard and how long it took. */
function wait(first: string): Promise<{ heard: string; ms: number }> {
  return new Promise((resolve) => {
    let heard = '';
    const start = performance.now();
    const socket = connect({ port: running.port, host: '127.0.0.1' }, () => socket.write(first));
    socket.on('data', (bytes) => {
      heard += bytes;
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve({ heard, ms: performance.now() - start }));
  });
}

describe('the authentication deadline', () => {
  it.each(FRAMINGS)(
    'closes who does not sign in, by %s; PING does not extend it',
    async (framing) => {
      const start = performance.now();
      const peer = await running.connect(framing);
      const pings = setInterval(() => peer.send('PING'), 50);
      const heard = await peer.ended();
      clearInterval(pings);
      expect(heard.at(-1)).toBe('ERR:AUTH_TIMEOUT');
      expect(heard.slice(0, -1).every((text) => text === 'PONG')).toBe(true);
      expect(performance.now() - start).toBeGreaterThan(250);
      expect(await running.logged()).toEqual([
        expect.stringContaining('timeout: not authenticated'),
      ]);
    },
  );

  it('counts from the connect, also for who shows late how it speaks', async () => {
    // Times of a second: a busy machine may stand still for some of it.
    const patient = await RunningChat.start({ authSeconds: 2 });
    const peer = await patient.connect('frames');
    const start = performance.now();
    // Not a whole second: whoever is silent for so long is greeted with a line, as a person with nc.
    await new Promise((resolve) => setTimeout(resolve, 500));
    peer.send('PING');
    expect(await peer.ended()).toEqual(['PONG', 'ERR:AUTH_TIMEOUT']);
    expect(performance.now() - start).toBeLessThan(2900);
    await patient.stop();
  });

  it.each([
    ['nothing', '', 'ERR:AUTH_TIMEOUT\n'],
    ['the start of a GET', 'GE', 'ERR:AUTH_TIMEOUT\n'],
    ['half a line', 'AUTH:an', 'ERR:AUTH_TIMEOUT\n'],
    ['half a frame', '\0\0\0', '\0\0\0\x10ERR:AUTH_TIMEOUT'],
  ])('tells so who has said %s', async (_what, first, expected) => {
    expect((await wait(first)).heard).toBe(expected);
    expect(await running.logged()).toEqual([expect.stringContaining('timeout: not authenticated')]);
  });

  it('closes an HTTP connection that neither finishes its request nor upgrades', async () => {
    const { heard } = await wait('GET / HTTP/1.1\r\nHost: x\r\n');
    expect(heard).toMatch(/^HTTP\/1\.1 408 /);
    expect(await running.logged()).toEqual([
      expect.stringContaining('timeout: no complete request'),
    ]);
  });

  it('closes a kept HTTP connection without a word', async () => {
    const { heard } = await wait('GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(heard).toMatch(/^HTTP\/1\.1 404 /);
    expect(heard.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(await running.logged()).toEqual([]);
  });
});

describe('the idle limit', () => {
  it.each(FRAMINGS)('closes a member by %s of whom no complete message came', async (framing) => {
    const start = performance.now();
    const peer = await running.join(framing, 'ann');
    expect(await peer.ended()).toEqual(['ERR:IDLE_TIMEOUT']);
    expect(performance.now() - start).toBeGreaterThan(500);
    expect(await running.logged()).toEqual([expect.stringContaining('idle: ')]);
  });

  it('is not held off by bytes that end no message', async () => {
    const peer = await running.join('lines', 'ann');
    const trickle = setInterval(() => peer.sendRaw(Buffer.from('x')), 50);
    expect(await peer.ended()).toEqual(['ERR:IDLE_TIMEOUT']);
    clearInterval(trickle);
  });

  it('is held off by PING', async () => {
    const patient = await RunningChat.start({ readerIdleSeconds: 2 });
    const peer = await patient.join('frames', 'ann');
    for (let i = 0; i < 5; i++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      peer.send('PING');
      expect(await peer.next()).toBe('PONG');
    }
    await patient.stop();
  });
});
