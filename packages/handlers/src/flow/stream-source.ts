import type { Readable } from 'node:stream';
import type { WriteFuture } from '@headrace/core';
import { onAbort, type SettableFuture } from '@headrace/core/authoring';
import { giveUp } from '../call/item-source.ts';
import { FileRegion } from './file-region.ts';

/** A source of chunks for a handler: one pull at a time, and a way to give it up. */
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

  /** True if it is known to hold nothing more. */
  get hasEnded(): boolean {
    return (this.source as Partial<Readable>).readableEnded === true;
  }

  /** The transport has taken this chunk. Returns what the application's function gave. */
  wrote(chunk: unknown): unknown {
    const { source } = this;
    return source instanceof FileRegion ? source.wrote((chunk as Buffer).length) : undefined;
  }

  /** The error that its write fails with. */
  explain(error: Error): Error {
    const { source } = this;
    return source instanceof FileRegion ? source.explain(error) : error;
  }

  /** Calls back if the source is given up by its signal before the write is over. */
  onceAborted(write: WriteFuture, listener: (error: Error) => void): void {
    const { source } = this;
    const signal = source instanceof FileRegion ? source.signal : undefined;
    if (signal === undefined) return;
    const stopListening = onAbort(signal, () => listener((source as FileRegion).abortError()));
    (write as SettableFuture).peekSettled(stopListening);
  }

  /** Lets go of files and sockets of the source, even while a pull is under way. */
  giveUp(): void {
    void giveUp(this.source, this.iterator);
  }
}

/** True for streams and other asynchronous iterables; bytes, texts and arrays are messages. */
export function isStreamSource(message: unknown): message is AsyncIterable<unknown> {
  return typeof message === 'object' && message !== null && Symbol.asyncIterator in message;
}
