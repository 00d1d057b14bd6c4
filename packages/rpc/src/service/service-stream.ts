import {
  checkedResult,
  GivenSource,
  type ItemSource,
  observeSource,
  releaseSource,
} from '@headrace/core/authoring';

/**
 * The checked items of a service's stream. The first read begins the stream. With a generator alone, a reader could leave only
 * after the next item, and the items of a caller would not be released if the stream never begins.
 */
export class ServiceStream implements AsyncGenerator<unknown, void, undefined> {
  private readonly begin: () => Promise<ItemSource>;
  private readonly check: (item: unknown) => unknown;
  private readonly input: ItemSource | undefined;
  private readonly items: AsyncGenerator<unknown, void, undefined>;
  private hasBegun = false;
  private isLeft = false;
  private source: GivenSource | undefined = undefined;

  constructor(
    begin: () => Promise<ItemSource>,
    check: (item: unknown) => unknown,
    input: ItemSource | undefined,
  ) {
    this.begin = begin;
    this.check = check;
    this.input = input;
    this.items = this.read();
    observeSource(input);
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
    void this.source?.release();
    if (!this.hasBegun) void releaseSource(this.input);
  }

  private async *read(): AsyncGenerator<unknown, void, undefined> {
    this.hasBegun = true;
    const source = await this.begin();
    if (this.isLeft) return releaseSource(source);
    const items = new GivenSource(source);
    this.source = items;
    try {
      for (;;) {
        const result = checkedResult(await items.next());
        if (result.done === true) return;
        yield this.check(result.value);
      }
    } finally {
      void items.release();
    }
  }
}
