import { Buffer } from 'node:buffer';
import { Controller } from '@nestjs/common';
import { EventPattern, MessagePattern, Payload } from '@nestjs/microservices';
import { asapScheduler, finalize, map, type Observable, observeOn, range } from 'rxjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RawPeer } from './raw-peer.ts';
import { TimedApp } from './timed-app.ts';

let running = 0;
let hasFloodEnded = false;
let finish: (() => void)[] = [];

@Controller()
class Target {
  @MessagePattern('echo')
  echo(@Payload() data: unknown): unknown {
    return data;
  }

  @MessagePattern('slow')
  slow(): Promise<unknown> {
    running += 1;
    return new Promise((resolve) => {
      finish.push(() => resolve(0));
    });
  }

  @EventPattern('slow event')
  event(): Promise<unknown> {
    return this.slow();
  }

  @MessagePattern('flood')
  flood(): Observable<string> {
    return range(0, 10_000).pipe(
      map(() => 'x'.repeat(1000)),
      observeOn(asapScheduler),
      finalize(() => {
        hasFloodEnded = true;
      }),
    );
  }
}

let app: TimedApp;
let peer: RawPeer;

async function start(options: Parameters<typeof TimedApp.start>[1] = {}): Promise<void> {
  app = await TimedApp.start([Target], options);
  peer = await RawPeer.connect(app, app.nest.network, 'app');
}

beforeEach(() => {
  running = 0;
  finish = [];
});
afterEach(async () => {
  for (const done of finish) done();
  peer.close();
  await app.end();
});

async function stillServes(): Promise<void> {
  const other = await RawPeer.connect(app, app.nest.network, 'app');
  other.send({ pattern: 'echo', data: 'alive', id: 'a' });
  await app.pass(10);
  expect(other.got.at(-1)).toMatchObject({ id: 'a', response: 'alive' });
  other.close();
}

describe('a stranger who sends', () => {
  it.each([
    ['a frame over the limit', Buffer.from('7fffffff7b', 'hex')],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame that is no JSON', Buffer.concat([Buffer.from([0, 0, 0, 3]), Buffer.from('{x}')])],
    ['a frame that is no UTF-8', Buffer.from('00000002c328', 'hex')],
    ['an empty frame', Buffer.from('00000000', 'hex')],
  ])('%s is cut off, and others are served', async (_what, bytes) => {
    await start();
    const [channel] = peer.accepted(app);
    peer.sendBytes(bytes);
    await app.pass(20_000);
    expect(channel?.isOpen).toBe(false);
    await stillServes();
  });

  it.each([
    ['null', null],
    ['a number', 7],
    ['a text', 'sum'],
    ['a list', []],
    ['an object without a pattern', { data: 1, id: 'x' }],
    ['an id that is an object', { pattern: 'echo', data: 1, id: {} }],
    ['an id that is null', { pattern: 'echo', data: 1, id: null }],
    ['an id that is rounded', { pattern: 'echo', data: 1, id: 2 ** 53 }],
  ])('%s for a packet is cut off', async (_what, packet) => {
    await start();
    const [channel] = peer.accepted(app);
    peer.send(packet);
    await app.pass(5000);
    expect(channel?.closeInfo?.reason).toBe('bad-input');
    await stillServes();
  });

  it('two requests with one id at a time is cut off', async () => {
    await start();
    const [channel] = peer.accepted(app);
    peer.send({ pattern: 'slow', data: 1, id: 'x' }, { pattern: 'slow', data: 1, id: 'x' });
    await app.pass(5000);
    expect(channel?.closeInfo?.reason).toBe('bad-input');
  });

  it.each(['__proto__', 'constructor', 'toString', '{"__proto__":{"x":1}}', '', '[', '"'])(
    'the pattern %j gets the answer of an unknown one',
    async (pattern) => {
      await start();
      peer.send({ pattern, data: 1, id: 'x' });
      await app.pass(10);
      expect(peer.got).toEqual([
        { id: 'x', status: 'error', isDisposed: true, err: expect.stringMatching(/no matching/) },
      ]);
    },
  );

  it('patterns and data full of __proto__ changes no object of ours', async () => {
    await start();
    const raw =
      '{"pattern":{"__proto__":{"polluted":1}},"data":{"__proto__":{"polluted":1}},"id":"x"}';
    peer.sendText(raw);
    peer.sendText(
      '{"pattern":"echo","data":{"__proto__":{"polluted":1}},"id":"y","__proto__":{"polluted":1}}',
    );
    await app.pass(10);
    expect(peer.got).toHaveLength(2);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('a pattern that is nested deeper than the stack gets an answer', async () => {
    await start();
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    peer.sendText(`{"pattern":${deep},"data":1,"id":"x"}`);
    peer.sendText(`{"pattern":${JSON.stringify(deep)},"data":1,"id":"y"}`);
    await app.pass(10);
    await stillServes();
  });

  it('control messages that mean nothing changes nothing', async () => {
    await start();
    peer.send(
      { headrace: 'nonsense' },
      { headrace: 'cancel' },
      { headrace: 'cancel', id: {} },
      { headrace: 'welcome' },
      { headrace: 'credentials' },
      { pattern: 'echo', data: 'x', id: '1' },
    );
    await app.pass(10);
    expect(peer.got).toEqual([
      { headrace: 'welcome' },
      { id: '1', response: 'x', isDisposed: true },
    ]);
  });

  it('unknown events by the thousand writes one line to the log', async () => {
    const lines: unknown[] = [];
    await start();
    Object.assign(app.nest.server, { logger: { error: (line: unknown) => lines.push(line) } });
    for (let i = 0; i < 1000; i++) peer.send({ pattern: `unknown ${'x'.repeat(300)}`, data: i });
    await app.pass(10);
    expect(lines).toHaveLength(1);
    expect(String(lines[0]).length).toBeLessThan(200);
  });
});

describe('a flood', () => {
  it('of requests is refused beyond maxRequests, and cancelling frees no place that is worked on', async () => {
    await start({ maxRequests: 5 });
    for (let i = 0; i < 8; i++) peer.send({ pattern: 'slow', data: 0, id: `s${i}` });
    await app.pass(10);
    expect(running).toBe(5);
    expect(peer.got.map((answer) => (answer as { id: string }).id)).toEqual(['s5', 's6', 's7']);
    for (let i = 0; i < 5; i++) peer.send({ headrace: 'cancel', id: `s${i}` });
    peer.send({ pattern: 'slow', data: 0, id: 'more' });
    await app.pass(10);
    expect(running).toBe(5);
    for (const done of finish) done();
    await app.pass(10);
    peer.send({ pattern: 'slow', data: 0, id: 'after' });
    await app.pass(10);
    expect(running).toBe(6);
  });

  it('of events is not read beyond maxEvents', async () => {
    await start({ maxEvents: 5 });
    for (let i = 0; i < 50; i++) peer.send({ pattern: 'slow event', data: 0 });
    await app.pass(10);
    expect([running, peer.accepted(app)[0]?.isReadHeld]).toEqual([5, true]);
    for (const done of finish.splice(0)) done();
    await app.pass(10);
    expect(running).toBe(10);
  });

  it('of connections is refused beyond the limit', async () => {
    await start({ connections: { total: 2 } });
    const second = await RawPeer.connect(app, app.nest.network, 'app');
    const third = await RawPeer.connect(app, app.nest.network, 'app');
    await app.pass(10);
    expect([second.isOpen, third.isOpen]).toEqual([true, false]);
    second.close();
  });
});

describe('a peer that never reads', () => {
  it('is not read either, and is cut off when it goes on', async () => {
    await start();
    const [channel] = peer.accepted(app);
    peer.stopReading();
    const data = 'x'.repeat(100_000);
    for (let i = 0; i < 100; i++) peer.send({ pattern: 'echo', data, id: String(i) });
    await app.pass(100);
    expect(channel?.isReadHeld).toBe(true);
    expect(channel?.pendingOutboundBytes).toBeLessThan(16_777_216);
    await app.pass(600_000);
    expect(channel?.closeInfo?.reason).toBe('slow-consumer');
    await stillServes();
  });

  it('is cut off when the values of one Observable exceed the limit, and the Observable ends', async () => {
    await start({ channel: { maxOutboundBytes: 100_000 } });
    const [channel] = peer.accepted(app);
    peer.stopReading();
    peer.send({ pattern: 'flood', data: 0, id: 'f' });
    await app.pass(100);
    expect(channel?.closeInfo?.reason).toBe('slow-consumer');
    expect(hasFloodEnded).toBe(true);
  });
});
