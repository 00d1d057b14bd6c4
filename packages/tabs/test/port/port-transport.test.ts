import {
  type Channel,
  ChannelError,
  connectChannel,
  isHeadraceError,
  silentLogger,
} from '@headrace/core';
import { settle, VirtualClock } from '@headrace/core/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LocksLike } from '../../src/port/life-lock.ts';
import { batchOf, type PortEvent, type PortLike } from '../../src/port/port-message.ts';
import { PortTransport } from '../../src/port/port-transport.ts';

/** A port whose messages are delivered by the test's turns, and counted. */
class FakePort implements PortLike {
  peer: FakePort | undefined = undefined;
  readonly posted: unknown[] = [];
  isClosed = false;
  private readonly clock: VirtualClock;
  private readonly listeners = new Map<string, Set<(event: PortEvent) => void>>();

  constructor(clock: VirtualClock) {
    this.clock = clock;
  }

  postMessage(message: unknown): void {
    this.posted.push(message);
    this.clock.nextTurn(() => this.peer?.emit('message', message));
  }

  addEventListener(name: string, listener: (event: PortEvent) => void): void {
    const all = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, all.add(listener));
  }

  removeEventListener(name: string, listener: (event: PortEvent) => void): void {
    this.listeners.get(name)?.delete(listener);
  }

  start(): void {}

  close(): void {
    this.isClosed = true;
  }

  emit(type: string, data?: unknown): void {
    for (const listener of this.listeners.get(type) ?? []) listener({ type, data });
  }
}

/** Web Locks; a holder that crashes loses its lock. */
class FakeLocks implements LocksLike {
  readonly waiting = new Map<string, (() => unknown)[]>();

  async request(name: string, _options: object, held: () => unknown): Promise<unknown> {
    const waiting = this.waiting.get(name);
    if (waiting === undefined) {
      this.waiting.set(name, []);
      await held();
      this.release(name);
    } else waiting.push(held);
    return undefined;
  }

  release(name: string): void {
    for (const held of this.waiting.get(name) ?? []) held();
    this.waiting.delete(name);
  }
}

interface Link {
  readonly near: Channel;
  readonly far: Channel;
  readonly read: unknown[];
}

const WINDOW = 1024;
const MESSAGE = Buffer.alloc(36, 'x');
/** With the 64 bytes that each message counts. */
const COST = 100;

describe('a transport over a port', () => {
  let clock: VirtualClock;
  let ports: [FakePort, FakePort];
  let locks: FakeLocks;

  beforeEach(() => {
    clock = new VirtualClock();
    locks = new FakeLocks();
    ports = [new FakePort(clock), new FakePort(clock)];
    ports[0].peer = ports[1];
    ports[1].peer = ports[0];
  });

  async function connected(options: { locks?: LocksLike | false } = {}): Promise<Link> {
    const read: unknown[] = [];
    const shared = { clock, logger: silentLogger };
    const given = {
      clock,
      windowBytes: WINDOW,
      maxMessageBytes: 2000,
      locks: false as const,
      ...options,
    };
    const opening = Promise.all([
      connectChannel(new PortTransport(ports[0], given), shared),
      connectChannel(new PortTransport(ports[1], given), {
        ...shared,
        initialize: (channel) =>
          channel.pipeline.addLast({
            channelRead: (_ctx, message) => void read.push(message),
          }),
      }),
    ]);
    await pass();
    const [near, far] = await opening;
    return { near, far, read };
  }

  async function pass(): Promise<void> {
    for (let turn = 0; turn < 8; turn++) {
      await settle(clock);
      clock.advance(0);
    }
  }

  it('sends no more than the window and one message while the peer reads nothing, and the rest when it reads', async () => {
    const { near, far, read } = await connected();
    const hold = far.holdReads('test');
    for (let count = 0; count < 100; count++) near.write(MESSAGE);
    near.flush();
    await pass();
    const posted = ports[0].posted.flatMap((one) => (one as { list?: unknown[] }).list ?? []);
    expect(posted.length).toBe(Math.ceil(WINDOW / COST));
    expect(read).toEqual([]);
    hold.release();
    for (let round = 0; round < 20; round++) await pass();
    expect(read.length).toBe(100);
  });

  it('reads what had arrived before a reset, even while reads are held', async () => {
    const { near, far, read } = await connected();
    far.holdReads('test');
    for (let count = 0; count < 100; count++) near.write(MESSAGE).onSettled(() => {});
    near.flush();
    await pass();
    near.close();
    await pass();
    expect([read.length, far.closeInfo?.reason]).toEqual([Math.ceil(WINDOW / COST), 'reset']);
  });

  it('gives credit back for half a window at a time, not for each message', async () => {
    const { near } = await connected();
    for (let count = 0; count < 50; count++) {
      near.writeAndFlush(MESSAGE);
      await pass();
    }
    const credits = ports[1].posted.filter((one) => typeof one === 'number');
    expect(credits.length).toBe(Math.floor((50 * COST) / 600));
  });

  it('keeps texts, bytes and their boundaries', async () => {
    const { near, read } = await connected();
    near.write('a');
    near.write(Buffer.from('bc'));
    near.write('');
    near.write(Buffer.alloc(0));
    near.flush();
    await pass();
    expect(read).toEqual(['a', Buffer.from('bc'), '', Buffer.alloc(0)]);
  });

  it('ends the channel at a message that is too long', async () => {
    const { near, far } = await connected();
    near.writeAndFlush('x'.repeat(2001)).catch(() => {});
    await pass();
    expect(isHeadraceError(far.closeInfo?.error, 'FRAME_TOO_LONG')).toBe(true);
  });

  it('ends the channel at a message that is none of ours', async () => {
    const { far } = await connected();
    ports[1].emit('message', { text: 'of the application' });
    await pass();
    expect(isHeadraceError(far.closeInfo?.error, 'MESSAGE_INVALID')).toBe(true);
  });

  it('ends the channel when more comes than it gave room for', async () => {
    const { far } = await connected();
    far.holdReads('test');
    ports[0].postMessage(batchOf(Array.from({ length: 11 }, () => MESSAGE)));
    await pass();
    expect(far.isOpen).toBe(true);
    ports[0].postMessage(batchOf([MESSAGE]));
    await pass();
    expect(isHeadraceError(far.closeInfo?.error, 'MESSAGE_INVALID')).toBe(true);
  });

  it('takes no message behind the end of its half', async () => {
    const { near, far, read } = await connected();
    const hold = far.holdReads('test');
    near.writeAndFlush('last');
    await pass();
    ports[0].postMessage('end');
    ports[0].postMessage(batchOf(['late']));
    await pass();
    expect(isHeadraceError(far.closeInfo?.error, 'MESSAGE_INVALID')).toBe(true);
    hold.release();
    await pass();
    expect(read).not.toContain('late');
  });

  it.each([
    ['a negative length', { list: [-1, 2], bytes: new Uint8Array(1) }],
    ['more than there is', { list: [2], bytes: new Uint8Array(1) }],
    ['less than there is', { list: [1], bytes: new Uint8Array(2) }],
    ['half a byte', { list: [0.5, 0.5], bytes: new Uint8Array(1) }],
    ['no text and no length', { list: [null], bytes: new Uint8Array(0) }],
    ['a part of a memory', { list: [1], bytes: new Uint8Array(new ArrayBuffer(9), 8) }],
  ])('ends the channel at a batch of %s', async (_name, batch) => {
    const { far, read } = await connected();
    ports[1].emit('message', batch);
    await pass();
    expect(isHeadraceError(far.closeInfo?.error, 'MESSAGE_INVALID')).toBe(true);
    expect(read).toEqual([]);
  });

  it('is not connected to a peer of another version', async () => {
    const transport = new PortTransport(ports[0], { clock, locks: false });
    const connecting = connectChannel(transport, { clock, logger: silentLogger });
    const failure = connecting.catch((error: unknown) => error);
    ports[1].postMessage({ headrace: 2, windowBytes: 1 });
    await pass();
    expect(await failure).toBeInstanceOf(ChannelError);
    expect(ports[0].isClosed).toBe(true);
  });

  it.each([
    { windowBytes: undefined },
    { windowBytes: Number.POSITIVE_INFINITY },
    { windowBytes: -1 },
    { windowBytes: 0 },
    { windowBytes: '1024' },
    { windowBytes: 1024, lock: 7 },
    { windowBytes: 1024, headrace: {} },
  ])('is not connected to a peer whose first message is %o', async (hello) => {
    const transport = new PortTransport(ports[0], { clock, locks: false });
    const failure = connectChannel(transport, { clock, logger: silentLogger }).catch(
      (error: unknown) => error,
    );
    ports[1].postMessage({ headrace: 1, ...hello });
    await pass();
    expect(isHeadraceError(await failure, 'MESSAGE_INVALID')).toBe(true);
    expect(ports[0].isClosed).toBe(true);
  });

  it.each([Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY])(
    'ends the channel at a credit of %d',
    async (credit) => {
      const { near } = await connected();
      ports[0].emit('message', credit);
      await pass();
      expect(isHeadraceError(near.closeInfo?.error, 'MESSAGE_INVALID')).toBe(true);
    },
  );

  it('resets a peer that has crashed, when its lock is free', async () => {
    const { near, far } = await connected({ locks });
    expect(locks.waiting.size).toBe(2);
    const { lock } = ports[1].posted[0] as { lock: string };
    ports[1].peer = undefined;
    locks.release(lock);
    await pass();
    expect(near.isOpen).toBe(true);
    clock.advance(1000);
    await pass();
    expect(near.closeInfo?.reason).toBe('reset');
    far.close();
  });

  it('reads the last messages of a peer whose lock is free before them', async () => {
    const { near, far, read } = await connected({ locks });
    const { lock } = ports[0].posted[0] as { lock: string };
    locks.release(lock);
    await pass();
    near.writeAndFlush('last words');
    near.close();
    await pass();
    expect(read).toEqual(['last words']);
    expect(far.closeInfo?.reason).toBe('peer');
    clock.advance(1000);
  });

  it('resets a peer whose port was closed without an end message', async () => {
    const { near } = await connected();
    ports[0].emit('close');
    await pass();
    expect(near.closeInfo?.reason).toBe('reset');
  });

  it('is lost at once when another program has the other end, as after a restart of a worker', async () => {
    const { near } = await connected();
    ports[0].emit('message', { headrace: 1, lock: undefined, windowBytes: WINDOW });
    await settle(clock);
    expect(near.closeInfo).toMatchObject({
      reason: 'reset',
      error: { message: expect.stringContaining('its program was started again') },
    });
  });

  it('gives its lock back when it ends', async () => {
    const { near, far } = await connected({ locks });
    near.close();
    await pass();
    await far.closed;
    await pass();
    expect(locks.waiting.size).toBe(0);
  });
});
