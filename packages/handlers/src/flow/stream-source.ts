import type { Readable } from 'node:stream';

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

  /** Lets go of files and sockets of the source, also while a pull is under way. */
  giveUp(): void {
    const { destroy } = this.source as Partial<Readable>;
    if (typeof destroy === 'function') {
      const stream = this.source as Readable;
      // A late error of a stream that is not iterated any more would be uncaught.
      stream.on('error', () => {});
      stream.destroy();
    } else this.iterator?.return?.().then(undefined, () => {});
  }
}

/** True for streams and other asynchronous iterables; bytes, texts and arrays are messages. */
export function isStreamSource(message: unknown): message is AsyncIterable<unknown> {
  return typeof message === 'object' && message !== null && Symbol.asyncIterator in message;
}
