import { type BigIntStats, type FSWatcher, watch } from 'node:fs';
import { type FileHandle, open, readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { type Clock, EncodeError, systemClock, type Timer } from '@headrace/core';
import {
  describeOptions,
  object,
  onAbort,
  textOf,
  unchecked,
  value,
  whole,
} from '@headrace/core/authoring';

/** A place in a file that grows. */
export interface FilePlace {
  /** Identity of the file, which it keeps when it is renamed: device and inode. */
  readonly file: string;
  /** Number of bytes before the place. */
  readonly position: number;
}

/** Options of a {@link FileTail}. */
export interface FileTailOptions {
  /** Place after which to continue: {@link FileTail.place} of an earlier tail. @default the beginning of the file */
  readonly after?: FilePlace;
  /**
   * Time between two looks at the file where the system does not report changes, such as on a network, in milliseconds.
   * @default 1000
   */
  readonly pollMs?: number;
  /** Signal that ends the tail. @default never */
  readonly signal?: AbortSignal;
  /** Clock of the looks, for tests. @default the clock of the system */
  readonly clock?: Clock;
}

const OPTIONS = describeOptions('FileTail', {
  after: object('a FilePlace'),
  pollMs: whole({ min: 1, default: 1000 }),
  signal: value('an AbortSignal', (given: AbortSignal) => given instanceof AbortSignal),
  clock: unchecked({ default: systemClock as Clock }),
});

const CHUNK_BYTES = 64 * 1024;
/** The number of `pollMs` between two looks while the system reports changes. Some systems report only those of this machine. */
const WATCHED_POLLS = 10;

/** An open file. */
interface Opened {
  readonly handle: FileHandle;
  readonly id: string;
  position: number;
  /** Whether another file has the path. The rest of this one is read first. */
  isReplaced: boolean;
}

/**
 * The bytes of a file that grows, such as a log: an async iterable that waits for more bytes at the end of the file. A rotation of
 * the file is followed: the tail reads the rest of the renamed file, and then the new file from its beginning. If the file
 * becomes shorter, the tail reads it from its beginning. If the file does not exist yet, the tail waits for it.
 *
 * - A chunk has at most 64 KiB, and can end within a line. Send chunks as bytes, or find the lines in them.
 * - {@link FileTail.place} is the place after the last chunk. A later tail continues there with `after`, even if the file was renamed
 *   meanwhile to a name in the same folder that begins with the file's name, such as `app.log.1`.
 * - The tail ends when its signal aborts, and when its reader leaves the loop.
 * - An inode can be used again after a file was deleted. A new file with the inode of the old one is then read from `after`.
 *
 * A read fails with `FILE_FAILED` if the file cannot be read.
 *
 * @example
 * ```ts run
 * import { FileTail } from '@headrace/handlers';
 *
 * const tail = new FileTail('package.json');
 * for await (const chunk of tail) {
 *   console.log(String(chunk.subarray(0, 1)), tail.place?.position === chunk.length);
 *   break;
 * }
 * // prints { true
 * ```
 * @see {@link FileRegion} for a file that does not grow
 */
export class FileTail implements AsyncIterable<Buffer> {
  private readonly path: string;
  private readonly pollMs: number;
  private readonly signal: AbortSignal | undefined;
  private readonly clock: Clock;
  private lastPlace: FilePlace | undefined;

  constructor(path: string, options: FileTailOptions = {}) {
    const { pollMs, signal, clock } = OPTIONS.resolve(options);
    this.path = resolve(path);
    this.pollMs = pollMs;
    this.signal = signal;
    this.clock = clock;
    this.lastPlace = options.after;
  }

  /** Place after the last chunk that was returned. `undefined` before the first chunk, without `after`. */
  get place(): FilePlace | undefined {
    return this.lastPlace;
  }

  /** Opens the file and yields its chunks. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Buffer> {
    const change = new FileChange(this.path, this.clock, this.pollMs, this.signal);
    const chunks = this.chunks(change);
    return {
      next: () => chunks.next(),
      // A generator would return only after the file has grown.
      return: () => {
        change.end();
        return chunks.return(undefined);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  private async *chunks(change: FileChange): AsyncGenerator<Buffer, undefined> {
    let file: Opened | undefined;
    try {
      while (!change.hasEnded) {
        change.begin();
        file ??= await this.next();
        const chunk = file && (await this.read(file));
        if (chunk !== undefined) {
          this.lastPlace = { file: file!.id, position: file!.position };
          yield chunk;
        } else if (file?.isReplaced === true) {
          await file.handle.close();
          file = undefined;
          this.lastPlace = undefined;
        } else if (file === undefined || !(await this.hasChanged(file))) await change.wait();
      }
    } finally {
      change.end();
      await file?.handle.close();
    }
    return undefined;
  }

  /** Returns the next bytes, or `undefined` at the end of the file. */
  private async read(file: Opened): Promise<Buffer | undefined> {
    try {
      const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      const { bytesRead } = await file.handle.read(chunk, 0, CHUNK_BYTES, file.position);
      file.position += bytesRead;
      return bytesRead === 0 ? undefined : chunk.subarray(0, bytesRead);
    } catch (thrown) {
      throw this.failure('read', thrown);
    }
  }

  /** Whether the file at its end has become shorter, or another file has its path. */
  private async hasChanged(file: Opened): Promise<boolean> {
    const stats = await statsOf(this.path);
    if (stats === undefined) return false;
    file.isReplaced = idOf(stats) !== file.id;
    const isShorter = !file.isReplaced && Number(stats.size) < file.position;
    if (isShorter) file.position = 0;
    return file.isReplaced || isShorter;
  }

  /** Opens the file of the last place, if it is there, or the file at the path. */
  private async next(): Promise<Opened | undefined> {
    const { lastPlace, path } = this;
    const now = await statsOf(path);
    const isRenamed = lastPlace !== undefined && now !== undefined && idOf(now) !== lastPlace.file;
    const renamed = isRenamed ? await this.renamed(lastPlace.file) : undefined;
    return this.open(renamed ?? path, renamed !== undefined);
  }

  private async open(path: string, isReplaced: boolean): Promise<Opened | undefined> {
    try {
      const handle = await open(path);
      const stats = await handle.stat({ bigint: true });
      const { lastPlace } = this;
      const id = idOf(stats);
      const isSame = lastPlace?.file === id && lastPlace.position <= Number(stats.size);
      return { handle, id, position: isSame ? lastPlace.position : 0, isReplaced };
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw this.failure('open', thrown);
    }
  }

  /** Returns the path of a file that was renamed within its folder. */
  private async renamed(id: string): Promise<string | undefined> {
    const folder = dirname(this.path);
    const names = await readdir(folder).catch((): string[] => []);
    for (const name of names) {
      const path = join(folder, name);
      if (!name.startsWith(basename(this.path)) || path === this.path) continue;
      const stats = await statsOf(path);
      if (stats !== undefined && idOf(stats) === id) return path;
    }
    return undefined;
  }

  private failure(what: string, thrown: unknown): EncodeError {
    const { path } = this;
    const { code } = thrown as NodeJS.ErrnoException;
    const text = `cannot ${what} ${path}: ${textOf(thrown)}`;
    return new EncodeError('FILE_FAILED', text, { path, ...(code && { code }) }, thrown);
  }
}

/** Waits until the system reports a change, or the time of a look is over. */
class FileChange {
  hasEnded = false;
  private readonly path: string;
  private readonly clock: Clock;
  private readonly pollMs: number;
  private readonly stopListening: () => void;
  private watcher: FSWatcher | undefined = undefined;
  private timer: Timer | undefined = undefined;
  /** Whether a change was reported since `begin`. */
  private isDue = false;
  private wake: (() => void) | undefined = undefined;

  constructor(path: string, clock: Clock, pollMs: number, signal: AbortSignal | undefined) {
    this.path = path;
    this.clock = clock;
    this.pollMs = pollMs;
    this.stopListening = signal === undefined ? () => {} : onAbort(signal, () => this.end());
    if (signal?.aborted === true) this.end();
  }

  /** A look at the file begins. Later changes end the next wait. */
  begin(): void {
    this.watcher ??= this.watch();
    this.isDue = false;
  }

  wait(): Promise<void> {
    if (this.isDue || this.hasEnded) return Promise.resolve();
    return new Promise((wake) => {
      this.wake = wake;
      const delayMs = this.watcher === undefined ? this.pollMs : this.pollMs * WATCHED_POLLS;
      this.timer = this.clock.schedule(() => this.report(), delayMs, true);
    });
  }

  end(): void {
    this.hasEnded = true;
    this.stopListening?.();
    this.watcher?.close();
    this.report();
  }

  private report(): void {
    this.isDue = true;
    this.timer?.cancel();
    this.wake?.();
    this.wake = undefined;
  }

  /** Watches the folder, because a file that is replaced is watched no more. Returns `undefined` if the system cannot. */
  private watch(): FSWatcher | undefined {
    try {
      const watcher = watch(dirname(this.path), (_event, name) => {
        if (name === null || name === basename(this.path)) this.report();
      });
      return watcher.on('error', () => {
        watcher.close();
        this.watcher = undefined;
      });
    } catch {
      return undefined;
    }
  }
}

/** Returns the stats of a file, or `undefined` while it does not exist. */
async function statsOf(path: string): Promise<BigIntStats | undefined> {
  return stat(path, { bigint: true }).catch(() => undefined);
}

function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
