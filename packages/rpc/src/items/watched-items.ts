import { checkedResult, GivenSource, type ItemSource } from '@headrace/core/authoring';

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
  private readonly items: GivenSource;
  private readonly watch: ItemsWatch;
  private isOver = false;

  constructor(source: ItemSource, watch: ItemsWatch) {
    this.items = new GivenSource(source);
    this.watch = watch;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    try {
      const result = checkedResult(await this.run(() => this.items.next()));
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
      await this.run(() => this.items.release());
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
