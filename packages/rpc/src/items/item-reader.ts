import { PipelineError } from '@headrace/core';
import { Fifo, type HeapEntry, ReceiveWindow, unpinAll } from '@headrace/core/authoring';
import type { ItemWindow } from './item-writer.ts';

/** The receiver of an {@link ItemReader}'s reports. */
export interface ItemReaderOwner {
  /** Called when the reader asks for its first item. */
  opened?(): void;
  /** Called with the number of items that the reader took since the last call. */
  took(count: number): void;
  /** Called when the reader starts to wait for an item; `waitsNoMore` when the wait has ended. */
  waits?(reader: ItemReader): void;
  waitsNoMore?(reader: ItemReader): void;
  /** Called when the reader has waited too long. */
  expired?(): void;
  /** Called when the reader leaves before the end of the items. */
  left(): void;
}

interface Waiter {
  resolve(result: IteratorResult<unknown>): void;
  reject(error: Error): void;
}

/** Multiple of the window's bytes that a peer may send before it has sent too much, because it can measure items differently. */
const MEASURE_PARTS = 2;

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * The items of one stream for their reader, in order, then the end or the error. Items that were taken are acknowledged at half
 * of the window, and when the reader waits. The two ends may therefore measure items differently.
 */
export class ItemReader implements AsyncIterableIterator<unknown>, HeapEntry {
  /** Deadline of a wait. */
  deadline = Number.POSITIVE_INFINITY;
  heapIndex = -1;
  heapOrder = 0;
  private readonly count: ReceiveWindow;
  private readonly bytes: ReceiveWindow;
  private readonly owner: ItemReaderOwner;
  private readonly items = new Fifo<unknown>();
  private readonly sizes = new Fifo<number>();
  private hasOpened = false;
  private isOver = false;
  private error: Error | undefined = undefined;
  private waiter: Waiter | undefined = undefined;
  /** Memory of the last item that arrived. */
  private memory: unknown = undefined;
  /** Number of items, counted from the first, that have memory of their own. */
  private unpinned = 0;

  constructor(window: ItemWindow, owner: ItemReaderOwner) {
    this.count = new ReceiveWindow(window.items);
    this.bytes = new ReceiveWindow(window.bytes);
    this.owner = owner;
  }

  // --- from the peer ---

  /** Accepts an item of the peer. Returns false if the window does not allow the item. */
  receive(item: unknown, size: number): boolean {
    if (this.isOver) return true;
    const { count, bytes, waiter } = this;
    if (count.room <= 0 || bytes.used >= bytes.size * MEASURE_PARTS) return false;
    count.spend(1);
    bytes.spend(size);
    if (waiter === undefined) this.keep(item, size);
    else {
      this.took(size);
      this.settle()!.resolve({ done: false, value: item });
    }
    return true;
  }

  /** Accepts the only item of a peer that does not support items. The item does not count in the window. */
  receiveOnly(item: unknown): void {
    if (this.waiter === undefined) this.keep(item, 0);
    else this.settle()!.resolve({ done: false, value: item });
  }

  /** Ends the items, because all items have arrived. */
  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.settle()?.resolve(DONE);
  }

  /**
   * Fails the stream. The reader receives the error after the items that arrived before it.
   *
   * @param atOnce - whether these items are dropped
   */
  fail(error: Error, atOnce = false): void {
    if (this.isOver) return;
    this.isOver = true;
    if (atOnce) this.clear();
    const waiter = this.settle();
    if (waiter === undefined) this.error = error;
    else waiter.reject(error);
  }

  expire(): void {
    this.owner.expired?.();
  }

  // --- for the reader ---

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    const { items, error } = this;
    this.openOnce();
    if (items.size > 0) {
      const item = items.shift();
      const size = this.sizes.shift()!;
      if (this.unpinned > 0) this.unpinned -= 1;
      this.took(size);
      return Promise.resolve({ done: false, value: item });
    }
    if (error !== undefined) {
      this.error = undefined;
      return Promise.reject(error);
    }
    if (this.isOver) return Promise.resolve(DONE);
    if (this.waiter !== undefined) {
      const text = 'next() was called during another next()';
      return Promise.reject(new PipelineError('PIPELINE_STATE', text));
    }
    return this.wait();
  }

  async return(): Promise<IteratorResult<unknown>> {
    const isEarly = !this.isOver;
    this.isOver = true;
    this.error = undefined;
    this.clear();
    this.settle()?.resolve(DONE);
    if (isEarly) this.owner.left();
    return DONE;
  }

  async throw(error: unknown): Promise<never> {
    await this.return();
    throw error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  private openOnce(): void {
    if (this.hasOpened || this.isOver) return;
    this.hasOpened = true;
    this.owner.opened?.();
  }

  private wait(): Promise<IteratorResult<unknown>> {
    this.acknowledge();
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
      this.owner.waits?.(this);
    });
  }

  private settle(): Waiter | undefined {
    const { waiter } = this;
    if (waiter === undefined) return undefined;
    this.waiter = undefined;
    this.owner.waitsNoMore?.(this);
    return waiter;
  }

  /** Stores an item. A slow reader does not keep the memory of each read, because an item may be a small part of a read. */
  private keep(item: unknown, size: number): void {
    const memory = item instanceof Uint8Array ? item.buffer : undefined;
    if (memory !== this.memory) {
      unpinAll(this.items, this.unpinned);
      this.unpinned = this.items.size;
    }
    this.memory = memory;
    this.items.push(item);
    this.sizes.push(size);
  }

  private took(size: number): void {
    const isDue = this.count.take(1);
    if (this.bytes.take(size) || isDue) this.acknowledge();
  }

  private acknowledge(): void {
    const count = this.count.report();
    this.bytes.report();
    if (count > 0 && !this.isOver) this.owner.took(count);
  }

  private clear(): void {
    this.items.clear();
    this.sizes.clear();
    this.unpinned = 0;
  }
}
