import type { Readable } from 'node:stream';
import type { WriteFuture } from '@headrace/core';
import { onAbort, type SettableFuture } from '@headrace/core/authoring';
import { giveUp } from '../call/item-source.ts';
import { FileRegion } from './file-region.ts';

/** A source of chunks for a handler, which pulls chunks one by one and can release the source. */
export class StreamSource {
  private readonly source: AsyncIterable<unknown>;
  private iterator: AsyncIterator<unknown> | undefined = undefined;

  constructor(source: AsyncIterable<unknown>) {
    this.source = source;
  }

  pull(): Promise<IteratorResult<unknown>> {
    this.iterator ??= this.source[Symbol.asyncIterator]();
    return this.iterator.next();
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

  /** Calls the listener if the signal of the source aborts before the write has settled. */
  onceAborted(write: WriteFuture, listener: (error: Error) => void): void {
    const { source } = this;
    const signal = source instanceof FileRegion ? source.signal : undefined;
    if (signal === undefined) return;
    const stopListening = onAbort(signal, () => listener((source as FileRegion).abortError()));
    (write as SettableFuture).peekSettled(stopListening);
  }

  /** Releases files and sockets of the source, even during a pull. */
  giveUp(): void {
    void giveUp(this.source, this.iterator);
  }
}

/** Returns true for streams and other async iterables. Bytes, texts and arrays are messages. */
export function isStreamSource(message: unknown): message is AsyncIterable<unknown> {
  return typeof message === 'object' && message !== null && Symbol.asyncIterator in message;
}
