import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { lengthPrefixed } from '@headrace/codec';
import {
  Bootstrap,
  type Clock,
  ClockDeadlines,
  systemClock,
  type Timer,
  type Turns,
} from '@headrace/core';
import { type BinaryExchange, binaryExchange, ExchangeHandler } from '@headrace/rpc';
import { afterEach, describe, expect, it } from 'vitest';
import { ServerProcess } from '../../../core/test/fixture/server-process.ts';

const SERVER = new URL('call-server.ts', import.meta.url);
const CONNECTIONS = 10;
const IN_FLIGHT = 1000;
const QUEUED = 100;
const LONGEST_MS = 1000;

/** The system's, which counts the timers that are set. */
class CountingClock implements Clock {
  readonly timers = new Set<Timer>();
  readonly turns: Turns = systemClock.turns;
  readonly deadlines: ClockDeadlines = new ClockDeadlines(this);

  now(): number {
    return systemClock.now();
  }

  timeOfDay(): number {
    return systemClock.timeOfDay();
  }

  execute(task: () => void): void {
    systemClock.execute(task);
  }

  nextTurn(task: () => void): void {
    systemClock.nextTurn(task);
  }

  schedule(task: () => void, delayMs: number, ref?: boolean): Timer {
    const inner = systemClock.schedule(
      () => {
        this.timers.delete(timer);
        task();
      },
      delayMs,
      ref,
    );
    const timer = {
      cancel: () => {
        this.timers.delete(timer);
        inner.cancel();
      },
    };
    this.timers.add(timer);
    return timer;
  }
}

/** How one call ended. */
interface Ended {
  readonly code: string;
  readonly sent: boolean | undefined;
}

/** Calls that are replaced by others as they end, one in a hundred cancelled on its way. */
class Load {
  readonly ended = new Map<number, Ended>();
  readonly twice: number[] = [];
  asked = 0;
  isOver = false;

  ask(exchange: ExchangeHandler<BinaryExchange>): void {
    const serial = this.asked;
    this.asked += 1;
    const body = Buffer.alloc(64);
    body.writeUInt32BE(serial);
    const aborter = serial % 100 === 0 ? new AbortController() : undefined;
    const options = aborter === undefined ? {} : { signal: aborter.signal };
    exchange.request(body, options).then(
      (answer) => this.end(exchange, serial, answer.equals(body) ? 'answered' : 'mixed up', true),
      ({ code, details }: { code: string; details: { sent: boolean } }) =>
        this.end(exchange, serial, code, details.sent),
    );
    if (aborter !== undefined) setTimeout(() => aborter.abort(), Math.random() * LONGEST_MS);
  }

  private end(
    exchange: ExchangeHandler<BinaryExchange>,
    serial: number,
    code: string,
    sent: boolean,
  ): void {
    if (this.ended.has(serial)) this.twice.push(serial);
    this.ended.set(serial, { code, sent });
    const isAnswered = code === 'answered' || code === 'HR_ERR_OPERATION_ABORTED';
    if (isAnswered && !this.isOver) this.ask(exchange);
  }
}

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

describe('10,000 calls in flight, 1 % cancelled, the server killed in the middle', () => {
  it('each settles once, sent is right, ids and timers are back to 0', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'headrace-calls-'));
    folders.push(folder);
    const path = join(folder, 'executed');
    using server = new ServerProcess(SERVER, path, LONGEST_MS, IN_FLIGHT * 2);
    const port = Number(await server.line('listening'));
    const clock = new CountingClock();
    const format = binaryExchange();
    // All wait at first: the channel takes 64 KiB at once.
    const limits = { maxInFlight: IN_FLIGHT, maxQueued: IN_FLIGHT + QUEUED, timeoutMs: 60_000 };
    const exchanges = Array.from(
      { length: CONNECTIONS },
      () => new ExchangeHandler({ format, ...limits }),
    );
    const channels = await Promise.all(
      exchanges.map((exchange) =>
        new Bootstrap()
          .options({ clock })
          .handler(({ pipeline }) =>
            pipeline.addLast(...lengthPrefixed({ maxFrameLength: 1000 }), exchange),
          )
          .connect({ host: '127.0.0.1', port }),
      ),
    );
    const load = new Load();
    for (const exchange of exchanges) {
      for (let i = 0; i < IN_FLIGHT + QUEUED; i++) load.ask(exchange);
    }
    await server.line('ten were aborted');
    await expect.poll(() => load.ended.size, { timeout: 60_000 }).toBeGreaterThan(20_000);
    const inFlight = exchanges.reduce((sum, { counts }) => sum + counts.inFlight, 0);
    const queued = exchanges.reduce((sum, { counts }) => sum + counts.queued, 0);
    load.isOver = true;
    server.process.kill('SIGKILL');
    await server.exited;
    await Promise.all(channels.map(({ closed }) => closed));
    await expect.poll(() => load.ended.size, { timeout: 30_000 }).toBe(load.asked);
    // Cancels that come now find nothing.
    await wait(LONGEST_MS + 100);

    expect([inFlight, queued]).toEqual([CONNECTIONS * IN_FLIGHT, CONNECTIONS * QUEUED]);
    expect(load.twice).toEqual([]);
    const executed = new Set(readFileSync(path, 'utf8').trim().split('\n').map(Number));
    const counted = new Map<string, number>();
    const wrong: number[] = [];
    for (const [serial, { code, sent }] of load.ended) {
      const name = `${code.replace('HR_ERR_', '')} ${sent}`;
      counted.set(name, (counted.get(name) ?? 0) + 1);
      if (executed.has(serial) && sent !== true) wrong.push(serial);
      if (code === 'answered' && !executed.has(serial)) wrong.push(serial);
    }
    expect(wrong).toEqual([]);
    expect([...counted.keys()].sort()).toEqual(
      expect.arrayContaining([
        'OPERATION_ABORTED true',
        'REQUEST_LOST false',
        'REQUEST_LOST true',
        'answered true',
      ]),
    );
    expect(counted.get('mixed up true')).toBeUndefined();
    for (const { counts } of exchanges) {
      expect(counts).toMatchObject({ inFlight: 0, queued: 0, unknownAnswers: 0 });
      expect(counts.lateAnswers).toBeGreaterThan(0);
    }
    expect(clock.timers.size).toBe(0);
  });
});
