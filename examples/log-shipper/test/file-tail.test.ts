import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { StreamWriteHandler } from '@headrace/handlers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FilePlace, FileTail, type FileTailOptions } from '../src/file-tail.ts';

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-tail-'));
  path = join(folder, 'app.log');
});

afterEach(() => rmSync(folder, { recursive: true }));

/** Renames the file to `app.log.1`, and the files before it to the next number. */
function rotate(): void {
  for (const number of [3, 2, 1]) {
    if (existsSync(`${path}.${number}`)) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
  }
  renameSync(path, `${path}.1`);
}

/** A reader that takes the bytes of a tail until it has a text of this length. */
function reader(options: FileTailOptions = {}, file = path) {
  const tail = new FileTail(file, { pollMs: 20, rotateWaitMs: 0, ...options });
  const chunks = tail[Symbol.asyncIterator]();
  const read = async (length: number): Promise<string> => {
    let text = '';
    while (text.length < length) text += String((await chunks.next()).value);
    return text;
  };
  return { tail, read, end: () => chunks.return!() };
}

/** A tail whose clock stands, and a function that waits until the tail waits. */
async function waiting(options: FileTailOptions = {}) {
  const clock = new VirtualClock();
  const made = reader({ clock, rotateWaitMs: 60_000, pollMs: 1000, ...options });
  const look = async (): Promise<void> => {
    do await new Promise((next) => setTimeout(next, 1));
    while (clock.pendingTimers === 0);
  };
  /** Advances the clock until something is read. */
  const soon = async (read: Promise<string>): Promise<string> => {
    let isRead = false;
    const text = read.finally(() => {
      isRead = true;
    });
    while (!isRead) {
      if (clock.pendingTimers > 0) clock.advance(clock.nextDelay);
      await new Promise((next) => setTimeout(next, 1));
    }
    return await text;
  };
  return { ...made, clock, look, soon };
}

describe('FileTail', () => {
  it('gives what a file has, and what is appended later', async () => {
    writeFileSync(path, 'one\n');
    const { read, end, tail } = reader();
    expect(await read(4)).toBe('one\n');
    const later = read(4);
    appendFileSync(path, 'two\n');
    expect([await later, tail.place?.position]).toEqual(['two\n', 8]);
    await end();
  });

  it('waits for a file, and for a folder, that do not exist yet', async () => {
    const file = join(folder, 'later', 'app.log');
    const { read, end } = reader({}, file);
    const first = read(3);
    mkdirSync(join(folder, 'later'));
    writeFileSync(file, 'one');
    expect(await first).toBe('one');
    await end();
  });

  it('reads the rest of a file that is rotated, and then the new one', async () => {
    writeFileSync(path, 'one');
    const { read, end } = reader();
    expect(await read(3)).toBe('one');
    appendFileSync(path, 'two');
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'three');
    expect(await read(8)).toBe('twothree');
    await end();
  });

  it('reads what is written to a rotated file until nobody has written to it for a time', async () => {
    writeFileSync(path, '00');
    const { read, soon, clock, look, end } = await waiting();
    expect(await read(2)).toBe('00');
    const old = `${path}.1`;
    renameSync(path, old);
    writeFileSync(path, '');
    for (let line = 10; line < 50; line += 1) {
      const next = read(2);
      await look();
      // Each time less than the wait, and together much more.
      clock.advance(50_000);
      await look();
      appendFileSync(old, String(line));
      expect(await soon(next)).toBe(String(line));
    }
    const after = read(2);
    for (let seconds = 0; seconds < 70; seconds += 1) {
      await look();
      clock.advance(1000);
    }
    await look();
    appendFileSync(old, 'lost');
    appendFileSync(path, '50');
    expect(await soon(after)).toBe('50');
    await end();
  });

  it('reads the last lines of a writer in an old file before its lines in the new one', async () => {
    writeFileSync(path, 'one\n');
    const { read, soon, look, end } = await waiting();
    await read(4);
    const both = read(8);
    await look();
    rotate();
    writeFileSync(path, '');
    await look();
    appendFileSync(`${path}.1`, 'two\n');
    appendFileSync(path, 'new\n');
    expect(await soon(both)).toBe('two\nnew\n');
    await end();
  });

  it('puts no late line into a line of the new file', async () => {
    writeFileSync(path, 'one\n');
    const { read, soon, look, end } = await waiting();
    await read(4);
    const length = 100_000;
    const line = `${'x'.repeat(length - 1)}\n`;
    const first = read(1);
    await look();
    rotate();
    writeFileSync(path, line);
    const begin = await soon(first);
    appendFileSync(`${path}.1`, 'late\n');
    expect(begin.length).toBeLessThan(length);
    expect(begin + (await soon(read(length - begin.length + 5)))).toBe(`${line}late\n`);
    await end();
  });

  it('leaves out no file of two rotations, of which the first is written last', async () => {
    writeFileSync(path, 'one\n');
    const { read, soon, look, end } = await waiting();
    await read(4);
    const all = read(15);
    await look();
    rotate();
    writeFileSync(path, 'two\n');
    rotate();
    writeFileSync(path, 'three\n');
    await new Promise((next) => setTimeout(next, 30));
    appendFileSync(`${path}.2`, 'late\n');
    expect((await soon(all)).split('\n').sort()).toEqual(['', 'late', 'three', 'two']);
    await end();
  });

  it('continues after a place in all files that can still be written', async () => {
    writeFileSync(path, 'one\n');
    const first = await waiting();
    await first.read(4);
    rotate();
    writeFileSync(path, 'new\n');
    expect(await first.soon(first.read(4))).toBe('new\n');
    await first.end();
    const after = JSON.parse(JSON.stringify(first.tail.place)) as FilePlace;
    appendFileSync(`${path}.1`, 'late\n');
    appendFileSync(path, 'newer\n');
    const second = await waiting({ after });
    expect(await second.soon(second.read(11))).toBe('late\nnewer\n');
    const last = second.read(6);
    await second.look();
    appendFileSync(`${path}.1`, 'later\n');
    expect(await second.soon(last)).toBe('later\n');
    await second.end();
  });

  it('keeps up with rotations that are faster than the wait', async () => {
    writeFileSync(path, '10');
    const { read, soon, end } = await waiting({ rotateWaitMs: 3_600_000 });
    const first = await read(2);
    for (let number = 11; number < 50; number += 1) {
      rotate();
      writeFileSync(path, String(number));
      expect(await soon(read(2))).toBe(String(number));
    }
    expect(first).toBe('10');
    await end();
  });

  it('waits for no writer when a file was copied and cut', async () => {
    writeFileSync(path, 'a long line\n');
    const { read, soon, look, end } = await waiting();
    await read(12);
    const next = read(3);
    await look();
    copyFileSync(path, `${path}.1`);
    truncateSync(path);
    appendFileSync(path, 'two');
    expect(await soon(next)).toBe('two');
    await end();
  });

  it('reads a file from its beginning after it became shorter', async () => {
    writeFileSync(path, 'a long line\n');
    const { read, end } = reader();
    await read(12);
    truncateSync(path);
    appendFileSync(path, 'two');
    expect(await read(3)).toBe('two');
    await end();
  });

  it.each([
    ['in the same file', () => {}],
    ['in a file that was renamed meanwhile', () => renameSync(path, `${path}.1`)],
  ])('continues after a place %s', async (_name, rotate) => {
    writeFileSync(`${path}.7`, 'an older file');
    writeFileSync(path, 'one');
    const first = reader();
    await first.read(3);
    await first.end();
    appendFileSync(path, 'two');
    rotate();
    appendFileSync(path, 'three');
    const second = reader({ after: first.tail.place! });
    expect(await second.read(8)).toBe('twothree');
    await second.end();
  });

  it.each([
    ['is written again', 'longer than before'],
    ['becomes shorter and then longer between two looks', 'one'],
  ])('reads a file from its beginning if it %s', async (_name, before) => {
    writeFileSync(path, before);
    const { read, end } = reader();
    await read(before.length);
    writeFileSync(path, 'another and longer one than before');
    expect(await read(34)).toBe('another and longer one than before');
    await end();
  });

  it('reads a file from its beginning if it was written again since the place', async () => {
    writeFileSync(path, 'one\n');
    const first = reader();
    await first.read(4);
    await first.end();
    const place = first.tail.place!;
    expect(place.last).toBe(Buffer.from('one\n').toString('hex'));
    writeFileSync(path, 'two\nthree\n');
    const second = reader({ after: place });
    expect(await second.read(10)).toBe('two\nthree\n');
    await second.end();
    // A place of which only the position is known is trusted.
    const { last: _, ...position } = place;
    const third = reader({ after: position });
    expect(await third.read(6)).toBe('three\n');
    await third.end();
  });

  it.each([['after a place'], ['while it reads']])(
    'reads the files of several rotations in their order %s',
    async (when) => {
      writeFileSync(path, 'one');
      const first = reader();
      await first.read(3);
      if (when === 'after a place') await first.end();
      for (const text of ['two', 'three', 'four']) {
        rotate();
        writeFileSync(path, text);
      }
      for (const other of ['app.log.lock', 'app.log.9.gz', 'app.log-errors', 'app.logs.1']) {
        writeFileSync(join(folder, other), 'another file');
      }
      const next = when === 'after a place' ? reader({ after: first.tail.place! }) : first;
      expect(await next.read(12)).toBe('twothreefour');
      rotate();
      writeFileSync(path, 'five');
      expect(await next.read(4)).toBe('five');
      await next.end();
    },
  );

  it('begins with the oldest rotated file if the one of the place is gone', async () => {
    for (const [index, text] of ['one', 'two', 'three'].entries()) {
      if (index > 0) rotate();
      writeFileSync(path, text);
    }
    const { read, end } = reader({ after: { file: '1:1', position: 2 } });
    expect(await read(11)).toBe('onetwothree');
    await end();
  });

  it('begins with the file at the path if the one of the place is gone', async () => {
    writeFileSync(path, 'new');
    const { read, end } = reader({ after: { file: '1:1', position: 2 } });
    expect(await read(3)).toBe('new');
    await end();
  });

  it('ends when its signal aborts, and when its reader leaves', async () => {
    writeFileSync(path, 'one');
    const controller = new AbortController();
    const texts: string[] = [];
    for await (const chunk of new FileTail(path, { signal: controller.signal })) {
      texts.push(String(chunk));
      setImmediate(() => controller.abort());
    }
    expect(texts).toEqual(['one']);
    for await (const _ of new FileTail(path, { signal: controller.signal })) expect.fail();
    const waiting = reader();
    await waiting.read(3);
    const next = waiting.read(1).catch(() => 'none');
    await waiting.end();
    expect(await next).toMatch(/undefined/);
  });

  it('fails for a folder', async () => {
    await expect(reader({}, folder).read(1)).rejects.toMatchObject({
      code: 'HR_ERR_FILE_FAILED',
      details: { path: folder },
    });
  });

  it('is a source for StreamWriteHandler, and is released with the channel', async () => {
    writeFileSync(path, 'one');
    const channel = new EmbeddedChannel(new StreamWriteHandler());
    const sent = channel.writeAndFlush(new FileTail(path));
    await expect.poll(() => channel.readOutbound(), { interval: 1 }).toEqual(Buffer.from('one'));
    channel.abort();
    await expect(sent).rejects.toMatchObject({ code: 'HR_ERR_CHANNEL_CLOSED' });
  });
});
