import { memorySessionLog } from '@headrace/lasting/log';
import { expect, it } from 'vitest';

const FIRST = { after: undefined, replaces: true };

it('a log in memory keeps records, lets one writer go on, and removes them', async () => {
  const log = memorySessionLog();
  expect(log.keepMs).toBe(600_000);
  const one = await log.append('x', Buffer.from('one'), FIRST);
  const two = await log.append('x', Buffer.from('two'), { after: one, replaces: false });
  expect(await log.append('x', Buffer.from('three'), { after: one, replaces: false })).toBe(
    undefined,
  );
  const found = await log.read('x');
  expect([found?.records.map(String), found?.revision]).toEqual([['one', 'two'], two]);
  await log.remove('x', two!);
  expect(await log.read('x')).toBe(undefined);
});

it('a log in memory forgets what is not written to, and keeps what is', async () => {
  let now = 0;
  const log = memorySessionLog({ keepMs: 1000, clock: { now: () => now } });
  const one = await log.append('one', Buffer.from('1'), FIRST);
  await log.append('two', Buffer.from('2'), FIRST);
  now = 900;
  await log.append('one', Buffer.from('2'), { after: one, replaces: false });
  now = 1800;
  expect((await log.read('one'))!.records).toHaveLength(2);
  expect(await log.read('two')).toBe(undefined);
});
