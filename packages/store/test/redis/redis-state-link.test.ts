import type { RedisClient } from '@headrace/bus/redis';
import { describe, expect, it } from 'vitest';
import { liveSubject } from '../../src/contract/live-subject.ts';
import type { StateEntry, StateWrite } from '../../src/contract/state-log.ts';
import { RedisStateLink } from '../../src/redis/redis-state-link.ts';

const STATE = 'hr.papp.s.proom';
const NONE = Number.POSITIVE_INFINITY;
const LIMITS = { keys: 10, bytes: 1000, removals: 5, removalAgeMs: 60_000 };

/** A link to a server that gives these answers to its scripts. */
function linked(...answers: readonly (readonly string[])[]) {
  const given = [...answers];
  const asked: string[][] = [];
  const lines: string[] = [];
  const live: StateEntry[] = [];
  const channels: string[] = [];
  let publish: (bytes: Buffer) => void = () => {};
  const sendCommand = async (command: readonly unknown[]) => {
    if (command[0] !== 'EVALSHA') return 'OK';
    asked.push(command.slice(2).map(String));
    return given.shift()!.map((part) => Buffer.from(part));
  };
  const link = new RedisStateLink({
    client: { sendCommand } as unknown as RedisClient,
    types: {} as never,
    runId: 'run',
    subscribe: (channel, listener) => {
      channels.push(channel);
      publish = listener;
      return () => {};
    },
    warn: (line) => lines.push(line),
    lose: () => {},
  });
  link.follow(STATE, (entry) => live.push(entry));
  return {
    link,
    asked,
    lines,
    live,
    channels,
    publish: (text: string) => publish(Buffer.from(text)),
  };
}

const write = (expected: number | undefined, isRemoval = false): StateWrite => {
  return { key: 'k é', bytes: Buffer.from('v'), isRemoval, expected, byteLength: 5 };
};
const ENTRY = ['7', '5', 'id', 'k é', '0', '250', 'old'];

describe('RedisStateLink', () => {
  it('tells the script the version that the key must have, and which server this is', async () => {
    const stored = ['0', 'e', 'stored', '8'];
    const { link, asked } = linked(stored, stored, stored);
    await link.open(STATE, LIMITS);
    for (const version of [undefined, 0, 7]) {
      expect(await link.append(STATE, 'id', write(version, version === 7))).toEqual({
        position: { epoch: 'e', offset: 8 },
      });
    }
    const [count, ...rest] = asked[0]!;
    const keys = ['at', 'order', 'notes', 'values', 'removals', 'i:id'];
    expect(count).toBe('6');
    expect(rest.slice(0, 6)).toEqual(keys.map((key) => `{${STATE}}:${key}`));
    expect([rest[6], ...rest.slice(8)]).toEqual([
      ...[
        'run',
        '5',
        '60000',
        'id',
        'k é',
        'v',
        '0',
        '',
        '10',
        '1000',
        liveSubject(STATE),
        '120000',
      ],
    ]);
    expect(asked.map((words) => words.slice(14, 16))).toEqual([
      ['0', ''],
      ['0', '0'],
      ['1', '7'],
    ]);
  });

  it('gives Lua a limit that has no end, and the newest limits', async () => {
    const { link, asked } = linked(
      ['0', 'e', 'full', 'keys', '4'],
      ['0', 'e', 'full', 'bytes', '1001'],
    );
    await link.open(STATE, { keys: NONE, bytes: NONE, removals: NONE, removalAgeMs: NONE });
    expect(await link.append(STATE, 'id', write(undefined))).toEqual({ full: 'keys', size: 4 });
    await link.open(STATE, LIMITS);
    expect(await link.append(STATE, 'id', write(undefined))).toEqual({ full: 'bytes', size: 1001 });
    const limits = asked.map((words) => [9, 10, 16, 17].map((at) => words[at]));
    expect(limits).toEqual([Array(4).fill('1e999'), ['5', '60000', '10', '1000']]);
  });

  it('gives the present entry in a conflict, or null', async () => {
    const { link } = linked(['0', 'e', 'conflict'], ['0', 'e', 'conflict', ...ENTRY]);
    await link.open(STATE, LIMITS);
    expect(await link.append(STATE, 'id', write(3))).toEqual({ conflict: null });
    expect(await link.append(STATE, 'id', write(3))).toEqual({
      conflict: {
        position: { epoch: 'e', offset: 7 },
        previous: 5,
        id: 'id',
        key: 'k é',
        isRemoval: false,
        ageMs: 250,
        bytes: Buffer.from('old'),
      },
    });
  });

  it('asks for at most 1000 entries and 1 MiB, and for at least one entry', async () => {
    const page = ['0', 'e', '7', '9', '2', ...ENTRY];
    const { link, asked } = linked(page, page);
    await link.open(STATE, LIMITS);
    const { entries, ...rest } = await link.read(STATE, 3, 5000);
    expect(rest).toEqual({ epoch: 'e', end: 7, last: 9, floor: 2 });
    expect(entries.map(({ key }) => key)).toEqual(['k é']);
    await link.read(STATE, 0, 0);
    expect(asked.map((words) => words.slice(10))).toEqual([
      ['3', '1000', '1048576'],
      ['0', '1', '1048576'],
    ]);
  });

  it('reports a state of which a part was lost', async () => {
    const { link, lines } = linked(['1', 'e', '0', '0', '0'], ['0', 'e', '0', '0', '0']);
    await link.open(STATE, LIMITS);
    await link.read(STATE, 0, 10);
    await link.read(STATE, 0, 10);
    expect(lines).toEqual([
      `a part of the state {${STATE}} in Redis was lost: the state begins again, empty`,
    ]);
  });

  it('follows the channel of the state, and ignores everything else', async () => {
    const { live, channels, publish } = linked();
    publish('e 7 5 0 2 4\nidk év\n alue');
    publish('e 8 7 1 2 1\nidk');
    for (const wrong of [
      ...['', '\n', 'e 7 5 0 2\nid', 'e 7 5 0 2 9\nidkey', 'e 7 5 0 9 -7\nid', 'e 7 5 0 x 1\nid'],
      ...['e 7 5 0 -2 1\nid', 'e 7 5 0 2 4'],
    ]) {
      publish(wrong);
    }
    expect(channels).toEqual([liveSubject(STATE)]);
    expect(live).toEqual([
      {
        position: { epoch: 'e', offset: 7 },
        previous: 5,
        id: 'id',
        key: 'k é',
        isRemoval: false,
        ageMs: 0,
        bytes: Buffer.from('v\n alue'),
      },
      {
        position: { epoch: 'e', offset: 8 },
        previous: 7,
        id: 'id',
        key: 'k',
        isRemoval: true,
        ageMs: 0,
        bytes: Buffer.alloc(0),
      },
    ]);
  });

  it('changes and reads nothing that is not open', async () => {
    const { link } = linked();
    await expect(link.append(STATE, 'id', write(undefined))).rejects.toThrow('is not open');
    await expect(link.read(STATE, 0, 10)).rejects.toThrow('is not open');
  });
});
