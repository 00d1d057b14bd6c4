import { Buffer } from 'node:buffer';
import { isHeadraceError } from '@headrace/core';
import type { TestRunner } from '@headrace/core/testing';
import { BUS_ERRORS } from '../bus/bus-errors.ts';
import { type BusBench, type BusTest, testing } from './bus-bench.ts';

export type { BusBench } from './bus-bench.ts';

/** One test of the contract. */
export type BusContractTest = readonly [
  name: string,
  body: (test: BusTest, expect: TestRunner['expect'], bench: BusBench) => Promise<void>,
];

/** The buses of this package need 4 s, as a virtual clock proves. The remaining time is for servers on a busy machine. */
const FOUND_OUT_WITHIN_MS = 10_000;

const numbered = (count: number, name = 'm') => Array.from({ length: count }, (_, at) => name + at);

/**
 * Tests the contract of every bus. The tests cover the order of messages, messages that are kept while the bus is down, and
 * servers that are killed and stopped. Run the tests for your own engine before you use the engine.
 *
 * @example
 * ```ts
 * describeBus({ describe, it, expect }, {
 *   name: 'redis',
 *   make: () => redisBus({ url: server.url }),
 *   clock: systemClock,
 *   pass: (ms) => setTimeout(ms),
 *   server,
 * });
 * ```
 */
export function describeBus({ describe, it, expect }: TestRunner, bench: BusBench): void {
  describe(`the bus contract: ${bench.name}`, () => {
    for (const [name, body] of TESTS) {
      it(name, () => testing(bench, (test) => body(test, expect, bench)));
    }
  });
}

const TESTS: readonly BusContractTest[] = [
  [
    'delivers in order, to every listener of every bus, the own one too',
    async (test, expect) => {
      const [one, two] = [await test.up(), await test.up()];
      const again: string[] = [];
      one.listen('room');
      two.listen('room');
      two.listen('room', again);
      await test.of(Promise.all([one.bus.settled(), two.bus.settled()]));
      const texts = numbered(500);
      for (const text of texts) expect(one.publishText('room', text)).toBe('sent');
      two.publishText('elsewhere', 'not for us');
      await test.until(() => [one.heard, two.heard, again].every((heard) => heard.length >= 500));
      for (const heard of [one.heard, two.heard, again]) expect(heard).toEqual(texts);
    },
  ],
  [
    'delivers nothing after a subscription was closed, and everything to the others',
    async (test, expect) => {
      const [one, two] = [await test.up(), await test.up()];
      const other: string[] = [];
      const mine = two.listen('room');
      two.listen('room', other);
      await test.of(two.bus.settled());
      one.publishText('room', '1');
      await test.until(() => other.length === 1);
      mine.close();
      mine.close();
      one.publishText('room', '2');
      await test.until(() => other.length === 2);
      expect(two.heard).toEqual(['1']);
      expect(other).toEqual(['1', '2']);
    },
  ],
  [
    'subscribes again to what was just closed',
    async (test, expect) => {
      const one = await test.up();
      for (let i = 0; i < 5; i++) one.listen('room').close();
      one.listen('room');
      await test.of(one.bus.settled());
      one.publishText('room', '1');
      await test.until(() => one.heard.length > 0);
      expect(one.heard).toEqual(['1']);
    },
  ],
  [
    'a listener that throws, or closes others, disturbs nobody',
    async (test, expect) => {
      const one = await test.up();
      one.bus.subscribe(one.subject('room'), () => {
        last.close();
        throw new Error('from a listener');
      });
      one.listen('room');
      const last = one.bus.subscribe(one.subject('room'), () => one.heard.push('closed'));
      await test.of(one.bus.settled());
      one.publishText('room', '1');
      one.publishText('room', '2');
      await test.until(() => one.heard.length === 2);
      expect(one.heard).toEqual(['1', '2']);
      expect(one.lines.length).toBe(2);
      expect(one.bus.state).toBe('up');
    },
  ],
  [
    'carries a message of 1 MiB less 1 KiB, an empty one, and every byte',
    async (test, expect) => {
      const [one, two] = [await test.up(), await test.up()];
      const came: Buffer[] = [];
      two.bus.subscribe(two.subject('room'), (bytes) => came.push(Buffer.from(bytes)));
      await test.of(two.bus.settled());
      const all = Buffer.from(Array.from({ length: 512 }, (_, at) => at % 256));
      const large = Buffer.alloc(1024 * 1024 - 1024, all);
      for (const bytes of [large, Buffer.alloc(0), all]) {
        one.bus.publish(one.subject('room'), Buffer.from(bytes));
      }
      await test.until(() => came.length === 3);
      expect(came[0]!.equals(large)).toBe(true);
      expect(came[1]!.byteLength).toBe(0);
      expect(came[2]!.equals(all)).toBe(true);
    },
  ],
  [
    'knows each subject by its whole name',
    async (test, expect) => {
      const one = await test.up();
      const names = [
        'p-',
        'p_',
        'bw7xkaXI',
        `p${'x'.repeat(64)}`,
        `h${'Y'.repeat(43)}`,
        'pA',
        'pa',
      ];
      for (const name of names) {
        one.bus.subscribe(one.subject(name), (bytes, subject) => {
          one.heard.push(`${subject === one.subject(name)} ${bytes.toString() === name}`);
        });
      }
      await test.of(one.bus.settled());
      for (const name of names) one.publishText(name, name);
      await test.until(() => one.heard.length === names.length);
      expect(one.heard.every((heard) => heard === 'true true')).toBe(true);
    },
  ],
  [
    'knows whether anybody listens, and asking is not heard',
    async (test, expect) => {
      const [one, two] = [await test.up(), await test.up()];
      const mine = two.listen('room');
      await test.of(two.bus.settled());
      expect((await test.of(one.bus.receivers(one.subject('room')))) > 0).toBe(true);
      expect(await test.of(one.bus.receivers(one.subject('nobody')))).toBe(0);
      mine.close();
      await test.of(two.bus.settled());
      expect(await test.of(one.bus.receivers(one.subject('room')))).toBe(0);
      expect(two.heard).toEqual([]);
    },
  ],
  [
    'what was published before a bus closes is sent',
    async (test, expect) => {
      const [one, two] = [await test.up(), await test.up()];
      two.listen('room');
      await test.of(two.bus.settled());
      const texts = numbered(200);
      for (const text of texts) one.publishText('room', text);
      await test.of(one.bus.close());
      await test.of(one.bus.close());
      await test.until(() => two.heard.length === 200);
      expect(two.heard).toEqual(texts);
      expect(one.events).toEqual(['up', 'down']);
      expect(one.publishText('room', 'too late')).toBe('dropped');
      expect(one.events).toEqual(['up', 'down', 'dropped closed']);
    },
  ],
  [
    'a server that is killed and started again: subscriptions are back before up, what was kept comes in order',
    async (test, expect, { server }) => {
      const [one, two] = [await test.up(), await test.up()];
      one.listen('room');
      two.listen('room');
      await test.of(two.bus.settled());
      await server.kill();
      await test.until(() => one.bus.state === 'down' && two.bus.state === 'down');
      expect(one.publishText('room', 'gone')).toBe('kept');
      await test.pass(6000);
      for (const text of ['1', '2', '3']) expect(one.publishText('room', text)).toBe('kept');
      const failed = await one.bus.settled().catch((error: unknown) => error);
      expect(isHeadraceError(failed, BUS_ERRORS.BUS_DOWN)).toBe(true);
      await server.start();
      await test.until(() => one.bus.state === 'up');
      await test.until(() => two.bus.state === 'up');
      expect(one.publishText('room', '4')).toBe('sent');
      await test.until(() => one.heard.length === 4);
      expect(one.heard).toEqual(['1', '2', '3', '4']);
      expect(one.events).toEqual(['up', 'down', 'dropped old', 'up']);
      // At most one line each for the loss, a refused connect, and the new connection.
      expect(one.lines.length).toBeLessThan(6);
      // The other bus came up before or after this one. From now on, it receives all messages.
      one.publishText('room', '5');
      await test.until(() => two.heard.at(-1) === '5');
    },
  ],
  [
    'keeps no more than 1 MiB while it is down, and drops the oldest',
    async (test, expect, { server }) => {
      await server.kill();
      const one = test.begin();
      one.listen('room');
      await test.pass(500);
      const text = (at: number) => String(at).padEnd(100 * 1024, '.');
      for (let at = 0; at < 15; at++) one.publishText('room', text(at));
      expect(one.events).toEqual(Array.from({ length: 5 }, () => 'dropped full'));
      await server.start();
      await test.until(() => one.heard.length === 10);
      expect(one.heard).toEqual(Array.from({ length: 10 }, (_, at) => text(at + 5)));
      expect(one.bus.state).toBe('up');
    },
  ],
  [
    'a server that is stopped is found out, and nothing grows meanwhile',
    async (test, expect, { server }) => {
      const [one, two] = [await test.up(), await test.up()];
      two.listen('room');
      await test.of(two.bus.settled());
      const before = sockets();
      await server.stop();
      const asked = two.bus.receivers(two.subject('room')).catch((error: unknown) => error);
      try {
        const mebibyte = Buffer.alloc(1024 * 1024 - 1024);
        for (let at = 0; at < 32; at++) one.bus.publish(one.subject('room'), mebibyte);
        expect(one.events.filter((event) => event === 'dropped stuck').length).toBeGreaterThan(10);
        await test.until(
          () => one.bus.state === 'down' && two.bus.state === 'down',
          FOUND_OUT_WITHIN_MS,
        );
        expect(isHeadraceError(await test.of(asked), BUS_ERRORS.BUS_DOWN)).toBe(true);
        // Each attempt must release its sockets.
        await test.pass(12_000);
        expect(sockets()).toBeLessThan(before + 1);
      } finally {
        await server.continue();
      }
      await test.until(() => one.bus.state === 'up' && two.bus.state === 'up');
      two.heard.length = 0;
      one.publishText('room', 'again');
      await test.until(() => two.heard.includes('again'));
      expect(one.lines.length).toBeLessThan(5);
    },
  ],
  [
    'closes while it connects, while it is down, and before the server answers',
    async (test, expect, { server }) => {
      const connecting = test.begin();
      await test.of(connecting.bus.close());
      const lost = await test.up();
      await server.kill();
      await test.until(() => lost.bus.state === 'down');
      lost.publishText('room', 'kept');
      await test.of(lost.bus.close());
      expect(lost.events).toEqual(['up', 'down', 'dropped closed']);
      await server.start();
      const stuck = await test.up();
      await server.stop();
      try {
        stuck.publishText('room', 'not taken');
        await test.of(stuck.bus.close());
        const late = test.begin();
        await test.pass(100);
        await test.of(late.bus.close());
        expect(late.events).toEqual([]);
      } finally {
        await server.continue();
      }
      expect(connecting.events).toEqual([]);
    },
  ],
];

function sockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
}
