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
  /** The places in the other files of the rotation that can still be written. @default none */
  readonly open?: readonly FilePlace[];
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
   * Time without a write after which a rotated file is complete, in milliseconds. Until a writer is asked to open the new file, it
   * writes on into the renamed one.
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
/** Maximum number of files of the rotation that are open at a time. */
const MAX_OPEN = 16;
/** The number of further lists of a folder whose files are being renamed. */
const MAX_LISTS = 5;
const NEWLINE = 0x0a;
/** The number of a rotated file, which is higher for an older file. A longer number is a time. */
const NUMBERED_SUFFIX = /\.(\d{1,4})$/;

/** An open file. */
interface Opened {
  readonly handle: FileHandle;
  readonly id: string;
  position: number;
  /** The last bytes before the position. */
  last: Buffer;
  /** Time at which the file is complete, unless it is written before. */
  completeAt: number;
}

/** The next bytes of a file, and the place after them. */
interface Part {
  readonly bytes: Buffer;
  readonly position: number;
  readonly last: Buffer;
}

/** A file of the rotation. */
interface LogFile {
  readonly path: string;
  readonly id: string;
  readonly stats: BigIntStats;
}

/**
 * The bytes of a file that grows, such as a log: an async iterable that waits for more bytes at the end of the file. A rotation of
 * the file is followed: the tail reads the rest of the renamed file, then the files that were rotated since, in the order of their
 * last writes, and then the file at the path. It reads on in a rotated file until nobody has written to it for `rotateWaitMs`, and
 * what one writer writes comes in its order. If the file becomes shorter or is written again, the tail reads it from its beginning.
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
    // The older file first. Only the last one is not complete without a wait.
    const files: Opened[] = [];
    let isInLine = false;
    try {
      while (!change.hasEnded) {
        change.begin();
        if (files.length === 0) files.push(...(await this.first(rotation)));
        const newest = files.at(-1);
        const part = newest && (await this.read(newest, memory));
        // A writer that is in the new file has written everything to the old one: this is read after the new bytes, and yielded before.
        for (const old of isInLine && part !== undefined ? [] : files.slice(0, -1)) {
          for (let late = await this.read(old, memory); late; late = await this.read(old, memory)) {
            old.completeAt = this.clock.now() + this.rotateWaitMs;
            yield this.taken(old, late, files);
          }
        }
        isInLine = part !== undefined && part.bytes.at(-1) !== NEWLINE;
        if (part !== undefined) {
          yield this.taken(newest!, part, files);
          continue;
        }
        const next =
          newest && (await this.isReplaced(newest)) && (await this.next(rotation, newest));
        if (next) {
          newest.completeAt = this.clock.now() + this.rotateWaitMs;
          files.push(next);
        }
        const leftMs = (files[0]?.completeAt ?? Number.POSITIVE_INFINITY) - this.clock.now();
        const isComplete = files.length > 1 && leftMs <= 0;
        if (isComplete || files.length > MAX_OPEN) await files.shift()!.handle.close();
        else if (!next) await change.wait(files.length > 1 ? leftMs : undefined);
      }
    } finally {
      change.end();
      await Promise.all(files.map(({ handle }) => handle.close()));
    }
    return undefined;
  }

  /** Moves the place after a part. */
  private taken(file: Opened, { bytes, position, last }: Part, files: readonly Opened[]): Buffer {
    file.position = position;
    file.last = last;
    const open = files.filter((one) => one !== file).map(placeOf);
    this.lastPlace = { ...placeOf(file), ...(open.length > 0 && { open }) };
    return bytes;
  }

  /** Returns the next bytes, or `undefined` at the end of the file. */
  private async read(file: Opened, memory: Buffer): Promise<Part | undefined> {
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
      return {
        bytes: Buffer.from(memory.subarray(last.length, bytesRead)),
        position: position + bytesRead - last.length,
        last: Buffer.from(memory.subarray(Math.max(0, bytesRead - LAST_BYTES), bytesRead)),
      };
    } catch (thrown) {
      throw this.failure('read', thrown);
    }
  }

  /** Whether another file has the path of this one, which is at its end. */
  private async isReplaced(file: Opened): Promise<boolean> {
    const stats = await statsOf(this.path);
    return stats !== undefined && idOf(stats) !== file.id;
  }

  /** Opens the files of the place, or else the one to begin with, the older one first. */
  private async first(rotation: Rotation): Promise<Opened[]> {
    const { lastPlace } = this;
    const places = lastPlace === undefined ? [] : [lastPlace, ...(lastPlace.open ?? [])];
    const opened: Opened[] = [];
    for (const found of await rotation.first(places.map(({ file }) => file))) {
      const place = places.find(({ file }) => file === found.id);
      const file = await this.open(rotation, found, place);
      if (file !== undefined) opened.push(file);
      else {
        await Promise.all(opened.map(({ handle }) => handle.close()));
        return [];
      }
    }
    return opened;
  }

  /** Opens the file after one that was replaced. */
  private async next(rotation: Rotation, { handle }: Opened): Promise<Opened | undefined> {
    const found = await rotation.next(await handle.stat({ bigint: true }));
    return found && (await this.open(rotation, found));
  }

  /** Returns `undefined` for a file that has another name by now. */
  private async open(
    rotation: Rotation,
    { path, id }: LogFile,
    place?: FilePlace,
  ): Promise<Opened | undefined> {
    try {
      const handle = await open(path);
      const stats = await handle.stat({ bigint: true });
      if (idOf(stats) !== id) {
        await handle.close();
        return undefined;
      }
      rotation.opened({ path, id, stats });
      const position = place && place.position <= Number(stats.size) ? place.position : 0;
      const last = Buffer.from(position > 0 ? (place?.last ?? '') : '', 'hex').subarray(
        0,
        position,
      );
      const completeAt = this.clock.now() + this.rotateWaitMs;
      return { handle, id, position, last, completeAt };
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw this.failure('open', thrown);
      return undefined;
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
  /** The files that were opened, and are still there. */
  private known: string[] = [];

  constructor(path: string) {
    this.path = path;
  }

  /** A file was opened. */
  opened(file: LogFile): void {
    this.known.push(bornAs(file));
  }

  /** Returns the files with these identities, or else the one to begin with. */
  async first(ids: readonly string[]): Promise<readonly LogFile[]> {
    const files = await this.files();
    const meant = files.filter(({ id }) => ids.includes(id));
    if (meant.length > 0) return meant;
    return ids.length > 0 ? files.slice(0, 1) : files.slice(-1);
  }

  /** Returns the file after one that was replaced. */
  async next(last: BigIntStats): Promise<LogFile | undefined> {
    const files = await this.files();
    const there = files.map(bornAs);
    this.known = this.known.filter((known) => there.includes(known));
    // The writer of a renamed file can write after the last write to the file after it.
    return files.find(
      (file) =>
        !this.known.includes(bornAs(file)) &&
        (file.path === this.path ||
          file.stats.mtimeNs >= last.mtimeNs ||
          file.stats.birthtimeNs > last.birthtimeNs),
    );
  }

  /** Returns the files, the one with the oldest last write first, and the one at the path last. */
  private async files(): Promise<LogFile[]> {
    let before = '';
    for (let tries = 0; ; tries += 1) {
      const files = await this.listed();
      // A rename while the folder is read can hide a file: two lists must be the same.
      const now = files.map(({ path, id }) => `${path} ${id}`).join();
      if (now === before || tries === MAX_LISTS) return files;
      before = now;
    }
  }

  private async listed(): Promise<LogFile[]> {
    const folder = dirname(this.path);
    const name = basename(this.path);
    const names = await readdir(folder).catch((): string[] => []);
    const paths = names
      .filter((each) => each.startsWith(name) && ROTATED_SUFFIX.test(each.slice(name.length)))
      .map((each) => join(folder, each));
    const found = (await Promise.all(paths.map(logFileAt))).filter((one) => one !== undefined);
    const current = await logFileAt(this.path);
    const rotated = found.filter(({ id, stats }) => stats.isFile() && id !== current?.id);
    return [...rotated.sort(byAge), ...(current === undefined ? [] : [current])];
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

function placeOf({ id, position, last }: Opened): FilePlace {
  return { file: id, position, last: last.toString('hex') };
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
  return stats && { path, id: idOf(stats), stats };
}

/** A new file can have the identity of a deleted one. */
function bornAs({ id, stats }: LogFile): string {
  return `${id} ${stats.birthtimeNs}`;
}

function idOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}
