import { randomUUID } from 'node:crypto';
import { silentLogger, systemClock } from '@headrace/core';
import { processBus } from '@headrace/workers';
import { afterEach, describe, expect, it } from 'vitest';
import { bundledProgram } from '../../../core/test/fixture/bundled-program.ts';
import { ProgramProcess } from '../workers/program-process.ts';

const file = await bundledProgram(new URL('./bus-program.ts', import.meta.url));
let program: ProgramProcess | undefined;

afterEach(async () => {
  await program?.kill();
});

describe('processBus', { timeout: 120_000 }, () => {
  it('carries messages between the primary and its workers, each once and in order', async () => {
    program = new ProgramProcess(file);
    const nodes = ['primary', 'worker1', 'worker2'];
    const offsets: unknown[] = [];
    for (const node of nodes) {
      const line = await program.line({ node });
      expect(line).toMatchObject({ got: 3000, isInOrder: true, others: 0, state: 'up' });
      offsets.push(line.offset);
    }
    // One log for all.
    expect(offsets.sort()).toEqual([1, 2, 3]);
    // Windows has no signal that a program could answer.
    if (process.platform === 'win32') return;
    program.signal('SIGTERM');
    expect(await program.exited).toEqual({ code: 0, signal: null });
  });

  it('works in a process that has no workers', async () => {
    const host = { clock: systemClock, logger: silentLogger, random: Math.random };
    const [one, two] = [processBus(), processBus()];
    one.open({ ...host, probe: randomUUID() });
    two.open({ ...host, probe: randomUUID() });
    await expect.poll(() => [one.state, two.state]).toEqual(['up', 'up']);
    const got: string[] = [];
    two.subscribe('a', (bytes) => got.push(String(bytes)));
    expect(one.publish('a', Buffer.from('hello'))).toBe('sent');
    await expect.poll(() => got).toEqual(['hello']);
    await Promise.all([one.close(), two.close()]);
  });
});
