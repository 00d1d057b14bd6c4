import { createHash } from 'node:crypto';
import { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { ChannelOptions } from '../channel/channel-options.ts';
import type { Clock } from '../contract/clock.ts';
import type { Channel, Handler } from '../contract.ts';
import { isHeadraceError } from '../errors.ts';
import { silentLogger } from '../log/stderr-logger.ts';
import { ClockDeadlines } from '../time/clock-deadlines.ts';
import { systemClock } from '../time/system-clock.ts';
import { testEarlyWrites } from './early-writes-contract.ts';
import { testEnds } from './ends-contract.ts';
import { testLastAnswers } from './last-answers-contract.ts';
import type { TestRunner } from './test-runner.ts';
import {
  type Link,
  type NetworkBench,
  openEnds,
  type TransportBench,
  withLink,
} from './transport-bench.ts';
import { TransportProbe } from './transport-probe.ts';

type Test = readonly [
  name: string,
  options: { readonly near?: ChannelOptions; readonly far?: ChannelOptions },
  body: (link: Link, runner: TestRunner, bench: TransportBench) => Promise<void>,
];

const HALF_OPEN = { allowHalfOpen: true } as const;
const PIECE = Buffer.alloc(64 * 1024, 'abcdefghijklmnop');

/**
 * Adds tests of the contract of every byte transport: order, back-pressure, half-closure, end, close, reset and refusal. Run
 * them for a transport of your own before you trust it. Two connected ends are enough.
 *
 * @example
 * ```ts
 * describeTransport({ describe, it, expect }, {
 *   name: 'tcp',
 *   bind: () => ({ port: 0, host: '127.0.0.1' }),
 *   connect: (server) => ({ port: server.port, host: '127.0.0.1' }),
 *   nobody: () => ({ port: 1, host: '127.0.0.1' }),
 *   resets: true,
 * });
 * ```
 */
export function describeTransport(runner: TestRunner, bench: TransportBench): void {
  const { describe, it, expect } = runner;
  describe(`the transport contract: ${bench.name}`, () => {
    for (const [name, { near, far }, body] of TESTS) {
      it(name, () => withLink(bench, { ...near }, { ...far }, (link) => body(link, runner, bench)));
    }
    testEarlyWrites(runner, { name: bench.name, open: (near, far) => openWith(bench, near, far) });
    testLastAnswers(runner, {
      name: bench.name,
      open: (near, far) => openEnds(bench, { near, far }),
    });
    testEnds(runner, {
      name: bench.name,
      open: (near, far) => openEnds(bench, { near, far }),
      noticesStalls: bench.noticesStalls ?? true,
    });
    if ('nobody' in bench) refuses(runner, bench);
    if (bench.resets) noticesResets(runner, bench);
    if (bench.showsCuts ?? bench.resets) showsCuts(runner, bench);
    it('leaves no handle open', async () => {
      await settle(() => false, 20);
      const before = handles();
      await withLink(bench, {}, {}, async ({ near, far }) => {
        await near.writeAndFlush(PIECE);
        await far.writeAndFlush(PIECE);
      });
      await settle(() => handles() <= before, 500);
      expect(Math.max(handles(), before)).toBe(before);
    });
  });
}

async function openWith(bench: TransportBench, near: Handler, far: Handler) {
  const options = { logger: silentLogger };
  const link = await openEnds(bench, {
    near: { options, handler: near },
    far: { options, handler: far },
  });
  const close = async () => {
    link.near.close();
    await link.near.closed;
    await link.close();
  };
  return { close };
}

function showsCuts({ it, expect }: TestRunner, bench: TransportBench): void {
  const options = { outboundStallMs: false, maxOutboundBytes: Number.POSITIVE_INFINITY } as const;
  const test = async (ours: Channel, peer: Channel, probe: TransportProbe): Promise<void> => {
    const hold = peer.holdReads('contract');
    for (let i = 0; i < 256; i++) ours.write(PIECE).onSettled(() => {});
    ours.flush();
    await settle(() => false, 20);
    ours.close();
    hold.release();
    const { reason } = await peer.closed;
    expect(reason === 'reset' || probe.bytes === 256 * PIECE.length).toBe(true);
  };
  it('close() does not let a peer take a part of the output for the whole', () =>
    withLink(bench, options, options, ({ near, far, farProbe }) => test(near, far, farProbe)));
  it('close() of the far end does not let a peer take a part for the whole', () =>
    withLink(bench, options, options, ({ near, far, nearProbe }) => test(far, near, nearProbe)));
}

function noticesResets({ it, expect }: TestRunner, bench: TransportBench): void {
  it('notices a reset while nothing is read, although bytes wait to be read', async () => {
    await withLink(bench, {}, { clock: fastClock() }, async ({ near, far }) => {
      far.holdReads('contract');
      await near.writeAndFlush(Buffer.from('unread'));
      await settle(() => false, 10);
      near.abort();
      expect((await far.closed).reason).toBe('reset');
    });
  });
}

/** Returns a clock that runs ten times as fast as the system's clock. */
function fastClock(): Clock {
  const { turns } = systemClock;
  const clock: Clock = {
    now: () => systemClock.now() * 10,
    timeOfDay: () => systemClock.timeOfDay(),
    schedule: (task, delayMs, ref) => systemClock.schedule(task, delayMs / 10, ref),
    execute: (task) => systemClock.execute(task),
    nextTurn: (task) => systemClock.nextTurn(task),
    turns,
    get deadlines() {
      return deadlines;
    },
  };
  const deadlines = new ClockDeadlines(clock);
  return clock;
}

function refuses({ it, expect }: TestRunner, bench: NetworkBench): void {
  it('refuses a connect to where nobody listens, with nothing left', async () => {
    const probe = new TransportProbe();
    const failure = await new Bootstrap()
      .options({ logger: silentLogger })
      .handler((channel) => void channel.pipeline.addLast(probe))
      .connect(bench.nobody())
      .catch((error: unknown) => error);
    expect(isHeadraceError(failure)).toBe(true);
    await probe.until(() => probe.events.includes('unregistered'));
    expect(probe.events).toEqual(['registered', 'unregistered']);
  });
}

const TESTS: readonly Test[] = [
  [
    'reports active first, then reads, then the end, each once',
    {},
    async ({ near, far, nearProbe, farProbe }, { expect }) => {
      await near.writeAndFlush(Buffer.from('one'));
      await farProbe.untilBytes(3);
      await far.writeAndFlush(Buffer.from('two'));
      await nearProbe.untilBytes(3);
      near.close();
      await far.closed;
      await farProbe.until(() => farProbe.events.includes('unregistered'));
      const once = ['registered', 'active', 'read', 'readComplete', 'inactive', 'unregistered'];
      expect(farProbe.events).toEqual(once);
      expect(nearProbe.events).toEqual(once);
      expect([far.closeInfo?.reason, far.closeInfo?.by]).toEqual(['peer', 'peer']);
    },
  ],
  [
    'delivers bytes in the order written and settles writes in that order',
    {},
    async ({ near, farProbe }, { expect }) => {
      const settled: number[] = [];
      const texts = Array.from({ length: 500 }, (_, index) => `message ${index};`);
      for (const [index, text] of texts.entries()) {
        const future = near.write(Buffer.from(text));
        future.onSettled(() => settled.push(index));
        if (index % 7 === 0) near.flush();
      }
      await near.writeAndFlush(Buffer.from('end'));
      const whole = `${texts.join('')}end`;
      await farProbe.untilBytes(whole.length);
      expect(farProbe.text).toBe(whole);
      expect(settled).toEqual(texts.map((_, index) => index));
    },
  ],
  [
    'takes empty writes, byte sources and any typed array of bytes',
    {},
    async ({ near, farProbe }, { expect }) => {
      const source = {
        byteLength: 2,
        writeTo: (to: Uint8Array, at: number) => to.set([98, 99], at),
      };
      near.write(Buffer.alloc(0));
      near.write(Buffer.from('a'));
      near.write(source);
      near.write(new Uint8Array([100]));
      await near.writeAndFlush(Buffer.alloc(0));
      await farProbe.untilBytes(4);
      expect(farProbe.text).toBe('abcd');
    },
  ],
  [
    'does not see what the writer does to its buffer after the write was taken',
    {},
    async ({ near, farProbe }, { expect }) => {
      const buffer = Buffer.from('before');
      await near.writeAndFlush(buffer);
      buffer.fill('x');
      await farProbe.untilBytes(6);
      expect(farProbe.text).toBe('before');
    },
  ],
  [
    'reads nothing before it is asked, and one burst for each read()',
    { far: { autoRead: false } },
    async ({ near, far, farProbe }, { expect }) => {
      await near.writeAndFlush(Buffer.from('one'));
      await nextTurn();
      expect(farProbe.bytes).toBe(0);
      far.read();
      await farProbe.untilBytes(3);
      await near.writeAndFlush(Buffer.from('two'));
      await nextTurn();
      expect(farProbe.text).toBe('one');
      far.read();
      await farProbe.untilBytes(6);
    },
  ],
  [
    'pushes back: a reader that stops makes the writer unwritable, and loses nothing',
    { near: { outboundStallMs: false }, far: { autoRead: false } },
    async ({ near, far, nearProbe, farProbe }, { expect }) => {
      let written = 0;
      // The kernels accept some MiB, over several turns. If several turns change nothing, they are
      // full.
      for (let full = 0; full < 20; full = near.isWritable ? 0 : full + 1) {
        for (; near.isWritable; written += PIECE.length) near.write(PIECE);
        near.flush();
        await nextTurn();
      }
      expect(near.isWritable).toBe(false);
      expect(near.pendingOutboundBytes).toBeLessThan(2 * 64 * 1024 + 1024);
      expect(farProbe.bytes).toBe(0);
      far.autoRead = true;
      await farProbe.untilBytes(written);
      await nearProbe.until(() => near.isWritable);
      await near.writeAndFlush(Buffer.from('!'));
      await farProbe.untilBytes(written + 1);
    },
  ],
  [
    'closes when the peer ends, after everything that it sent',
    {},
    async ({ near, far, farProbe }, { expect }) => {
      near.write(PIECE);
      near.end();
      await far.closed;
      expect(farProbe.bytes).toBe(PIECE.length);
      expect(far.closeInfo?.reason).toBe('peer');
      expect((await near.closed).reason).toBe('local');
    },
  ],
  [
    'shuts each half down on its own, after what was written',
    { near: HALF_OPEN, far: HALF_OPEN },
    async ({ near, far, nearProbe, farProbe }, { expect }) => {
      near.write(PIECE);
      near.flush();
      await near.shutdown('output');
      await farProbe.until(() => farProbe.events.includes('shutdown input'));
      expect(farProbe.bytes).toBe(PIECE.length);
      expect([far.isActive, far.isInputShutdown, near.isOutputShutdown]).toEqual([
        true,
        true,
        true,
      ]);
      expect((await failureOf(near.write(Buffer.from('late')))) !== undefined).toBe(true);
      await far.writeAndFlush(Buffer.from('still'));
      await nearProbe.untilBytes(5);
      far.shutdown('output');
      await Promise.all([near.closed, far.closed]);
      expect(farProbe.count('shutdown input')).toBe(1);
    },
  ],
  [
    'end() sends a megabyte before it closes',
    { near: { maxOutboundBytes: 8 * 1024 * 1024 } },
    async ({ near, far, farProbe }, { expect }) => {
      for (let i = 0; i < 16; i++) near.write(PIECE);
      near.end();
      await far.closed;
      expect(farProbe.bytes).toBe(16 * PIECE.length);
    },
  ],
  [
    'close() fails what was not taken, and every later write',
    { far: { autoRead: false }, near: { maxOutboundBytes: Number.POSITIVE_INFINITY } },
    async ({ near }, { expect }) => {
      const futures = Array.from({ length: 256 }, () => near.write(PIECE));
      near.flush();
      const last = failureOf(futures.at(-1)!);
      near.close();
      expect(isHeadraceError(await last, 'CHANNEL_CLOSED')).toBe(true);
      expect(isHeadraceError(await failureOf(near.write(PIECE)), 'CHANNEL_CLOSED')).toBe(true);
    },
  ],
  [
    'abort() ends the peer at once',
    {},
    async ({ near, far, nearProbe, farProbe }, { expect }, { resets }) => {
      await far.writeAndFlush(Buffer.from('hello'));
      await nearProbe.untilBytes(5);
      near.abort();
      await far.closed;
      await farProbe.until(() => farProbe.events.includes('unregistered'));
      expect(far.closeInfo?.reason).toBe(resets ? 'reset' : 'peer');
      expect(farProbe.count('inactive')).toBe(1);
      expect(farProbe.count('error HR_ERR_CHANNEL_RESET')).toBe(resets ? 1 : 0);
      expect(near.closeInfo?.reason).toBe('local');
    },
  ],
  [
    'closes when the peer is gone and it keeps writing',
    { near: HALF_OPEN },
    async ({ near, far, nearProbe }, { expect }) => {
      far.close();
      await nearProbe.until(() => nearProbe.events.includes('shutdown input'));
      // The reset can arrive late. Without the check of writability, the writer would reach its output limit first.
      for (; near.isOpen; await nextTurn()) {
        if (near.isWritable) near.writeAndFlush(PIECE).onSettled(() => {});
      }
      expect(near.closeInfo?.reason).toBe('reset');
    },
  ],
  [
    'keeps its addresses after the close',
    {},
    async ({ near, far }, { expect }) => {
      const before = [far.localAddress, far.remoteAddress, near.remoteAddress];
      near.close();
      await Promise.all([near.closed, far.closed]);
      expect([far.localAddress, far.remoteAddress, near.remoteAddress]).toEqual(before);
    },
  ],
  [
    'carries a large transfer both ways at once, byte for byte',
    {},
    async ({ near, far, nearProbe, farProbe }, { expect }, { transferBytes = 4 << 20 }) => {
      nearProbe.hash = createHash('sha1');
      farProbe.hash = createHash('sha1');
      const sums = await Promise.all([send(near, transferBytes, 1), send(far, transferBytes, 2)]);
      await farProbe.untilBytes(transferBytes);
      await nearProbe.untilBytes(transferBytes);
      expect([farProbe.hash.digest('hex'), nearProbe.hash.digest('hex')]).toEqual(sums);
    },
  ],
];

/** Sends bytes as fast as the channel accepts them, and returns their checksum. */
async function send(channel: Channel, bytes: number, seed: number): Promise<string> {
  const hash = createHash('sha1');
  const block = Buffer.alloc(1 << 20);
  for (let i = 0, x = seed; i < block.length; i++) {
    x = (Math.imul(x, 1_103_515_245) + 12_345) >>> 0;
    block[i] = x >>> 16;
  }
  for (let sent = 0; sent < bytes; ) {
    // Pieces of odd sizes from odd offsets, so that alignment hides no fault.
    const at = (sent * 7) % (block.length - 100_000);
    const piece = block.subarray(at, at + Math.min(bytes - sent, 1 + ((sent * 31) % 99_991)));
    hash.update(piece);
    sent += piece.length;
    channel.writeAndFlush(piece);
    if (!channel.isWritable) await new Promise<void>((resolve) => channel.onceWritable(resolve));
  }
  return hash.digest('hex');
}

function failureOf(future: PromiseLike<void>): Promise<unknown> {
  return Promise.resolve(future).then(
    () => undefined,
    (error: unknown) => error,
  );
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** Waits until `holds` returns true, for at most this number of turns of the event loop. */
async function settle(holds: () => boolean, turns: number): Promise<void> {
  for (let turn = 0; turn < turns && !holds(); turn++) await nextTurn();
}

/** Returns the number of sockets, pipes and servers that keep the process alive. */
function handles(): number {
  return process.getActiveResourcesInfo().filter((kind) => /TCP|Pipe|TLS|Immediate/.test(kind))
    .length;
}
