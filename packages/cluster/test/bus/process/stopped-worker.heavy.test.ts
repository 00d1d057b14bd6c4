import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { MAX_WAITING_BYTES } from '../../../src/bus/process/relay-port.ts';
import { ProgramProcess } from '../../workers/program-process.ts';

const MIB = 1024 * 1024;
const STOPPED_MS = 15_000;

let program: ProgramProcess | undefined;
let stopped: number | undefined;

afterEach(async () => {
  try {
    if (stopped !== undefined) process.kill(stopped, 'SIGKILL');
  } catch {}
  await program?.kill();
});

interface Report {
  readonly held: number;
  readonly rss: number;
  readonly published: number;
  readonly heard: Readonly<Record<number, number>>;
  readonly worstMs: Readonly<Record<number, number>>;
  readonly waiting: Readonly<Record<number, number>>;
  readonly dropped: Readonly<Record<number, number>>;
}

const most = (reports: readonly Report[], of: (report: Report) => number): number =>
  Math.max(...reports.map(of));

describe('a stopped worker on the process bus', () => {
  it('takes at most 8 MiB of the primary, and the others hear all at once', async () => {
    const env = { NODE_OPTIONS: '--expose-gc' };
    const running = new ProgramProcess('../bus/process/stopped-program.ts', env);
    program = running;
    const { list } = await running.line({ type: 'ready' }, 0, 60_000);
    stopped = (list as { pid: number }[])[0]!.pid;
    const reports = () =>
      running.lines.filter(({ type }) => type === 'report') as unknown as Report[];
    await expect.poll(() => reports().length, { timeout: 30_000 }).toBeGreaterThan(3);

    const before = reports();
    process.kill(stopped, 'SIGSTOP');
    await delay(STOPPED_MS);
    const during = reports().slice(before.length);
    const last = during.at(-1)!;
    const text = JSON.stringify({ before: before.at(-1), last });

    // Far more than may wait was published meanwhile.
    const bytes = (last.published - before.at(-1)!.published) * 4096;
    expect(bytes, text).toBeGreaterThan(3 * MAX_WAITING_BYTES);
    expect(most(during, ({ waiting }) => waiting[1]!)).toBeLessThanOrEqual(MAX_WAITING_BYTES);
    expect(last.waiting[1], text).toBeGreaterThan(MAX_WAITING_BYTES * 0.9);
    expect(last.dropped[1], text).toBeGreaterThan(1000);
    const held = most(during, (report) => report.held) - most(before, (report) => report.held);
    expect(held, text).toBeLessThan(16 * MIB);
    const rss = most(during, (report) => report.rss) - most(before, (report) => report.rss);
    expect(rss, text).toBeLessThan(48 * MIB);

    // The other one misses nothing, and is not late.
    expect(last.dropped[2], text).toBe(0);
    expect(last.published - last.heard[2]!, text).toBeLessThan(2000);
    expect(
      most(during, ({ worstMs }) => worstMs[2]!),
      text,
    ).toBeLessThan(1000);

    // It takes what waited, and what comes.
    const { length } = reports();
    process.kill(stopped, 'SIGCONT');
    await expect
      .poll(
        () => {
          const { published, heard, dropped, waiting } = reports().at(-1)!;
          const behind = published - heard[1]! - dropped[1]!;
          // All that may wait is less than 2,000 messages: a worker that has taken none of it is not further behind.
          return reports().length > length + 1 && behind < 2000 && waiting[1]! < MIB;
        },
        { timeout: 30_000 },
      )
      .toBe(true);
    running.signal('SIGTERM');
    expect(await running.exited).toEqual({ code: 0, signal: null });
  }, 180_000);
});
