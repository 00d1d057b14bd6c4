import type { Context, Handler } from '../contract.ts';
import type { TestRunner } from './test-runner.ts';

/** A way to open connections whose ends write before they are connected. */
export interface EarlyWritesBench {
  /** Name in the titles of the tests. */
  readonly name: string;
  /**
   * Opens a connection with one of these handlers in the pipeline of each end. If the connection carries messages other than
   * bytes, add a codec before the handler.
   */
  readonly open: (near: Handler, far: Handler) => Promise<{ close(): PromiseLike<unknown> }>;
}

/**
 * Adds tests of the calls that a handler makes before its connection is up. The contract is the same for every transport, and
 * for channels of messages such as WebSockets. `describeTransport` includes these tests.
 *
 * @example
 * ```ts
 * describeEarlyWrites({ describe, it, expect }, {
 *   name: 'my protocol',
 *   open: async (near, far) => {
 *     const server = await bindMine((channel) => channel.pipeline.addLast(far));
 *     await connectMine(server, (channel) => channel.pipeline.addLast(near));
 *     return { close: () => server.close() };
 *   },
 * });
 * ```
 */
export function describeEarlyWrites(runner: TestRunner, bench: EarlyWritesBench): void {
  runner.describe(`writes before the connection is up: ${bench.name}`, () =>
    testEarlyWrites(runner, bench),
  );
}

/** Adds the tests of {@link describeEarlyWrites} without a group. */
export function testEarlyWrites({ it, expect }: TestRunner, bench: EarlyWritesBench): void {
  it('sends what handlerAdded wrote and flushed once the connection is up, before what channelActive writes', async () => {
    const [near, far] = [new EarlyWriter('near'), new EarlyWriter('far')];
    const opened = await bench.open(near, far);
    try {
      await Promise.all([near.untilText('active'), far.untilText('active')]);
    } finally {
      await opened.close();
    }
    expect([near.text, far.text]).toEqual(['far early, far active', 'near early, near active']);
    expect([near.outcome, far.outcome]).toEqual(['sent', 'sent']);
  });

  it('sends it even if handlerAdded ends the channel', async () => {
    const near = new EarlyWriter('near');
    const opened = await bench.open(near, new LastWriter());
    try {
      await near.untilClosed();
    } finally {
      await opened.close();
    }
    expect(near.text).toBe('far early');
  });
}

/** A handler that writes in `handlerAdded` and in `channelActive`, and collects the input. */
class EarlyWriter implements Handler {
  outcome = 'none';
  text = '';
  private readonly name: string;
  private isClosed = false;
  private waiting: { readonly isDone: () => boolean; readonly resolve: () => void }[] = [];

  constructor(name: string) {
    this.name = name;
  }

  handlerAdded(ctx: Context): void {
    ctx.writeAndFlush(Buffer.from(`${this.name} early`)).onSettled((error) => {
      this.outcome = error === undefined ? 'sent' : String(error);
    });
  }

  channelActive(ctx: Context): void {
    ctx.writeAndFlush(Buffer.from(`, ${this.name} active`));
    ctx.fireChannelActive();
  }

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.text += bytes.toString();
    this.look();
  }

  channelUnregistered(): void {
    this.isClosed = true;
    this.look();
  }

  untilText(text: string): Promise<void> {
    return this.until(() => this.text.endsWith(text));
  }

  untilClosed(): Promise<void> {
    return this.until(() => this.isClosed);
  }

  private until(isDone: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ isDone, resolve });
      this.look();
    });
  }

  private look(): void {
    for (const { isDone, resolve } of this.waiting) if (isDone()) resolve();
  }
}

/** A handler that writes and ends the channel as soon as it can. */
class LastWriter implements Handler {
  handlerAdded(ctx: Context): void {
    ctx.writeAndFlush(Buffer.from('far early'));
    ctx.channel.end();
  }

  channelRead(): void {}
}
