import { silentLogger } from '@headrace/core';
import { ResumeTable } from '@headrace/lasting';
import { memorySessionLog } from '@headrace/lasting/log';
import { afterEach, expect, it, vi } from 'vitest';
import { startCutter } from '../src/cutter.ts';
import { startServer } from '../src/lasting-server.ts';
import { openRoom } from '../src/room.ts';
import { startTerminal } from '../src/terminal.ts';

const [CUT_MS, LINE_MS] = [40, 3];

/** What is done every so many milliseconds, by the test and not by the time: each cut comes when it is to come. */
function heldIntervals(): ReadonlyMap<number, () => void> {
  const intervals = new Map<number, () => void>();
  const { setInterval } = globalThis;
  vi.spyOn(globalThis, 'setInterval').mockImplementation(((run: () => void, ms: number) => {
    if (ms !== CUT_MS && ms !== LINE_MS) return setInterval(run, ms);
    intervals.set(ms, run);
    return setInterval(() => {}, 1 << 30).unref();
  }) as typeof setInterval);
  return intervals;
}

afterEach(() => {
  vi.restoreAllMocks();
});

it('hears every line once and in order while the links are cut', async () => {
  const logger = silentLogger;
  const intervals = heldIntervals();
  const table = new ResumeTable();
  const server = await startServer({
    room: openRoom({ password: 'sesame', table }),
    port: 0,
    logger,
  });
  const cutter = await startCutter({ port: 0, to: server.port, everyMs: CUT_MS, logger });
  const lines: string[] = [];
  const talker = await startTerminal({
    name: 'ann',
    password: 'sesame',
    ports: [cutter.port],
    everyMs: LINE_MS,
    logger,
    note: (line) => void lines.push(line),
  });
  const heard = () => lines.filter((line) => line.startsWith('heard'));
  const back = () => lines.filter((line) => line.startsWith('-- back'));
  const say = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      intervals.get(LINE_MS)!();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  for (let cuts = 1; cuts <= 6; cuts++) {
    // The last of them, and answers to others, are on their way when the links are cut.
    await say(40);
    intervals.get(CUT_MS)!();
    await say(20);
    await expect.poll(() => back().length).toBe(cuts);
  }
  await expect.poll(() => heard().length).toBe(360);
  expect(heard()).toEqual(heard().map((_, index) => `heard: ann ${index + 1}`));
  expect(lines.filter((line) => line === 'welcome, ann')).toHaveLength(1);
  expect(table.size).toBe(1);
  talker.close();
  await cutter.close();
  await server.close();
  table.close();
});

it('accepts no client without the password, and keeps no channel of strangers', async () => {
  const logger = silentLogger;
  const intervals = heldIntervals();
  const table = new ResumeTable();
  const server = await startServer({
    room: openRoom({ password: 'sesame', table }),
    port: 0,
    logger,
  });
  const lines: string[] = [];
  const talker = await startTerminal({
    name: 'eve',
    password: 'guess',
    ports: [server.port],
    everyMs: LINE_MS,
    logger,
    note: (line) => void lines.push(line),
  });
  expect(intervals.size).toBe(1);
  await talker.closed;
  await expect.poll(() => [table.size, table.detached]).toEqual([0, 0]);
  expect(lines).toEqual(['not let in: wrong password']);
  await server.close();
  table.close();
});

it('keeps its members when the process of the room is another one, if there is a log', async () => {
  const logger = silentLogger;
  const intervals = heldIntervals();
  const log = memorySessionLog();
  const open = (port: number, table: ResumeTable) =>
    startServer({ room: openRoom({ password: 'sesame', table }), port, logger });
  const tables = [new ResumeTable({ log }), new ResumeTable({ log })] as const;
  const killed = await open(0, tables[0]);
  const lines: string[] = [];
  const heard = () => lines.filter((line) => line.startsWith('heard'));
  const talker = await startTerminal({
    name: 'ann',
    password: 'sesame',
    ports: [killed.port],
    everyMs: LINE_MS,
    logger,
    note: (line) => void lines.push(line),
  });
  await expect.poll(() => lines).toContain('welcome, ann');
  intervals.get(LINE_MS)!();
  await expect.poll(heard).toEqual(['heard: ann 1']);
  // As if it were killed: it says nothing more to its log, nor to anybody.
  killed.channel.close();
  for (const link of killed.connections) link.abort();
  const next = await open(killed.port, tables[1]);
  intervals.get(LINE_MS)!();
  await expect.poll(heard).toEqual(['heard: ann 1', 'heard: ann 2']);
  expect(lines.filter((line) => line === 'welcome, ann')).toHaveLength(1);
  talker.close();
  await next.close();
  for (const table of tables) table.close();
});
