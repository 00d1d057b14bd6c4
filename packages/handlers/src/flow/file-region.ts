import { constants, read, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ChannelError, EncodeError, type HeadraceError, isHeadraceError } from '@headrace/core';
import { describeOptions, Fifo, fn, textOf, value, whole } from '@headrace/core/authoring';

/** Options of a {@link FileRegion}. */
export interface FileRegionOptions {
  /** The first byte that is sent, counted from 0. @default 0 */
  readonly position?: number;
  /** How many bytes are sent. @default all up to the end that the file has when it is opened */
  readonly count?: number;
  /** Gives the file up when it aborts: the write fails with `OPERATION_ABORTED`. @default never */
  readonly signal?: AbortSignal;
  /** Gets the bytes that the transport has taken so far, and all that will be sent, after each chunk. @default none */
  readonly onProgress?: (writtenBytes: number, totalBytes: number) => void;
}

const OPTIONS = describeOptions('FileRegion', {
  position: whole({ default: 0 }),
  count: whole(),
  signal: value('an AbortSignal', (given: AbortSignal) => given instanceof AbortSignal),
  onProgress: fn({ answers: 'a promise', purpose: 'gets the bytes written so far' }),
});

/** As much as Node's own streams read at once, and as a channel takes before it becomes unwritable. */
const CHUNK_BYTES = 64 * 1024;
/** Reads of all files that are under way at once. A file that waits for its turn has no memory. */
const MAX_READS = 16;
/** How a channel is lost. */
const LOSSES = ['CHANNEL_CLOSED', 'CHANNEL_RESET'] as const;
/** A pipe without a writer must not block a thread of the runtime. */
const READ_ONLY = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * A file, or a part of one, as a message for a `StreamWriteHandler`. It is opened when its turn has come, read chunk by
 * chunk as the peer takes them, and closed after its last chunk, a failure, an abort or the end of the channel,
 * whichever comes first.
 *
 * The bytes are copied once, from the system's cache into the memory that is written. At most 16 reads of files are
 * under way in the process; the others wait in their order, without memory. Serves one write. A file whose size the system
 * gives as 0, as those of `/proc`, is sent as an empty one.
 *
 * The write fails with `FILE_FAILED` (`details.path`, `writtenBytes`, and `details.code` of the system, such as
 * `ENOENT`) for a file that is missing, cannot be read, has fewer bytes than were asked for, or shrinks meanwhile; with
 * `CHANNEL_CLOSED` or `CHANNEL_RESET` (`details.writtenBytes`) when the channel closes first; with `OPERATION_ABORTED` by its
 * signal. A part of the file may have left by then: {@link FileRegion.writtenBytes} is known in each case.
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
  /** Bytes that the transport has taken: all of them once the write has succeeded. */
  writtenBytes = 0;
  /** Bytes that will be sent; `undefined` until the file is open, if no `count` was given. */
  totalBytes: number | undefined;
  /** @internal */
  readonly signal: AbortSignal | undefined;
  private readonly file: string | URL | FileHandle;
  private readonly position: number;
  private readonly onProgress: FileRegionOptions['onProgress'];
  private isTaken = false;

  /** @param file - its path; or one that is open, which stays open and is its owner's to close */
  constructor(file: string | URL | FileHandle, options: FileRegionOptions = {}) {
    const { position, count, signal, onProgress } = OPTIONS.resolve(options);
    this.file = file;
    this.position = position;
    this.totalBytes = count;
    this.signal = signal;
    this.onProgress = onProgress;
  }

  /** The chunks; opens the file. */
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

  /** @internal The transport has taken so many bytes more. */
  wrote(bytes: number): unknown {
    this.writtenBytes += bytes;
    return this.onProgress?.(this.writtenBytes, this.totalBytes!);
  }

  /** @internal The error of its write, with what was written. */
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

  /** How many bytes are to be sent. */
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

  /** Fails for an open file that its owner has closed. */
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

/** Its owner may close it meanwhile, which waits for the read. */
async function readGiven(handle: FileHandle, chunk: Buffer, at: number): Promise<number> {
  return (await handle.read(chunk, 0, chunk.length, at)).bytesRead;
}

/** Costs a third of the CPU: the requests of a FileHandle's reads have memory outside the heap. */
function readOwn({ fd }: FileHandle, chunk: Buffer, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, chunk, 0, chunk.length, at, (error, bytesRead) =>
      error === null ? resolve(bytesRead) : reject(error),
    );
  });
}

let reads = 0;
const waiting = /* @__PURE__ */ new Fifo<() => void>();

/** Waits for the turn of a read. */
async function nextRead(): Promise<void> {
  if (reads < MAX_READS) reads += 1;
  else await new Promise<void>((go) => waiting.push(go));
}

/** The next one gets its place. */
function readIsOver(): void {
  const next = waiting.shift();
  if (next === undefined) reads -= 1;
  else next();
}
