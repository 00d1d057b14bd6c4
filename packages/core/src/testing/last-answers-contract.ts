import type { ChannelOptions } from '../channel/channel-options.ts';
import type { Channel, Context, Handler } from '../contract.ts';
import type { TestRunner } from './test-runner.ts';

/** One end of a connection, with the options of its channel and the last handler of its pipeline. */
export interface End {
  readonly options: ChannelOptions;
  readonly handler: Handler;
}

/** A way to open connections whose far end answers messages of a near end that has ended its half. */
export interface LastAnswersBench {
  /** Name in the titles of the tests. */
  readonly name: string;
  /**
   * Opens a connection with these handlers at its ends. If the connection carries messages other than bytes, add a codec
   * before each handler. The last write of the near end must be sent together with its end.
   */
  readonly open: (near: End, far: End) => Promise<AnsweringLink>;
}

/** A connection under test. */
export interface AnsweringLink {
  /** The end that sends, and then ends its half. */
  readonly near: Channel;
  /** The end that answers. */
  readonly far: Channel;
  /** Closes the parts of the connection that are still open. */
  close(): PromiseLike<unknown>;
}

/**
 * Adds tests of an answer to the last message before the peer's end. The answer must arrive whether the message and the end
 * are read together or separately, because the end is reported after the burst that contains the message. `describeTransport`
 * includes these tests. Call this function for channels of messages such as WebSockets.
 */
export function describeLastAnswers(runner: TestRunner, bench: LastAnswersBench): void {
  runner.describe(`answers to what came with the end: ${bench.name}`, () =>
    testLastAnswers(runner, bench),
  );
}

/** Adds the tests of {@link describeLastAnswers} without a group. */
export function testLastAnswers({ it, expect }: TestRunner, bench: LastAnswersBench): void {
  for (const isTogether of [false, true]) {
    const how = isTogether ? 'message and end together' : 'as they come';
    it(`sends an answer to the last message before the end, which is read ${how}`, async () => {
      expect(await lastAnswer(bench, isTogether)).toBe('question');
    });
  }
}

async function lastAnswer(bench: LastAnswersBench, isTogether: boolean): Promise<string> {
  const near = new LastSender();
  const link = await bench.open(
    { options: { allowHalfOpen: true }, handler: near },
    { options: { autoRead: !isTogether }, handler: new BurstEcho() },
  );
  try {
    link.near.write(Buffer.from('question'));
    link.near.flush();
    link.near.shutdown('output').onSettled(() => {});
    for (let turn = 0; turn < 10; turn++) await new Promise((next) => setImmediate(next));
    link.far.autoRead = true;
    await near.closed;
  } finally {
    await link.close();
  }
  return near.text;
}

/** A handler that collects its input until the channel has closed. */
class LastSender implements Handler {
  text = '';
  readonly closed: Promise<void>;
  private settle: () => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.text += bytes.toString();
  }

  channelUnregistered(): void {
    this.settle();
  }
}

/** A handler that sends its input back, with one flush for each burst. */
class BurstEcho implements Handler {
  channelRead(ctx: Context, bytes: Buffer): void {
    ctx.write(Buffer.from(bytes)).onSettled(() => {});
  }

  channelReadComplete(ctx: Context): void {
    ctx.flush();
  }
}
