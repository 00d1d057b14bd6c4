import { memorySessionLog } from '@headrace/lasting';
import { describe, expect, it } from 'vitest';
import { describeLog } from './log-contract.ts';
import { RestorableLog } from './restorable-log.ts';

describe('a log in memory', () => {
  const log = memorySessionLog();
  describeLog(() => log);

  it('forgets what is not written to', async () => {
    let now = 0;
    const aging = memorySessionLog({ keepMs: 1000, clock: { now: () => now } });
    const one = await aging.append('one', Buffer.from('1'), { after: undefined, replaces: true });
    now = 600;
    await aging.append('two', Buffer.from('2'), { after: undefined, replaces: true });
    await aging.append('one', Buffer.from('1 again'), { after: one, replaces: false });
    now = 1601;
    expect([await aging.read('one'), await aging.read('two')]).toEqual([undefined, undefined]);
  });

  it('keeps what is written to', async () => {
    let now = 0;
    const aging = memorySessionLog({ keepMs: 1000, clock: { now: () => now } });
    const one = await aging.append('one', Buffer.from('1'), { after: undefined, replaces: true });
    now = 900;
    await aging.append('one', Buffer.from('2'), { after: one, replaces: false });
    now = 1800;
    expect((await aging.read('one'))!.records).toHaveLength(2);
  });
});

describe('a log of the tests that can be restored', () => {
  const log = new RestorableLog();
  describeLog(() => log);
});
