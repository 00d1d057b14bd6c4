import { constants, read, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ChannelError, EncodeError, type HeadraceError, isHeadraceError } from '@headrace/core';
import { describeOptions, Fifo, fn, textOf, value, whole } from '@headrace/core/authoring';

/** Options of a {@link FileRegion}. */
export interface FileRegionOptions {
  /** Position of the first byte to send, counted from 0. @default 0 */
  readonly position?: number;
  /** Number of bytes to send. @default all up to the end that the file has when it is opened */
  readonly count?: number;
  /** Signal that cancels the write, which then fails with `OPERATION_ABORTED`. @default never */
  readonly signal?: AbortSignal;
  /** Called after each chunk, with the bytes that the transport has taken and the total bytes to send. @default none */
  readonly onProgress?: (writtenBytes: number, totalBytes: number) => void;
}

const OPTIONS = describeOptions('FileRegion', {
  position: whole({ default: 0 }),
  count: whole(),
  signal: value('an AbortSignal', (given: AbortSignal) => given instanceof AbortSignal),
  onProgress: fn({ answers: 'async', purpose: 'receives the bytes written so far' }),
});

/** Size of a chunk, as in Node's own streams. A channel becomes unwritable at the same size. */
const CHUNK_BYTES = 64 * 1024;
/** Maximum number of file reads at the same time, in the whole process. A waiting file needs no memory. */
const MAX_READS = 16;
/** Codes of the errors of a lost channel. */
const LOSSES = ['CHANNEL_CLOSED', 'CHANNEL_RESET'] as const;
/** Non-blocking, so that a pipe without a writer does not block a thread of Node. */
const READ_ONLY = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * A file, or a part of a file, as a message for a `StreamWriteHandler`. The handler opens the file when its turn comes, and reads
 * the file in chunks as the peer takes them. The handler closes the file after the last chunk, a failure, an abort, or the end of
 * the channel.
 *
 * Bytes are copied once, from the system's cache into the memory that is written. At most 16 file reads run in the process at the
 * same time. Other reads wait in order and need no memory. A region serves one write. A file whose size the system reports as 0,
 * for example in `/proc`, is sent as an empty file.
 *
 * The write fails with these errors:
 *
 * - `FILE_FAILED`, if the file is missing, cannot be read, has too few bytes, or shrinks. The details are `path`,
 *   `writtenBytes` and the system's `code`, for example `ENOENT`.
 * - `CHANNEL_CLOSED` or `CHANNEL_RESET` (`details.writtenBytes`), if the channel closes first.
 * - `OPERATION_ABORTED`, if the signal aborts.
 *
 * A part of the file may have left before an error. {@link FileRegion.writtenBytes} is known in each case.
 *
 * @throws OptionError for a position or a count that is not a whole number from 0 on
 *
 * @example
 * ```ts run
 * import { EmbeddedChannel } from '@headrace/core/testing';
 * import { FileRegion, StreamWriteHandler } from '@headrace/handlers';
 *
 * const channel = new EmbeddedChannel(new StreamWriteHandler());
 * const file = new FileRegion('package.json', { position: 0, count: 1 });
 * await channel.writeAndFlush(file);
 * console.log(String(channel.readOutbound()), file.writtenBytes);
 * // prints { 1
 * ```
 * @see Netty's `FileRegion`, `ChunkedFile`
 */
export class FileRegion implements AsyncIterable<Buffer> {
  /** Number of bytes that the transport has taken. After a successful write, these are all bytes. */
  writtenBytes = 0;
  /** Number of bytes to send. `undefined` until the file is open, if no `count` was set. */
  totalBytes: number | undefined;
  /** @internal */
  readonly signal: AbortSignal | undefined;
  private readonly file: string | URL | FileHandle;
  private readonly position: number;
  private readonly onProgress: FileRegionOptions['onProgress'];
  private isTaken = false;

  /** @param file - path of the file; or an open file, which its owner must close */
  constructor(file: string | URL | FileHandle, options: FileRegionOptions = {}) {
    const { position, count, signal, onProgress } = OPTIONS.resolve(options);
    this.file = file;
    this.position = position;
    this.totalBytes = count;
    this.signal = signal;
    this.onProgress = onProgress;
  }

  /** Opens the file and yields its chunks. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void> {
    if (this.isTaken)
      throw this.failure('a FileRegion serves one write: make one for each channel');
    this.isTaken = true;
    this.checkSignal();
    const { file, position } = this;
    const handle = typeof file === 'string' || file instanceof URL ? await this.open(file) : file;
    try {
      const end = position + (await this.measure(handle));
      for (let at = position; at < end; ) {
        this.checkSignal();
        const chunk = await this.readChunk(handle, at, Math.min(CHUNK_BYTES, end - at));
        at += chunk.length;
        yield chunk;
      }
    } finally {
      if (handle !== file) await handle.close().catch(() => {});
    }
  }

  /** @internal Counts bytes that the transport has taken. */
  wrote(bytes: number): unknown {
    this.writtenBytes += bytes;
    return this.onProgress?.(this.writtenBytes, this.totalBytes!);
  }

  /** @internal Returns the error of the write, with the number of bytes written. */
  explain(error: Error): Error {
    const code = LOSSES.find((one) => isHeadraceError(error, one));
    if (code === undefined) return error;
    const text = `${error.message}, after ${this.extent} of ${this.name}`;
    const { details } = error as HeadraceError;
    return new ChannelError(code, text, { ...details, ...this.counts }, error);
  }

  /** @internal */
  abortError(): ChannelError {
    const text = `the signal aborted after ${this.extent} of ${this.name}`;
    return new ChannelError('OPERATION_ABORTED', text, this.counts, this.signal?.reason);
  }

  private checkSignal(): void {
    if (this.signal?.aborted === true) throw this.abortError();
  }

  private async open(path: string | URL): Promise<FileHandle> {
    try {
      return await open(path, READ_ONLY);
    } catch (thrown) {
      throw this.failure(`cannot open ${this.name}: ${textOf(thrown)}`, thrown);
    }
  }

  private async measure(handle: FileHandle): Promise<number> {
    const stats = await this.statsOf(handle);
    if (!stats.isFile()) throw this.failure(`${this.name} is not a regular file`);
    const available = stats.size - this.position;
    if (available < (this.totalBytes ?? 0)) {
      const wanted = this.position + (this.totalBytes ?? 0);
      throw this.failure(
        `${this.name} has ${stats.size} bytes, not the ${wanted} that were asked for`,
      );
    }
    this.totalBytes ??= available;
    return this.totalBytes;
  }

  /** Returns the file's stats. Fails for an open file that its owner has closed. */
  private async statsOf(handle: FileHandle): Promise<Stats> {
    try {
      return await handle.stat();
    } catch (thrown) {
      throw this.failure(`cannot read ${this.name}: ${textOf(thrown)}`, thrown);
    }
  }

  private async readChunk(handle: FileHandle, at: number, length: number): Promise<Buffer> {
    await nextRead();
    try {
      const chunk = Buffer.allocUnsafeSlow(length);
      const bytesRead = await (handle === this.file ? readGiven : readOwn)(handle, chunk, at);
      if (bytesRead === length) return chunk;
      if (bytesRead > 0) return chunk.subarray(0, bytesRead);
    } catch (thrown) {
      throw this.failure(`cannot read ${this.name}: ${textOf(thrown)}`, thrown);
    } finally {
      readIsOver();
    }
    throw this.failure(`${this.name} shrank: it ends at byte ${at}`);
  }

  private failure(text: string, cause?: unknown): EncodeError {
    const code = (cause as NodeJS.ErrnoException | undefined)?.code;
    const details = { path: this.name, ...this.counts, ...(code === undefined ? {} : { code }) };
    return new EncodeError('FILE_FAILED', `${text} (sent ${this.extent})`, details, cause);
  }

  private get counts(): { writtenBytes: number; totalBytes: number | undefined } {
    return { writtenBytes: this.writtenBytes, totalBytes: this.totalBytes };
  }

  private get extent(): string {
    return `${this.writtenBytes} of ${this.totalBytes ?? 'all'} bytes`;
  }

  private get name(): string {
    const { file } = this;
    return typeof file === 'object' && 'fd' in file ? `the open file ${file.fd}` : String(file);
  }
}

/** Reads from an open file. The owner can close the file during the read, and the close waits for the read. */
async function readGiven(handle: FileHandle, chunk: Buffer, at: number): Promise<number> {
  return (await handle.read(chunk, 0, chunk.length, at)).bytesRead;
}

/**
 * Reads from a file that this region opened, with a third of the CPU of `FileHandle.read`, which needs memory outside the heap.
 */
function readOwn({ fd }: FileHandle, chunk: Buffer, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, chunk, 0, chunk.length, at, (error, bytesRead) =>
      error === null ? resolve(bytesRead) : reject(error),
    );
  });
}

let reads = 0;
const waiting = /* @__PURE__ */ new Fifo<() => void>();

async function nextRead(): Promise<void> {
  if (reads < MAX_READS) reads += 1;
  else await new Promise<void>((go) => waiting.push(go));
}

/** Passes the place of a read to the next waiting read. */
function readIsOver(): void {
  const next = waiting.shift();
  if (next === undefined) reads -= 1;
  else next();
}
