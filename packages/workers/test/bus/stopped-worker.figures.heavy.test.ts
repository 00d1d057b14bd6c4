import { afterEach, describe, expect, it } from 'vitest';
import { figures, noteFigures } from '../../../core/test/fixture/figure.ts';
import { ProgramProcess } from '../workers/program-process.ts';

const MIB = 1024 * 1024;
const MAX_WAITING_BYTES = 8 * MIB;
const MESSAGE_BYTES = 4096;
/** For what hangs only. */
const LIMIT_MS = 120_000;
const BOUNDS = {
  'held MiB': { below: 16 },
  'messages behind': { below: 2000 },
  'worst ms': { below: 1000 },
};

let program: ProgramProcess | undefined;
let stopped: number | undefined;

async function endAll(): Promise<void> {
  try {
    if (stopped !== undefined) process.kill(stopped, 'SIGKILL');
  } catch {}
  await program?.kill();
}

afterEach(endAll);

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
  const measure = async () => {
    await endAll();
    const env = { NODE_OPTIONS: '--expose-gc' };
    const running = new ProgramProcess('../bus/stopped-program.ts', env);
    program = running;
    const { list } = await running.line({ type: 'ready' }, 0, 60_000);
    stopped = (list as { pid: number }[])[0]!.pid;
    const reports = () =>
      running.lines.filter(({ type }) => type === 'report') as unknown as Report[];
    await expect.poll(() => reports().length, { timeout: LIMIT_MS }).toBeGreaterThan(3);

    const before = reports();
    process.kill(stopped, 'SIGSTOP');
    // Until far more than may wait was published, and much of it dropped.
    await expect
      .poll(
        () => {
          const { published, dropped } = reports().at(-1)!;
          const bytes = (published - before.at(-1)!.published) * MESSAGE_BYTES;
          return bytes > 3 * MAX_WAITING_BYTES && dropped[1]! > 1000;
        },
        { timeout: LIMIT_MS },
      )
      .toBe(true);
    const during = reports().slice(before.length);
    const last = during.at(-1)!;
    const text = JSON.stringify({ before: before.at(-1), last });

    expect(most(during, ({ waiting }) => waiting[1]!)).toBeLessThanOrEqual(MAX_WAITING_BYTES);
    expect(last.waiting[1], text).toBeGreaterThan(MAX_WAITING_BYTES * 0.9);
    // The other one misses nothing, and is not late.
    expect(last.dropped[2], text).toBe(0);
    const growth = (of: (report: Report) => number): number => most(during, of) - most(before, of);
    noteFigures('a stopped worker: rss', { value: growth(({ rss }) => rss) / MIB });

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
        { timeout: LIMIT_MS },
      )
      .toBe(true);
    running.signal('SIGTERM');
    expect(await running.exited).toEqual({ code: 0, signal: null });
    return {
      'held MiB': growth(({ held }) => held) / MIB,
      'messages behind': last.published - last.heard[2]!,
      'worst ms': most(during, ({ worstMs }) => worstMs[2]!),
    };
  };

  it('takes at most 8 MiB of the primary, and the others hear all at once', () =>
    figures('a stopped worker', BOUNDS, measure));
});
