import { PipelineError } from '@headrace/core';
import { type ItemSource, observeSource, releaseSource } from '@headrace/core/authoring';

/** A stream whose first item, or end, has arrived. */
export interface BegunStream<R> {
  readonly items: AsyncIterableIterator<R>;
  readonly first: IteratorResult<R>;
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The items of a stream over connections that reconnect. The first read begins the call. The class is not a generator, because a
 * generator's `return()` waits for the pending item.
 */
export class RequestStream<R> implements AsyncIterableIterator<R> {
  private readonly begin: (leaving: AbortController) => Promise<BegunStream<R>>;
  private readonly input: ItemSource | undefined;
  private readonly leaving = new AbortController();
  private items: AsyncIterableIterator<R> | undefined = undefined;
  private hasBegun = false;
  private isOver = false;

  /**
   * @param begin - function whose controller aborts if the reader leaves before the first item
   * @param input - source that is given up if the stream never begins
   */
  constructor(
    begin: (leaving: AbortController) => Promise<BegunStream<R>>,
    input: ItemSource | undefined,
  ) {
    this.begin = begin;
    this.input = input;
    observeSource(input);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<R>> {
    if (this.items !== undefined) return this.items.next();
    if (this.isOver) return DONE;
    if (this.hasBegun)
      throw new PipelineError('PIPELINE_STATE', 'next() was called during another next()');
    this.hasBegun = true;
    try {
      const { items, first } = await this.begin(this.leaving);
      this.items = items;
      if (!this.isOver) return first;
      await items.return?.();
      return DONE;
    } catch (thrown) {
      void releaseSource(this.input);
      if (this.isOver) return DONE;
      this.isOver = true;
      throw thrown;
    }
  }

  async return(): Promise<IteratorResult<R>> {
    const { isOver, hasBegun, items } = this;
    this.isOver = true;
    if (items !== undefined) await items.return?.();
    else if (hasBegun) this.leaving.abort();
    else if (!isOver) await releaseSource(this.input);
    return DONE;
  }

  async throw(error: unknown): Promise<never> {
    await this.return();
    throw error;
  }
}
