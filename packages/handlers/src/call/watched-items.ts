import { giveUp, type ItemIterator, type ItemSource, iteratorOf } from './item-source.ts';

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

  /** @throws if the source is none, or its function throws */
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
