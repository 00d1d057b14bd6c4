import { PipelineError } from '@headrace/core';
import type { LiveChange } from './live-message.ts';

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The changes of a state for one reader. While the reader is busy, one change of each key waits: the newest, with the value that the
 * reader knows as the previous one. A key keeps its place among the others, so a key that changes often is not passed over.
 */
export class LiveChanges<Value> implements AsyncIterableIterator<LiveChange<Value>> {
  private readonly waiting = new Map<string, LiveChange<Value>>();
  private waiter: ((result: IteratorResult<LiveChange<Value>>) => void) | undefined = undefined;
  private isOver = false;
  private readonly ended: () => void;

  /** @param ended - called once, when the reader has left */
  constructor(ended: () => void) {
    this.ended = ended;
  }

  /** Adds a change, in place of an earlier change of its key. */
  add(change: LiveChange<Value>): void {
    const { waiting, waiter } = this;
    const { key } = change;
    const earlier = waiting.get(key);
    const { previous } = earlier ?? change;
    if (change.type === 'set') waiting.set(key, { ...change, previous });
    else if (previous !== undefined) waiting.set(key, { ...change, previous });
    // The reader has not seen the key.
    else waiting.delete(key);
    if (waiter === undefined) return;
    this.waiter = undefined;
    waiter(this.first()!);
  }

  /** Ends the loop of the reader. The changes that wait are dropped. */
  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.waiting.clear();
    this.waiter?.(DONE);
    this.waiter = undefined;
    this.ended();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<LiveChange<Value>>> {
    if (this.waiter !== undefined) {
      const text = 'next() was called during another next()';
      return Promise.reject(new PipelineError('PIPELINE_STATE', text));
    }
    if (this.isOver) return Promise.resolve(DONE);
    const first = this.first();
    if (first !== undefined) return Promise.resolve(first);
    return new Promise((resolve) => {
      this.waiter = resolve;
    });
  }

  async return(): Promise<IteratorResult<LiveChange<Value>>> {
    this.end();
    return DONE;
  }

  private first(): IteratorYieldResult<LiveChange<Value>> | undefined {
    for (const value of this.waiting.values()) {
      this.waiting.delete(value.key);
      return { done: false, value };
    }
    return undefined;
  }
}
