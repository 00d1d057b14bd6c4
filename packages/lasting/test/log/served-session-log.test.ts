import { EncodeError } from '@headrace/core';
import {
  memorySessionLog,
  type SessionLog,
  serveSessionLog,
  sessionLogOver,
} from '@headrace/lasting';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeLog } from './log-contract.ts';
import { LogServer } from './log-server.ts';

const first = { after: undefined, replaces: true };
const failing = (error: Error): SessionLog => {
  const fail = () => Promise.reject(error);
  return { keepMs: 600_000, read: fail, append: fail, remove: fail };
};

describe('a log of another process', () => {
  let server: LogServer;
  let log: SessionLog;

  beforeEach(async () => {
    server = new LogServer();
    await server.up();
    log = server.reached();
  });
  afterEach(() => server.end());

  describeLog(() => log);

  it('has the records of a process that has ended', async () => {
    await log.append('x', Buffer.from('one'), first);
    for (const connection of server.connections) connection.abort();
    expect((await server.reached().read('x'))!.records.map(String)).toEqual(['one']);
  });

  it('rejects while its process is gone, and is empty when the next one comes', async () => {
    const after = await log.append('x', Buffer.from('one'), first);
    const hasty = server.reached({}, 100);
    server.kill();
    const place = { after, replaces: false };
    const calls = [
      hasty.read('x'),
      hasty.append('x', Buffer.from('two'), place),
      hasty.remove('x', '1'),
    ];
    for (const one of await Promise.allSettled(calls)) {
      expect(one.status).toBe('rejected');
      expect(String((one as PromiseRejectedResult).reason.code)).toMatch(/REQUEST_LOST|TIMEOUT/);
    }
    await server.up();
    log = server.reached();
    expect(await log.read('x')).toBe(undefined);
    expect(await log.append('x', Buffer.from('two'), place)).toBe(undefined);
  });

  it('takes any number of calls at a time', async () => {
    await log.read('x');
    const ids = Array.from({ length: 5000 }, (_, at) => `id${at}`);
    const stored = await Promise.all(ids.map((id) => log.append(id, Buffer.from(id), first)));
    expect(new Set(stored).size).toBe(ids.length);
  });

  it('refuses a process that needs its records for longer than it keeps them', async () => {
    const longer = server.reached({ keepMs: 600_001 });
    expect(longer.keepMs).toBe(600_001);
    await expect(longer.append('x', Buffer.from('one'), first)).rejects.toThrow(
      'the log keeps a channel for 600000 ms, and this process needs 600001 ms: set keepMs of both',
    );
    expect(await log.read('x')).toBe(undefined);
  });
});

describe('a log of another process that keeps little', () => {
  it('gives back each record that it takes, and never takes a longer one', async () => {
    const server = new LogServer({ maxFrameLength: 1000 });
    await server.up();
    const log = server.reached();
    let [after, length] = [await log.append('x', Buffer.from('0'), first), 800];
    for (;;) {
      const appending = log.append('x', Buffer.alloc(length), { after, replaces: false });
      const error = await appending.then(
        () => undefined,
        (thrown: Error) => thrown,
      );
      if (error !== undefined) {
        expect(error).toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
        expect(error).toBeInstanceOf(EncodeError);
        break;
      }
      after = await appending;
      length += 1;
    }
    const { records, revision } = (await log.read('x'))!;
    expect(revision).toBe(after);
    expect(records.map((record) => record.length)).toEqual([
      1,
      ...Array.from({ length: length - 800 }, (_, at) => 800 + at),
    ]);
    await server.end();
  });

  it('says why it has failed, and that a record is too long for ever', async () => {
    const server = new LogServer({ log: failing(new Error('the disk is full')) });
    await server.up();
    const log = server.reached();
    const calls = () => [log.read('x'), log.append('x', Buffer.from('one'), first)];
    for (const call of [...calls(), log.remove('x', '1')])
      await expect(call).rejects.toThrow('the disk is full');
    await server.end();
    const long = new LogServer({ log: failing(new EncodeError('MESSAGE_TOO_LONG', 'it is', {})) });
    await long.up();
    await expect(long.reached().append('x', Buffer.from('one'), first)).rejects.toMatchObject({
      code: 'HR_ERR_MESSAGE_TOO_LONG',
      details: { bytes: 3 },
    });
    await long.end();
  });
});

describe('a call of a log that is served', () => {
  const header = (json: string): Buffer => {
    const bytes = Buffer.from(json);
    return Buffer.concat([Buffer.of(0, bytes.length), bytes]);
  };
  const append = (json: string): Buffer => Buffer.concat([Buffer.of(2), header(json)]);

  it.each([
    ['no bytes', Buffer.alloc(0), false],
    ['an unknown kind', Buffer.concat([Buffer.of(9), header('{"id":"x"}')]), false],
    ['an unknown kind of items', Buffer.concat([Buffer.of(2), header('{"id":"x"}')]), true],
    ['a header that is cut off', Buffer.of(2, 0, 9, 1), false],
    [
      'a header that is too short',
      Buffer.concat([Buffer.of(2, 0, 12), Buffer.from('{"id":"x"}')]),
      false,
    ],
    ['a header that is not JSON', append('{'), false],
    ['a header of nothing', append('null'), false],
    ['no id', append('{}'), false],
    ['an id that is none', append('{"id":"a/b"}'), false],
    ['an id that is too long', append(`{"id":"${'x'.repeat(65)}"}`), false],
    ['a revision that is none', append('{"id":"x","after":1}'), false],
    ['a removal of any revision', Buffer.concat([Buffer.of(3), header('{"id":"x"}')]), false],
  ])('with %s is refused', (_what, call, wantsItems) => {
    const handle = serveSessionLog(memorySessionLog());
    expect(() => handle(call, { wantsItems } as never)).toThrow(
      'the call is of another version, or not for a log',
    );
  });

  it.each([undefined, null, {}, { append: 1 }])('%j is refused as a log and as calls', (wrong) => {
    expect(() => serveSessionLog(wrong as never)).toThrow(/needs a log/);
    expect(() => sessionLogOver(wrong as never)).toThrow(/needs a RequestClient/);
  });
});
