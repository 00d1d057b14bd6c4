import type { Readable } from 'node:stream';

/** Many values, as a function returns or a caller gives them: a generator, a stream, or another iterable. */
export type ItemSource = AsyncIterable<unknown> | Iterable<unknown>;

/** A generator, or another iterator or async iterable: not one value, but many that are still to come. */
export function isItemSource(value: unknown): value is ItemSource {
  if (typeof value !== 'object' || value === null) return false;
  if (Symbol.asyncIterator in value) return true;
  return Symbol.iterator in value && typeof (value as { next?: unknown }).next === 'function';
}

/** An iterator of either kind: `next` of a synchronous one has no promise, which `await` does not mind. */
export type ItemIterator = AsyncIterator<unknown> | Iterator<unknown>;

/** @throws if the value is not a source, or its function throws */
export function iteratorOf(source: ItemSource): ItemIterator {
  return Symbol.asyncIterator in source
    ? source[Symbol.asyncIterator]()
    : source[Symbol.iterator]();
}

/**
 * Lets go of files and sockets of a source, even while a value is awaited. Never throws or rejects; resolves when the
 * source has settled.
 */
export async function giveUp(
  source: ItemSource,
  iterator: ItemIterator | undefined,
): Promise<void> {
  try {
    if (isStream(source)) {
      // A late error of a stream that is not iterated any more would be uncaught.
      source.on('error', () => {});
      source.destroy();
    } else await iterator?.return?.();
  } catch {}
}

/** As {@link giveUp}, for a source that was not begun. */
export async function giveUpUnread(source: ItemSource): Promise<void> {
  try {
    await giveUp(source, isStream(source) ? undefined : iteratorOf(source));
  } catch {}
}

function isStream(source: ItemSource): source is Readable {
  const { destroy, on } = source as Partial<Readable>;
  return typeof destroy === 'function' && typeof on === 'function';
}

/** Gets the end of {@link WatchedItems}, once. */
export interface ItemsWatch {
  /** The last item was read. */
  ended(): void;
  /** The reader left before. */
  left(): void;
  failed(thrown: unknown): void;
  /** Runs each step of the source, such as in a context. @default as it is */
  run?<T>(step: () => T): T;
}

/**
 * Items whose end is noticed. No generator: the `return()` of one waits for the item that it waits for, and does nothing if no
 * item was asked for.
 */
export class WatchedItems implements AsyncIterableIterator<unknown> {
  private readonly source: ItemSource;
  private readonly items: ItemIterator;
  private readonly watch: ItemsWatch;
  private isOver = false;

  /** @throws if the value is not a source, or its function throws */
  constructor(source: ItemSource, watch: ItemsWatch) {
    this.source = source;
    this.items = iteratorOf(source);
    this.watch = watch;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    try {
      const result = await this.run(() => this.items.next());
      if (result.done === true && this.end()) this.watch.ended();
      return result;
    } catch (thrown) {
      if (this.end()) this.watch.failed(thrown);
      throw thrown;
    }
  }

  /** The source is let go of even while an item is awaited, and if none was. */
  async return(): Promise<IteratorResult<unknown>> {
    if (this.end()) {
      this.watch.left();
      await this.run(() => giveUp(this.source, this.items));
    }
    return { done: true, value: undefined };
  }

  private run<T>(step: () => T): T {
    const { watch } = this;
    return watch.run === undefined ? step() : watch.run(step);
  }

  private end(): boolean {
    const isFirst = !this.isOver;
    this.isOver = true;
    return isFirst;
  }
}
