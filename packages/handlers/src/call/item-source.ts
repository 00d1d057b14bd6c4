import type { Readable } from 'node:stream';

/** A series of values that a function returns or a caller sends: a generator, a stream, or another iterable. */
export type ItemSource = AsyncIterable<unknown> | Iterable<unknown>;

/** Returns true for a generator, another iterator, or an async iterable: a series of values, not one value. */
export function isItemSource(value: unknown): value is ItemSource {
  if (typeof value !== 'object' || value === null) return false;
  if (Symbol.asyncIterator in value) return true;
  return Symbol.iterator in value && typeof (value as { next?: unknown }).next === 'function';
}

/** An iterator of either kind. `next` of a synchronous iterator returns no promise, and `await` accepts both. */
export type ItemIterator = AsyncIterator<unknown> | Iterator<unknown>;

/** @throws if the value is not a source, or its function throws */
export function iteratorOf(source: ItemSource): ItemIterator {
  return Symbol.asyncIterator in source
    ? source[Symbol.asyncIterator]()
    : source[Symbol.iterator]();
}

/** Releases files and sockets of a source, even during a read. Never throws or rejects. Resolves when the source has settled. */
export async function giveUp(
  source: ItemSource,
  iterator: ItemIterator | undefined,
): Promise<void> {
  try {
    if (isStream(source)) {
      // A stream that nobody iterates can still fail. Without a listener, this late error would be uncaught.
      source.on('error', () => {});
      source.destroy();
    } else await iterator?.return?.();
  } catch {}
}

/** Releases a source that was not read, as {@link giveUp} does. */
export async function giveUpUnread(source: ItemSource): Promise<void> {
  try {
    await giveUp(source, isStream(source) ? undefined : iteratorOf(source));
  } catch {}
}

function isStream(source: ItemSource): source is Readable {
  const { destroy, on } = source as Partial<Readable>;
  return typeof destroy === 'function' && typeof on === 'function';
}

/** Receives the end of {@link WatchedItems}, once. */
export interface ItemsWatch {
  /** Called when the last item was read. */
  ended(): void;
  /** Called when the reader left before the last item. */
  left(): void;
  failed(thrown: unknown): void;
  /** Runs each step of the source, for example in a context. @default runs the step directly */
  run?<T>(step: () => T): T;
}

/**
 * An iterator that reports the end of its items. In contrast to `return()` of a generator, `return()` of this iterator does not
 * wait for an item under way, and works before the first item.
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

  /** Releases the source, even while an item is awaited, and even before the first item. */
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
