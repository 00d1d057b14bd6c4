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
import { FileTail, type FileTailOptions } from '../src/file-tail.ts';

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

  it('reads what is written to a file that is rotated until its writer has opened the new one', async () => {
    writeFileSync(path, '00');
    const { read, soon, clock, look, end } = await waiting();
    expect(await read(2)).toBe('00');
    let first = read(2);
    await look();
    renameSync(path, `${path}.1`);
    writeFileSync(path, 'new');
    await look();
    for (let line = 10; line < 50; line += 1) {
      // Each time less than the wait, and together much more.
      clock.advance(50_000);
      await look();
      if (line === 30) renameSync(`${path}.1`, `${path}-2026-11-28`);
      appendFileSync(line < 30 ? `${path}.1` : `${path}-2026-11-28`, String(line));
      expect(await soon(first)).toBe(String(line));
      first = read(2);
      await look();
    }
    expect(await soon(first)).toBe('new');
    await end();
  });

  it('leaves out no file of two rotations when the first one is written last', async () => {
    writeFileSync(path, 'one');
    const { read, soon, look, end } = await waiting();
    expect(await read(3)).toBe('one');
    const late = read(4);
    await look();
    rotate();
    writeFileSync(path, 'two');
    rotate();
    writeFileSync(path, 'three');
    await new Promise((next) => setTimeout(next, 30));
    appendFileSync(`${path}.2`, 'late');
    expect(await soon(late)).toBe('late');
    expect(await soon(read(8))).toBe('twothree');
    await end();
  });

  it('waits for the writer of a rotated file after a place, too', async () => {
    writeFileSync(path, 'one');
    const first = reader();
    await first.read(3);
    await first.end();
    rotate();
    writeFileSync(path, 'new');
    const { read, soon, look, end } = await waiting({ after: first.tail.place! });
    const late = read(4);
    await look();
    appendFileSync(`${path}.1`, 'late');
    expect(await soon(late)).toBe('late');
    expect(await soon(read(3))).toBe('new');
    await end();
  });

  it('does not wait for a rotated file that was last changed long before another one', async () => {
    writeFileSync(path, 'one');
    const first = reader();
    await first.read(3);
    await first.end();
    for (const text of ['two', 'three']) {
      rotate();
      writeFileSync(path, text);
    }
    await new Promise((next) => setTimeout(next, 50));
    appendFileSync(path, 'four');
    const { read, end } = await waiting({ after: first.tail.place!, rotateWaitMs: 10 });
    expect(await read(12)).toBe('twothreefour');
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
