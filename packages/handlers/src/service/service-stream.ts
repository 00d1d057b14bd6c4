import { giveUp, giveUpUnread, type ItemSource, iteratorOf } from '../call/item-source.ts';

/**
 * The items of a stream of a service, checked. The first read begins it. A generator alone would let its reader leave only when
 * the next item has come, and keep the items of a caller whose stream is never begun.
 */
export class ServiceStream implements AsyncGenerator<unknown, void, undefined> {
  private readonly begin: () => Promise<ItemSource>;
  private readonly check: (item: unknown) => unknown;
  private readonly input: ItemSource | undefined;
  private readonly items: AsyncGenerator<unknown, void, undefined>;
  private hasBegun = false;
  private isLeft = false;
  /** Lets go of the items, once they are there. */
  private letGo: (() => Promise<void>) | undefined = undefined;

  constructor(
    begin: () => Promise<ItemSource>,
    check: (item: unknown) => unknown,
    input: ItemSource | undefined,
  ) {
    this.begin = begin;
    this.check = check;
    this.input = input;
    this.items = this.read();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, void>> {
    return this.items.next();
  }

  return(): Promise<IteratorResult<unknown, void>> {
    this.leave();
    return this.items.return();
  }

  throw(thrown: unknown): Promise<IteratorResult<unknown, void>> {
    this.leave();
    return this.items.throw(thrown);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  private leave(): void {
    if (this.isLeft) return;
    this.isLeft = true;
    void this.letGo?.();
    if (!this.hasBegun && this.input !== undefined) void giveUpUnread(this.input);
  }

  private async *read(): AsyncGenerator<unknown, void, undefined> {
    this.hasBegun = true;
    const source = await this.begin();
    if (this.isLeft) return giveUpUnread(source);
    const iterator = iteratorOf(source) as AsyncIterator<unknown>;
    this.letGo = () => giveUp(source, iterator);
    for await (const item of { [Symbol.asyncIterator]: () => iterator }) yield this.check(item);
  }
}
