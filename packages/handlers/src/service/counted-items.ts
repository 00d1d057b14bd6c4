/** Gets the end of {@link CountedItems}, once. */
export interface ItemsWatch {
  /** The last item was read, or the reader left. */
  ended(): void;
  failed(thrown: unknown): void;
}

/** Items whose end is noticed. No generator, because the `return()` of one waits for the item that it waits for. */
export class CountedItems implements AsyncIterableIterator<unknown> {
  private readonly items: AsyncIterator<unknown>;
  private readonly watch: ItemsWatch;
  private isOver = false;

  constructor(items: AsyncIterable<unknown>, watch: ItemsWatch) {
    this.items = iteratorOf(items);
    this.watch = watch;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown>> {
    try {
      const result = await this.items.next();
      if (result.done === true && this.end()) this.watch.ended();
      return result;
    } catch (thrown) {
      if (this.end()) this.watch.failed(thrown);
      throw thrown;
    }
  }

  async return(): Promise<IteratorResult<unknown>> {
    if (this.end()) this.watch.ended();
    await this.items.return?.();
    return { done: true, value: undefined };
  }

  private end(): boolean {
    const isFirst = !this.isOver;
    this.isOver = true;
    return isFirst;
  }
}

/** A function may answer with a plain generator, too: its results are awaited as well. */
function iteratorOf(items: AsyncIterable<unknown>): AsyncIterator<unknown> {
  if (Symbol.asyncIterator in items) return items[Symbol.asyncIterator]();
  return (items as Iterable<unknown>)[Symbol.iterator]() as unknown as AsyncIterator<unknown>;
}
