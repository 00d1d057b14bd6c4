import { describe, expect, it } from 'vitest';
import { bytesText, countText, durationText } from '../src/number-text.ts';
import { asciiJson, type Look, statusText } from '../src/status-text.ts';
import { processReport, served } from './process-report.ts';

const lookOf = (...statuses: Look['statuses']): Look => ({ statuses, failures: [] });
const text = (look: Look, columns?: number, before?: Look): string =>
  statusText(look, { columns, before });

describe('statusText', () => {
  it('shows one process as one row', () => {
    expect(text(lookOf(served(processReport())))).toBe(
      [
        'PROCESS    HOST         UP  OPEN  OPENED       IN      OUT  WAITING  SLOW  HELD  ERRORS   MEMORY',
        'process 7  box   1 h 0 min     3      12  1.50 kB  2.00 MB      0 B     0     0       0  80.0 MB',
        '',
      ].join('\n'),
    );
  });

  it('sums many processes in a last row', () => {
    const one = processReport({ name: 'worker 1' });
    const two = processReport({
      name: 'worker 2',
      connections: { open: 4, opened: 5, closed: {} },
    });
    const lines = text(lookOf(served(one, two))).split('\n');
    expect(lines[3]).toMatch(/^all +7 +17 +3\.00 kB +4\.00 MB +0 B +0 +0 +0 +160 MB$/);
  });

  it('shows what is not usual below the table, the largest first', () => {
    const status = {
      ...served(
        processReport({
          connections: { open: 100_000, opened: 100_000, closed: { idle: 1, peer: 2000 } },
          errors: { FRAME_TOO_LONG: 3 },
          channels: {
            looked: 1000,
            waitingBytes: 5000,
            unwritable: 1,
            holds: { Shop: 2 },
            slowest: [
              {
                id: 'a1',
                remote: '10.0.0.1:99',
                waitingBytes: 5000,
                isWritable: false,
                holds: ['Shop', 'turn'],
                heldMs: 1500,
              },
            ],
          },
          groups: {
            looked: 1000,
            isWhole: false,
            slowMembers: { closed: 0, droppedNewest: 7, droppedOldest: 0, coalesced: 0 },
            largest: [{ name: 'lobby', members: 3, backlog: 0 }],
          },
        }),
      ),
      notReady: ['draining'],
      missing: [{ name: 'worker 2', why: 'it has ended' }],
    };
    expect(text(lookOf(status)).split('\n').slice(2)).toEqual([
      'not ready: draining',
      'closed: peer 2,000, idle 1',
      'errors: FRAME_TOO_LONG 3',
      'reads held by: Shop 2',
      'slow members: droppedNewest 7',
      'groups: lobby 3',
      'slow: a1 10.0.0.1:99, 5.00 kB wait, reads held by Shop and turn, not read for 1 s in all',
      'no numbers: worker 2: it has ended',
      'process 7: of 100,000 connections, 1,000 looked at, 1,000 groups looked at, there are more',
      '',
    ]);
  });

  it('shows ten names of many, and how many more there are', () => {
    const errors = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`E${i}`, 100 - i]));
    const shown = text(lookOf(served(processReport({ errors }))));
    expect(shown).toContain('E9 91, 2 more\n');
  });

  it('shows messages per second since the look before', () => {
    const before = lookOf(served(processReport({ uptimeMs: 1000 })));
    const traffic = { ...processReport().traffic, messagesRead: 140 };
    const look = lookOf(served(processReport({ uptimeMs: 3000, traffic })));
    const [names, numbers] = text(look, undefined, before).split('\n');
    expect(names).toContain('MSG/S');
    expect(numbers!.split(/ {2,}/)).toContain('50');
    const restarted = lookOf(served(processReport({ uptimeMs: 500 })));
    expect(text(restarted, undefined, before)).not.toContain('MSG/S');
  });

  it.each([80, 40, 12, 1, 0])('has no line longer than a terminal of %i columns', (columns) => {
    const report = processReport({ errors: { A_LONG_CODE_OF_AN_ERROR: 3, ANOTHER_CODE: 1 } });
    const lines = text(lookOf(served(report)), columns).split('\n');
    const widest = Math.max(...lines.map(({ length }) => length));
    expect(widest).toBeLessThanOrEqual(Math.max(columns, 8));
    const words = lines.join('').replaceAll(/\s/g, '');
    expect(words).toContain('A_LONG_CODE_OF_AN_ERROR3');
    expect(words).toContain('open3,opened12');
  });

  it('lets no control character of a report reach the terminal', () => {
    const evil = '\x1b[2J\x9b1m\u202eroom\nall  9';
    const status = served(
      processReport({
        name: evil,
        host: evil,
        errors: { [evil]: 1 },
        groups: { ...processReport().groups, largest: [{ name: evil, members: 1, backlog: 0 }] },
      }),
    );
    const look = lookOf({ ...status, notReady: [evil], missing: [{ name: evil, why: evil }] });
    for (const columns of [undefined, 40]) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      expect(text(look, columns)).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    }
    const json = asciiJson(look, true);
    expect(json).toMatch(/^[\x20-\x7e]+$/);
    expect(JSON.parse(json)).toEqual(look);
  });
});

describe('numbers', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [9999, '10.0 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [123_456_789_000, '123 GB'],
  ])('of %i bytes are %s', (bytes, shown) => {
    expect(bytesText(bytes)).toBe(shown);
  });

  it.each([
    [12, '12 ms'],
    [59_999, '59 s'],
    [61_000, '1 min 1 s'],
    [7_200_000, '2 h 0 min'],
    [90_000_000, '1 d 1 h'],
  ])('of %i milliseconds are %s', (ms, shown) => {
    expect(durationText(ms)).toBe(shown);
  });

  it('of counts have commas', () => {
    expect(countText(1234567)).toBe('1,234,567');
  });
});
