import { Buffer } from 'node:buffer';
import { BUS_ERRORS } from '@headrace/bus';
import { EncodeError, isHeadraceError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { scriptedBus, turn } from '../../../bus/test/bus/scripted-engine.ts';
import type { LogLink, LogPosition } from '../../src/contract/log.ts';
import { logOf, provideStores } from '../../src/stores/bus-stores.ts';

const STREAM = 'hr.papp.d.proom';
const LIMITS = { messages: 100, ageMs: 60_000 };

/** A store that answers when the test says so. */
class ScriptedLog implements LogLink {
  readonly calls: string[] = [];
  readonly waiting: {
    readonly id: string;
    readonly resolve: (position: LogPosition) => void;
    readonly reject: (error: Error) => void;
  }[] = [];
  refusesToOpen = false;
  follows = 0;
  private offset = 0;

  open(): Promise<void> {
    this.calls.push('open');
    return this.refusesToOpen ? Promise.reject(new Error('no store')) : Promise.resolve();
  }

  append(_stream: string, id: string): Promise<LogPosition> {
    this.calls.push(id);
    return new Promise((resolve, reject) => this.waiting.push({ id, resolve, reject }));
  }

  read(): Promise<never> {
    return Promise.reject(new Error('broken'));
  }

  follow(): { close(): void } {
    this.calls.push('follow');
    this.follows += 1;
    return {
      close: () => {
        this.follows -= 1;
      },
    };
  }

  async answer(count: number): Promise<void> {
    for (const { resolve } of this.waiting.splice(0, count)) {
      this.offset += 1;
      resolve({ epoch: 'e', offset: this.offset });
    }
    await turn();
  }

  async refuse(count: number): Promise<void> {
    for (const { reject } of this.waiting.splice(0, count)) reject(new Error('full'));
    await turn();
  }
}

async function opened() {
  const log = new ScriptedLog();
  const bench = scriptedBus();
  provideStores(bench.bus, { openLog: () => log });
  await bench.open();
  await logOf(bench.bus)!.open(STREAM, LIMITS);
  const results: string[] = [];
  const append = (id: string, bytes = Buffer.from(id)) => {
    logOf(bench.bus)!
      .append(STREAM, id, bytes)
      .then(
        ({ offset }) => results.push(`${id} at ${offset}`),
        (error: unknown) => results.push(`${id} ${isHeadraceError(error, BUS_ERRORS.BUS_DOWN)}`),
      );
  };
  return { ...bench, log, append, results };
}

describe('LogStream', () => {
  it('has 256 messages or 4 MiB in flight, and gives the next when one is answered', async () => {
    const { log, append } = await opened();
    for (let at = 0; at < 300; at++) append(`id${at}`);
    await turn();
    expect(log.waiting.length).toBe(256);
    await log.answer(10);
    expect(log.waiting.length).toBe(256);
    await log.answer(300);
    await log.answer(300);
    for (let at = 0; at < 8; at++) append(`large${at}`, Buffer.alloc(1024 * 1024));
    await turn();
    expect(log.waiting.length).toBe(4);
  });

  it.each([
    [undefined, 'it has not answered'],
    ['other nodes have changed its key before it 3 times', 'other nodes have changed its key'],
  ])(
    'over a link that stands, the error of a message says that it waited for %s',
    async (why, text) => {
      const { bus, log, pass } = await opened();
      if (why !== undefined) Object.assign(log, { waitsFor: () => why });
      const failed = logOf(bus)!
        .append(STREAM, 'a', Buffer.from('a'))
        .catch((error: Error) => error.message);
      await pass(5000);
      expect(await failed).toContain('has not stored a change within 5000 ms');
      expect(await failed).toContain(text);
      expect(await failed).not.toContain('is down');
    },
  );

  it('fails a message that the engine never stores, and goes on with the others', async () => {
    const { bus, log, append, results, pass } = await opened();
    append('a');
    const poison = logOf(bus)!
      .append(STREAM, 'poison', Buffer.alloc(1))
      .catch((error) => error.code);
    append('b');
    await turn();
    log.waiting[1]!.reject(new EncodeError('MESSAGE_TOO_LONG', 'too long', {}));
    expect(await poison).toBe('HR_ERR_MESSAGE_TOO_LONG');
    log.waiting.splice(1, 1);
    append('c');
    await log.answer(3);
    await pass(10_000);
    expect(results).toEqual(['a at 1', 'b at 2', 'c at 3']);
    expect(log.calls.filter((call) => call === 'poison')).toHaveLength(1);
  });

  it('repeats what was not acknowledged in order over a new link, once that is up and open', async () => {
    const { engine, log, append, results, pass } = await opened();
    for (const id of ['a', 'b', 'c']) append(id);
    await log.answer(1);
    engine.echoes = false;
    engine.link.sink.lost(new Error('gone'));
    append('d');
    log.calls.length = 0;
    await pass(500);
    expect(log.calls).toEqual([]);
    engine.echoes = true;
    await pass(4000);
    expect(log.calls).toEqual(['open', 'b', 'c', 'd']);
    // The old link's answer to b and the new one's: the first counts.
    await log.answer(5);
    expect(results).toEqual(['a at 1', 'b at 2', 'c at 3', 'd at 6']);
  });

  it('gives nothing more when the engine refuses something, opens again and repeats that', async () => {
    const { log, append, results, pass } = await opened();
    for (const id of ['a', 'b', 'c']) append(id);
    await log.refuse(1);
    append('d');
    await log.answer(2);
    expect(log.calls).toEqual(['open', 'a', 'b', 'c']);
    await pass(300);
    expect(log.calls).toEqual(['open', 'a', 'b', 'c', 'open', 'a', 'd']);
    await log.answer(2);
    expect(results).toEqual(['b at 1', 'c at 2', 'a at 3', 'd at 4']);
  });

  it('fails each message 5 s after its call, and not when the process stood still', async () => {
    const { clock, log, append, results, pass } = await opened();
    append('a');
    await pass(2000);
    append('b');
    await pass(2900);
    expect(results).toEqual([]);
    await pass(100);
    expect(results).toEqual(['a true']);
    await log.answer(1);
    expect(results).toEqual(['a true']);
    clock.advanceQuietly(10_000);
    clock.advance(0);
    await log.answer(99);
    expect(results).toEqual(['a true', expect.stringMatching(/^b at/)]);
    await pass(10_000);
    expect(results.length).toBe(2);
  });

  it('fails a message that is not answered, though each of its timers is late', async () => {
    const { clock, append, results } = await opened();
    append('a');
    for (let i = 0; i < 3; i++) {
      clock.advanceQuietly(60_000);
      clock.advance(0);
      await turn();
    }
    expect(results).toEqual(['a true']);
  });

  it('gives everything again when the engine does not answer, though its link stands', async () => {
    const { log, append, results, pass } = await opened();
    for (const id of ['a', 'b', 'c']) append(id);
    await turn();
    // The answer to the first one is lost.
    log.waiting.shift();
    await log.answer(2);
    await pass(2100);
    expect(log.calls).toEqual(['open', 'a', 'b', 'c', 'open', 'a']);
    await log.answer(1);
    expect(results).toEqual(['b at 1', 'c at 2', 'a at 3']);
    await pass(10_000);
    expect(log.calls.length).toBe(6);
  });

  it('goes on when the engine answers again, after it lost everything that was in flight', async () => {
    const { log, append, results, pass } = await opened();
    for (let at = 0; at < 256; at++) append(`lost${at}`);
    await pass(5200);
    expect(results.filter((text) => text.endsWith('true')).length).toBe(256);
    log.waiting.length = 0;
    append('next');
    await turn();
    await log.answer(1);
    expect(results.at(-1)).toBe('next at 1');
  });

  it('writes one line when nothing is stored, and asks less and less often', async () => {
    const { engine, log, lines, append, results, pass } = await opened();
    log.refusesToOpen = true;
    engine.link.sink.lost(new Error('gone'));
    append('a');
    log.calls.length = 0;
    await pass(20_000);
    expect(log.calls.length).toBeLessThan(10);
    expect(results).toEqual(['a true']);
    expect(
      lines.filter((line) => line.includes('nothing is stored at present (no store)')).length,
    ).toBe(1);
  });

  it('takes 16 MiB over all streams, and refuses more at once', async () => {
    const { bus, append, results } = await opened();
    for (let at = 0; at < 17; at++) append(`id${at}`, Buffer.alloc(1024 * 1024));
    await turn();
    expect(results).toEqual(['id16 true']);
    await logOf(bus)!.open('hr.papp.d.pother', LIMITS);
    const other = logOf(bus)!.append('hr.papp.d.pother', 'x', Buffer.alloc(1024));
    expect(isHeadraceError(await other.catch((error: unknown) => error), BUS_ERRORS.BUS_DOWN)).toBe(
      true,
    );
  });

  it('is followed again before the bus is up, and not after its last follower has left', async () => {
    const { engine, bus, log, pass } = await opened();
    const one = logOf(bus)!.follow(STREAM, () => {});
    const two = logOf(bus)!.follow(STREAM, () => {});
    engine.link.sink.lost(new Error('gone'));
    log.follows = 0;
    engine.echoes = false;
    await pass(200);
    expect([bus.state, log.follows]).toEqual(['down', 1]);
    log.follows = 0;
    engine.echoes = true;
    await pass(5000);
    one.close();
    expect(log.follows).toBe(1);
    two.close();
    expect(log.follows).toBe(0);
    engine.link.sink.lost(new Error('gone'));
    await pass(1000);
    expect(log.follows).toBe(0);
  });

  it('is opened when the engine can, for what waits meanwhile', async () => {
    const { engine, bus, log, append, results, pass } = await opened();
    log.refusesToOpen = true;
    engine.link.sink.lost(new Error('gone'));
    append('a');
    await pass(2000);
    expect(bus.state).toBe('up');
    expect(log.calls.filter((call) => call === 'open').length).toBeGreaterThan(2);
    log.refusesToOpen = false;
    await pass(2000);
    await log.answer(1);
    expect(results).toEqual(['a at 1']);
    const { length } = log.calls;
    await pass(3000);
    expect(log.calls.length).toBe(length);
  });

  it('wants to be opened, and reads fail with BUS_DOWN', async () => {
    const { bus } = await opened();
    await expect(logOf(bus)!.append('hr.papp.d.pother', 'a', Buffer.alloc(0))).rejects.toThrow(
      'open',
    );
    const failed = await logOf(bus)!
      .read(STREAM, 0, 1)
      .catch((error: unknown) => error);
    expect(isHeadraceError(failed, BUS_ERRORS.BUS_DOWN)).toBe(true);
  });
});
