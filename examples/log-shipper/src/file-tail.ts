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
  /**
   * The last bytes before the place, at most 32, in hexadecimal. A file that does not have them there was written again, and is read
   * from its beginning. @default not compared
   */
  readonly last?: string;
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
  /**
   * Time without a write after which a file that was rotated is complete, in milliseconds. Its writer has it open until it is asked
   * to open the new one.
   * @default 5000
   */
  readonly rotateWaitMs?: number;
  /** Signal that ends the tail. @default never */
  readonly signal?: AbortSignal;
  /** Clock of the looks, for tests. @default the clock of the system */
  readonly clock?: Clock;
}

const OPTIONS = describeOptions('FileTail', {
  after: object('a FilePlace'),
  pollMs: whole({ min: 1, default: 1000 }),
  rotateWaitMs: whole({ min: 0, default: 5000 }),
  signal: value('an AbortSignal', (given: AbortSignal) => given instanceof AbortSignal),
  clock: unchecked({ default: systemClock as Clock }),
});

const CHUNK_BYTES = 64 * 1024;
/** The number of bytes before the position that are compared with each read. */
const LAST_BYTES = 32;
/** What follows the file's name in the name of a rotated file: a number or a time. Compressed files are left out. */
const ROTATED_SUFFIX = /^[.-][\d._:TZ-]+$/;
/** The number of `pollMs` between two looks while the system reports changes. Some systems report only those of this machine. */
const WATCHED_POLLS = 10;
/** The number of a rotated file, which is higher for an older file. A longer number is a time. */
const NUMBERED_SUFFIX = /\.(\d{1,4})$/;

/** An open file. */
interface Opened {
  readonly handle: FileHandle;
  readonly id: string;
  position: number;
  /** The last bytes before the position. */
  last: Buffer;
  /** Time at which the file is complete, unless it is written before. `undefined` while no other file has the path. */
  completeAt: number | undefined;
}

/** A file of the rotation. */
interface LogFile {
  readonly path: string;
  readonly id: string;
  readonly stats: BigIntStats;
}

/**
 * The bytes of a file that grows, such as a log: an async iterable that waits for more bytes at the end of the file. A rotation of
 * the file is followed: the tail reads the rest of the renamed file until nobody has written to it for `rotateWaitMs`, then the files
 * that were rotated since, in the order of their last writes, and then the file at the path. If the file becomes shorter or is written again, the tail reads it from its beginning.
 * If the file does not exist yet, the tail waits for it.
 *
 * - A rotated file is one in the same folder whose name is the file's name, `.` or `-`, and a number or a time, such as `app.log.1`
 *   or `app.log-2026-11-28`.
 * - A chunk has at most 64 KiB, and can end within a line. Send chunks as bytes, or find the lines in them.
 * - {@link FileTail.place} is the place after the last chunk. A later tail continues there with `after`, even if the file was rotated
 *   meanwhile. If the file of the place was deleted or compressed, the tail begins with the oldest rotated file.
 * - The tail ends when its signal aborts, and when its reader leaves the loop.
 *
 * A read fails with `FILE_FAILED` if the file cannot be read.
 */
export class FileTail implements AsyncIterable<Buffer> {
  private readonly path: string;
  private readonly pollMs: number;
  private readonly rotateWaitMs: number;
  private readonly signal: AbortSignal | undefined;
  private readonly clock: Clock;
  private lastPlace: FilePlace | undefined;

  constructor(path: string, options: FileTailOptions = {}) {
    const { pollMs, rotateWaitMs, signal, clock } = OPTIONS.resolve(options);
    this.path = resolve(path);
    this.pollMs = pollMs;
    this.rotateWaitMs = rotateWaitMs;
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
    const rotation = new Rotation(this.path);
    const memory = Buffer.allocUnsafeSlow(LAST_BYTES + CHUNK_BYTES);
    let file: Opened | undefined;
    try {
      while (!change.hasEnded) {
        change.begin();
        file ??= await this.next(rotation);
        const chunk = file && (await this.read(file, memory));
        if (chunk !== undefined) {
          const { id, position, last } = file!;
          this.lastPlace = { file: id, position, last: last.toString('hex') };
          file!.completeAt = undefined;
          yield chunk;
        } else if (file === undefined || !(await this.isReplaced(file))) await change.wait();
        else if (file.completeAt === undefined) {
          // The file is read once more, because it can have been written between its last read and this look.
          const waitMs = (await rotation.isComplete(file, this.rotateWaitMs))
            ? 0
            : this.rotateWaitMs;
          file.completeAt = this.clock.now() + waitMs;
        } else if (this.clock.now() < file.completeAt) {
          await change.wait(file.completeAt - this.clock.now());
        } else {
          await rotation.finish(file);
          file = undefined;
        }
      }
    } finally {
      change.end();
      await file?.handle.close();
    }
    return undefined;
  }

  /** Returns the next bytes, or `undefined` at the end of the file. */
  private async read(file: Opened, memory: Buffer): Promise<Buffer | undefined> {
    const { handle, position, last } = file;
    try {
      // One read has the bytes to compare and the next ones, so that the file cannot change between the two.
      const { bytesRead } = await handle.read(
        memory,
        0,
        last.length + CHUNK_BYTES,
        position - last.length,
      );
      if (!memory.subarray(0, Math.min(bytesRead, last.length)).equals(last)) {
        file.position = 0;
        file.last = Buffer.alloc(0);
        return this.read(file, memory);
      }
      if (bytesRead === last.length) return undefined;
      file.position += bytesRead - last.length;
      file.last = Buffer.from(memory.subarray(Math.max(0, bytesRead - LAST_BYTES), bytesRead));
      return Buffer.from(memory.subarray(last.length, bytesRead));
    } catch (thrown) {
      throw this.failure('read', thrown);
    }
  }

  /** Whether another file has the path of this one, which is at its end. */
  private async isReplaced(file: Opened): Promise<boolean> {
    const stats = await statsOf(this.path);
    return stats !== undefined && idOf(stats) !== file.id;
  }

  /** Opens the file to read next. Returns `undefined` while none exists. */
  private async next(rotation: Rotation): Promise<Opened | undefined> {
    const { path, lastPlace } = this;
    const found = await rotation.next(lastPlace?.file);
    try {
      const handle = await open(found?.path ?? path);
      const stats = await handle.stat({ bigint: true });
      const id = idOf(stats);
      if (found !== undefined && id !== found.id) {
        await handle.close();
        return await this.next(rotation);
      }
      const isSame =
        !rotation.hasFinished && lastPlace?.file === id && lastPlace.position <= Number(stats.size);
      const position = isSame ? lastPlace.position : 0;
      const last = Buffer.from(isSame ? (lastPlace.last ?? '') : '', 'hex');
      return { handle, id, position, last: last.subarray(0, position), completeAt: undefined };
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw this.failure('open', thrown);
      // A file that was found was renamed since.
      return found && this.next(rotation);
    }
  }

  private failure(what: string, thrown: unknown): EncodeError {
    const { path } = this;
    const { code } = thrown as NodeJS.ErrnoException;
    const text = `cannot ${what} ${path}: ${textOf(thrown)}`;
    return new EncodeError('FILE_FAILED', text, { path, ...(code && { code }) }, thrown);
  }
}

/** The files of a log: those that were renamed in its folder, and the one at its path. */
class Rotation {
  private readonly path: string;
  /** Identities of the files that were read to their end, and are still there. */
  private finished: string[] = [];
  /** The file that was finished last. */
  private lastFinished: BigIntStats | undefined;

  constructor(path: string) {
    this.path = path;
  }

  get hasFinished(): boolean {
    return this.lastFinished !== undefined;
  }

  /**
   * Whether a file that was replaced is complete by the times of the file system: another file was written this time after the last
   * change to this one, of which its renaming is one.
   */
  async isComplete({ handle }: Opened, waitMs: number): Promise<boolean> {
    const { ctimeNs } = await handle.stat({ bigint: true });
    const newest = (await logFileAt(this.path))?.stats.mtimeNs ?? 0n;
    return newest >= ctimeNs + BigInt(waitMs) * 1_000_000n;
  }

  /** Closes a file that was read to its end. */
  async finish({ handle, id }: Opened): Promise<void> {
    this.lastFinished = await handle.stat({ bigint: true });
    await handle.close();
    const ids = (await this.rotated()).map((file) => file.id);
    // A new file can have the identity of a deleted one.
    this.finished = [...this.finished.filter((each) => ids.includes(each)), id];
  }

  /** Returns the file to read next. `id` is the one where an earlier tail ended. */
  async next(id: string | undefined): Promise<LogFile | undefined> {
    const current = await logFileAt(this.path);
    const { lastFinished, finished } = this;
    if (lastFinished !== undefined) {
      // The writer of a renamed file can write after the last write to the file after it.
      const isNewer = ({ id, stats }: LogFile): boolean =>
        !finished.includes(id) &&
        (stats.mtimeNs >= lastFinished.mtimeNs || stats.birthtimeNs > lastFinished.birthtimeNs);
      return (
        (await this.rotated()).find((file) => file.id !== current?.id && isNewer(file)) ?? current
      );
    }
    if (id === undefined || current?.id === id) return current;
    const rotated = await this.rotated();
    return rotated.find((file) => file.id === id) ?? rotated[0] ?? current;
  }

  /** Returns the rotated files, the one with the oldest last write first. */
  private async rotated(): Promise<LogFile[]> {
    const folder = dirname(this.path);
    const name = basename(this.path);
    const names = await readdir(folder).catch((): string[] => []);
    const paths = names
      .filter((each) => each.startsWith(name) && ROTATED_SUFFIX.test(each.slice(name.length)))
      .map((each) => join(folder, each));
    const files = await Promise.all(paths.map(logFileAt));
    return files.filter((file) => file !== undefined).sort(byAge);
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

  wait(maxMs = Number.POSITIVE_INFINITY): Promise<void> {
    if (this.isDue || this.hasEnded) return Promise.resolve();
    return new Promise((wake) => {
      this.wake = wake;
      const lookMs = this.watcher === undefined ? this.pollMs : this.pollMs * WATCHED_POLLS;
      this.timer = this.clock.schedule(() => this.report(), Math.min(lookMs, maxMs), true);
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
        // A renamed file is written, too.
        if (name?.startsWith(basename(this.path)) ?? true) this.report();
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

/** Sorts the older file first. Several files can have the same time, which some systems count in steps of 10 ms. */
function byAge(one: LogFile, other: LogFile): number {
  const [oneNumber, otherNumber] = [one, other].map(({ path }) =>
    Number(NUMBERED_SUFFIX.exec(path)?.[1]),
  );
  const byName = otherNumber! - oneNumber! || (one.path < other.path ? -1 : 1);
  return Number(one.stats.mtimeNs - other.stats.mtimeNs) || byName;
}

async function logFileAt(path: string): Promise<LogFile | undefined> {
  const stats = await statsOf(path);
  return stats?.isFile() ? { path, id: idOf(stats), stats } : undefined;
}

function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
