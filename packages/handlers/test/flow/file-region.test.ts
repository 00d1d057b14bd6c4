import { execFileSync } from 'node:child_process';
import { type EventEmitter, getEventListeners } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HeadraceError, WriteFuture } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FileRegion, type FileRegionOptions } from '../../src/flow/file-region.ts';
import { StreamWriteHandler } from '../../src/flow/stream-write-handler.ts';

const SIZE = 200_000;
const bytes = Buffer.alloc(SIZE, 'The quick brown fox jumps over the lazy dog. ');
let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'headrace-file-'));
  path = join(folder, 'file');
  writeFileSync(path, bytes);
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/** A file whose reads the test lets succeed. */
class SlowFile {
  readonly fd = 7;
  size = SIZE;
  reads = 0;
  private readonly pending: (() => void)[] = [];

  get handle(): FileHandle {
    return this as unknown as FileHandle;
  }

  stat(): Promise<{ size: number; isFile(): boolean }> {
    return Promise.resolve({ size: this.size, isFile: () => true });
  }

  read(_to: Buffer, _offset: number, length: number, at: number): Promise<{ bytesRead: number }> {
    this.reads += 1;
    return new Promise((resolve) => {
      this.pending.push(() => {
        this.reads -= 1;
        resolve({ bytesRead: Math.max(0, Math.min(length, this.size - at)) });
      });
    });
  }

  async resume(): Promise<void> {
    for (const one of this.pending.splice(0)) one();
    await turn();
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const streaming = (): EmbeddedChannel =>
  EmbeddedChannel.with({ allowHalfOpen: true }, new StreamWriteHandler());

function taken(channel: EmbeddedChannel): Buffer {
  const all: Buffer[] = [];
  for (let m = channel.readOutbound(); m !== undefined; m = channel.readOutbound()) {
    all.push(m as Buffer);
  }
  return Buffer.concat(all);
}

async function failureOf(future: WriteFuture): Promise<HeadraceError> {
  return future.then(
    () => Promise.reject(new Error('it succeeded')),
    (error) => error as HeadraceError,
  );
}

/** Counts the files that are open. */
async function watchFiles(): Promise<{ open: number }> {
  const handle = await open(path);
  const stat = vi.spyOn(Object.getPrototypeOf(handle) as FileHandle, 'stat');
  await handle.close();
  const files = { open: 0 };
  stat.mockImplementation(function (this: FileHandle) {
    files.open += 1;
    (this as unknown as EventEmitter).once('close', () => {
      files.open -= 1;
    });
    stat.mockRestore();
    return this.stat() as never;
  });
  return files;
}

describe('FileRegion', () => {
  it('sends a file, and knows how much was written', async () => {
    const channel = streaming();
    const file = new FileRegion(path);
    const files = await watchFiles();
    await channel.writeAndFlush(file);
    expect(taken(channel).equals(bytes)).toBe(true);
    expect([file.writtenBytes, file.totalBytes]).toEqual([SIZE, SIZE]);
    expect(files.open).toBe(0);
  });

  it.each([
    [{ position: 70_000 }, 70_000, SIZE],
    [{ count: 70_000 }, 0, 70_000],
    [{ position: 1, count: 3 }, 1, 4],
    [{ position: SIZE }, SIZE, SIZE],
    [{ count: 0 }, 0, 0],
  ])('sends the part %o', async (options, from, to) => {
    const channel = streaming();
    const file = new FileRegion(path, options);
    await channel.writeAndFlush(file);
    expect(taken(channel).equals(bytes.subarray(from, to))).toBe(true);
    expect(file.writtenBytes).toBe(to - from);
  });

  it('reports the bytes that were taken, not those that wait', async () => {
    const channel = streaming();
    const seen: [number, number][] = [];
    const onProgress = (written: number, total: number): number => seen.push([written, total]);
    channel.embedded.isStuck = true;
    const sent = channel.writeAndFlush(new FileRegion(path, { count: 100_000, onProgress }));
    await expect.poll(() => channel.pendingOutboundBytes).toBeGreaterThan(65_000);
    expect(seen).toEqual([]);
    channel.embedded.isStuck = false;
    channel.run(() => channel.embedded.release());
    await sent;
    expect(seen).toEqual([
      [65_536, 100_000],
      [100_000, 100_000],
    ]);
  });

  it('goes on when a listener of the progress throws', async () => {
    const channel = streaming();
    const onProgress = (): void => {
      throw new Error('listener');
    };
    await channel.writeAndFlush(new FileRegion(path, { count: 10, onProgress }));
    expect(() => channel.checkException()).toThrow('listener');
    expect(taken(channel)).toHaveLength(10);
  });

  it('says that a file is missing', async () => {
    const channel = streaming();
    const error = await failureOf(channel.writeAndFlush(new FileRegion(join(folder, 'none'))));
    expect(error.message).toMatch(/^cannot open .*none: ENOENT/);
    expect(error).toMatchObject({
      code: 'HR_ERR_FILE_FAILED',
      details: { path: join(folder, 'none'), code: 'ENOENT', writtenBytes: 0 },
    });
  });

  it.each([
    ['a folder', () => folder, {}, /is not a regular file/],
    ['a part that is not there', () => path, { position: 199_999, count: 2 }, /has 200000 bytes/],
    ['a position after the end', () => path, { position: 200_001 }, /has 200000 bytes/],
  ])('refuses %s, and closes it', async (_name, place, options: FileRegionOptions, text) => {
    const files = await watchFiles();
    const error = await failureOf(streaming().writeAndFlush(new FileRegion(place(), options)));
    expect(error.message).toMatch(text);
    expect(error.code).toBe('HR_ERR_FILE_FAILED');
    expect(files.open).toBe(0);
  });

  it.runIf(process.platform !== 'win32')(
    'does not wait for a pipe that nobody writes to',
    async () => {
      const pipe = join(folder, 'pipe');
      execFileSync('mkfifo', [pipe], { stdio: 'ignore' });
      const error = await failureOf(streaming().writeAndFlush(new FileRegion(pipe)));
      expect(error.message).toMatch(/pipe is not a regular file/);
    },
  );

  it('says that a file shrank, and how much has left; the next message goes out', async () => {
    const slow = new SlowFile();
    const channel = streaming();
    const failed = failureOf(channel.write(new FileRegion(slow.handle)));
    channel.writeAndFlush(Buffer.from('next'));
    await turn();
    await slow.resume();
    slow.size = 100_000;
    await slow.resume();
    await slow.resume();
    const error = await failed;
    expect(error.message).toMatch(/file 7 shrank: it ends at byte 100000 \(sent 100000 of 200000/);
    expect(error.details).toMatchObject({ writtenBytes: 100_000, totalBytes: SIZE });
    expect(taken(channel).subarray(100_000).toString()).toBe('next');
  });

  it('says that a file cannot be read', async () => {
    const slow = new SlowFile();
    const cause = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
    slow.read = () => Promise.reject(cause);
    const error = await failureOf(streaming().writeAndFlush(new FileRegion(slow.handle)));
    expect(error).toMatchObject({ cause, details: { code: 'EIO', path: 'the open file 7' } });
  });

  it('says that an open file was closed before', async () => {
    const handle = await open(path);
    await handle.close();
    const error = await failureOf(streaming().writeAndFlush(new FileRegion(handle)));
    expect(error).toMatchObject({ code: 'HR_ERR_FILE_FAILED', details: { code: 'EBADF' } });
  });

  it('leaves a file open that it did not open', async () => {
    const handle = await open(path);
    const channel = streaming();
    await channel.writeAndFlush(new FileRegion(handle, { count: 5 }));
    expect((await handle.stat()).size).toBe(SIZE);
    await handle.close();
  });

  it('closes the file when the channel closes, and says how much has left', async () => {
    const files = await watchFiles();
    const channel = streaming();
    const onProgress = (): void => {
      channel.embedded.isStuck = true;
    };
    const file = new FileRegion(path, { onProgress });
    const failed = failureOf(channel.writeAndFlush(file));
    await expect.poll(() => channel.isWritable).toBe(false);
    channel.run(() => channel.close());
    const error = await failed;
    expect(error.code).toBe('HR_ERR_CHANNEL_CLOSED');
    expect(error.details).toMatchObject({ writtenBytes: 65_536, totalBytes: SIZE });
    expect(error.message).toContain(`65536 of ${SIZE} bytes of ${path}`);
    expect(file.writtenBytes).toBe(65_536);
    await expect.poll(() => files.open).toBe(0);
  });

  it.each([
    ['closes', 'HR_ERR_CHANNEL_CLOSED', (channel: EmbeddedChannel) => channel.close()],
    [
      'is reset',
      'HR_ERR_CHANNEL_RESET',
      ({ embedded }: EmbeddedChannel) =>
        embedded.sink.failed(Object.assign(new Error('reset'), { code: 'ECONNRESET' })),
    ],
  ])(
    'says how much has left when the channel %s after the last chunk was written',
    async (_name, code, lose) => {
      const channel = streaming();
      channel.embedded.isStuck = true;
      const failed = failureOf(channel.writeAndFlush(new FileRegion(path, { count: 10 })));
      await expect.poll(() => channel.pendingOutboundBytes).toBe(74);
      for (let i = 0; i < 5; i++) await turn();
      channel.run(() => void lose(channel));
      const error = await failed;
      expect(error).toMatchObject({ code, details: { writtenBytes: 0, totalBytes: 10 } });
      expect(error.message).toContain(`after 0 of 10 bytes of ${path}`);
      if (code === 'HR_ERR_CHANNEL_RESET') expect(() => channel.checkException()).toThrow('reset');
    },
  );

  it.each(['opened', 'read'])(
    'closes the file when the channel closes while it is %s',
    async (when) => {
      const files = await watchFiles();
      const channel = streaming();
      const failed = failureOf(channel.writeAndFlush(new FileRegion(path)));
      channel.embedded.isStuck = true;
      if (when === 'read') await expect.poll(() => files.open).toBe(1);
      channel.run(() => channel.close());
      await failed;
      for (let i = 0; i < 5; i++) await turn();
      await expect.poll(() => files.open).toBe(0);
    },
  );

  it('gives the file up when its signal aborts, even while the peer takes nothing', async () => {
    const files = await watchFiles();
    const abort = new AbortController();
    const channel = streaming();
    channel.embedded.isStuck = true;
    const failed = failureOf(channel.write(new FileRegion(path, { signal: abort.signal })));
    const next = channel.writeAndFlush(Buffer.from('next'));
    await expect.poll(() => channel.pendingOutboundBytes).toBeGreaterThan(65_000);
    abort.abort(new Error('enough'));
    const error = await failed;
    expect(error.code).toBe('HR_ERR_OPERATION_ABORTED');
    expect(error.message).toContain(`after 0 of ${SIZE} bytes`);
    expect((error.cause as Error).message).toBe('enough');
    await expect.poll(() => files.open).toBe(0);
    channel.embedded.isStuck = false;
    channel.run(() => channel.embedded.release());
    await next;
  });

  it('gives a file up that waits for its turn', async () => {
    const abort = new AbortController();
    const channel = streaming();
    channel.embedded.isStuck = true;
    const first = channel.write(new FileRegion(path));
    const failed = failureOf(channel.write(new FileRegion(path, { signal: abort.signal })));
    const last = channel.writeAndFlush(Buffer.from('last'));
    abort.abort();
    expect((await failed).code).toBe('HR_ERR_OPERATION_ABORTED');
    expect([first.isSettled, last.isSettled]).toEqual([false, false]);
    channel.embedded.isStuck = false;
    channel.run(() => channel.embedded.release());
    await last;
    expect(taken(channel)).toHaveLength(SIZE + 4);
  });

  it('opens nothing once its signal has aborted', async () => {
    const signal = AbortSignal.abort();
    const missing = new FileRegion(join(folder, 'none'), { signal });
    const error = await failureOf(streaming().writeAndFlush(missing));
    expect(error.code).toBe('HR_ERR_OPERATION_ABORTED');
  });

  it('leaves no listener on the signal', async () => {
    const { signal } = new AbortController();
    const channel = streaming();
    await channel.writeAndFlush(new FileRegion(path, { count: 5, signal }));
    await failureOf(channel.writeAndFlush(new FileRegion(folder, { signal })));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('serves one write', async () => {
    const file = new FileRegion(path, { count: 5 });
    await streaming().writeAndFlush(file);
    const error = await failureOf(streaming().writeAndFlush(file));
    expect(error.message).toMatch(/serves one write/);
  });

  it('reads 16 files at once, and the others in their turn', async () => {
    const slow = new SlowFile();
    slow.size = 100_000;
    const channels = Array.from({ length: 40 }, streaming);
    const sent = channels.map((channel) => channel.writeAndFlush(new FileRegion(slow.handle)));
    await turn();
    let most = 0;
    for (let round = 0; round < 10; round++) {
      most = Math.max(most, slow.reads);
      await slow.resume();
    }
    await Promise.all(sent);
    expect(most).toBe(16);
    for (const channel of channels) expect(taken(channel)).toHaveLength(100_000);
  });

  it.each([
    [{ position: -1 }, /position/],
    [{ count: 1.5 }, /count/],
    [{ signal: {} as AbortSignal }, /signal/],
    [{ from: 1 } as FileRegionOptions, /from/],
  ])('refuses the options %o', (options, text) => {
    expect(() => new FileRegion(path, options)).toThrow(text);
  });
});
