import type { Readable } from 'node:stream';
import type { WriteFuture } from '@headrace/core';
import { GivenSource, observeSource, onAbort, type SettableFuture } from '@headrace/core/authoring';
import { FileRegion } from './file-region.ts';

/** A source of chunks for a handler, which pulls chunks one by one and can release the source. */
export class StreamSource {
  private readonly source: AsyncIterable<unknown>;
  private readonly given: GivenSource;

  constructor(source: AsyncIterable<unknown>) {
    this.source = source;
    this.given = new GivenSource(source);
  }

  /** Resolves with the result of the next read, for `checkedResult`. @throws if the source throws */
  pull(): Promise<unknown> {
    return Promise.resolve(this.given.next());
  }

  /** Whether the source is known to have ended. */
  get hasEnded(): boolean {
    return (this.source as Partial<Readable>).readableEnded === true;
  }

  /** Notifies the source that the transport has taken this chunk. Returns the result of the application's function. */
  wrote(chunk: unknown): unknown {
    const { source } = this;
    return source instanceof FileRegion ? source.wrote((chunk as Buffer).length) : undefined;
  }

  /** Returns the error of the source's write. */
  explain(error: Error): Error {
    const { source } = this;
    return source instanceof FileRegion ? source.explain(error) : error;
  }

  /** Calls the listener if the source fails, or its signal aborts, before the write has settled. */
  onceFailed(write: WriteFuture, listener: (error: Error) => void): void {
    const { source } = this;
    observeSource(source, listener);
    const signal = source instanceof FileRegion ? source.signal : undefined;
    if (signal === undefined) return;
    const stopListening = onAbort(signal, () => listener((source as FileRegion).abortError()));
    (write as SettableFuture).peekSettled(stopListening);
  }

  /** Releases files and sockets of the source, even during a pull. */
  release(): void {
    void this.given.release();
  }
}
