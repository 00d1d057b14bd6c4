import { silentLogger } from '@headrace/core';
import { ResumeTable } from '@headrace/lasting';
import { expect, it, vi } from 'vitest';
import { startCutter } from '../src/cutter.ts';
import { startServer } from '../src/lasting-server.ts';
import { startTalker } from '../src/talker.ts';

it('hears every line once and in order while the links are cut', async () => {
  const logger = silentLogger;
  const table = new ResumeTable();
  const server = await startServer({ port: 0, table, logger });
  const cutter = await startCutter({ port: 0, to: server.port, everyMs: 40, logger });
  const lines: string[] = [];
  const talker = await startTalker({
    name: 'ann',
    ports: [cutter.port],
    everyMs: 3,
    logger,
    note: (line) => void lines.push(line),
  });
  const heard = () => lines.filter((line) => line.startsWith('heard'));
  const back = () => lines.filter((line) => line.startsWith('-- back'));
  await vi.waitFor(() => expect([heard().length > 300, back().length > 5]).toEqual([true, true]), {
    timeout: 20_000,
  });
  expect(heard()).toEqual(heard().map((_, index) => `heard: ann ${index + 1}`));
  expect(table.size).toBe(1);
  talker.close();
  await cutter.close();
  await server.close();
  table.close();
});
