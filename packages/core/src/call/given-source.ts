import { EncodeError, textOf, toError } from '../errors.ts';
import { isPromiseLike, onRejection } from './promise-like.ts';

/** A series of values that an application gives away, to be read later: a stream, a generator, or another iterable. */
export type ItemSource = AsyncIterable<unknown> | Iterable<unknown>;

type ItemIterator = AsyncIterator<unknown> | Iterator<unknown>;

/** The functions of Node's streams that are used here. Pages have no such streams. */
interface Stream {
  readonly errored?: unknown;
  on(event: 'error', listener: (thrown: unknown) => void): unknown;
  destroy(): unknown;
}

const ignore = (): void => {};

/** Streams whose errors are observed. */
const observed = new WeakSet<object>();

/** Returns true for streams and other async iterables. Bytes, texts and arrays are messages. */
export function isStreamSource(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}

function isStream(source: unknown): source is Stream {
  if (!isStreamSource(source)) return false;
  const { on, destroy } = source as unknown as Partial<Stream>;
  return typeof on === 'function' && typeof destroy === 'function';
}

/**
 * Observes the errors of a stream from now on, because nothing else does before its first read, and an unobserved error ends the
 * process. Does nothing for any other value. Call it when the application gives the source away.
 *
 * @param failed - called with an error of the stream, also with the error of a stream that has already failed
 */
export function observeSource(source: unknown, failed?: (error: Error) => void): void {
  if (!isStream(source)) return;
  if (!observed.has(source)) {
    observed.add(source);
    source.on('error', ignore);
  }
  if (failed === undefined) return;
  const { errored } = source;
  if (errored === undefined || errored === null)
    source.on('error', (thrown) => failed(toError(thrown)));
  else void Promise.resolve().then(() => failed(toError(errored)));
}

/**
 * Releases files and sockets of a source that is not read any more, even during a read. Does nothing for any other value. Never
 * throws or rejects. Resolves when the source has settled.
 */
export async function releaseSource(source: unknown): Promise<void> {
  await release(source, undefined);
}

async function release(source: unknown, iterator: ItemIterator | undefined): Promise<void> {
  try {
    observeSource(source);
    if (isStream(source)) source.destroy();
    else if (iterator !== undefined) await iterator.return?.();
    else if (isStreamSource(source)) await source[Symbol.asyncIterator]().return?.();
    else if (isIterator(source)) source.return?.();
  } catch {}
}

function isIterator(source: unknown): source is Iterator<unknown> {
  return typeof (source as Partial<Iterator<unknown>> | undefined)?.next === 'function';
}

/** A source that is read by one reader, and released once. Reading it follows the rules of a `for await` loop. */
export class GivenSource {
  readonly source: ItemSource;
  private iterator: ItemIterator | undefined = undefined;
  private released: Promise<void> | undefined = undefined;

  /** @param failed - called with an error of a stream, at any time */
  constructor(source: ItemSource, failed?: (error: Error) => void) {
    this.source = source;
    observeSource(source, failed);
  }

  /** Returns the result of the next read, for {@link checkedResult}, or a promise of it. @throws if the source throws */
  next(): unknown {
    const { source } = this;
    this.iterator ??=
      Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
    return this.iterator.next();
  }

  /** Releases the source, see {@link releaseSource}. */
  release(): Promise<void> {
    this.released ??= release(this.source, this.iterator);
    return this.released;
  }
}

/**
 * Checks the result of a read.
 *
 * @throws EncodeError `MESSAGE_NOT_ENCODABLE` if the iterator breaks the rules of JavaScript
 */
export function checkedResult(result: unknown): IteratorResult<unknown> {
  if (typeof result !== 'object' || result === null)
    throw notResult(`next() returned ${textOf(result)}`);
  const { done, value } = result as IteratorResult<unknown>;
  if (done === true || !isPromiseLike(value)) return result as IteratorResult<unknown>;
  onRejection(value, ignore);
  throw notResult('it yielded a promise');
}

function notResult(what: string): EncodeError {
  const text = `a source of items broke the rules of iterators: ${what}, not an item`;
  return new EncodeError('MESSAGE_NOT_ENCODABLE', text);
}
