import { type Context, type Handler, type LogLevel, sequential } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';

const lines: string[] = [];
const logger = { log: (level: LogLevel, text: string) => lines.push(`${level} ${text}`) };

/** Answers when the test says so. */
class Database implements Handler {
  readonly answers: (() => void)[] = [];

  async channelRead(ctx: Context, question: string): Promise<void> {
    await new Promise<void>((resolve) => this.answers.push(resolve));
    ctx.writeAndFlush(question);
  }
}

async function handles(order: readonly number[], wrap = (handler: Handler) => handler) {
  lines.length = 0;
  const handler = new Database();
  const channel = EmbeddedChannel.with({ logger }, wrap(handler));
  channel.writeInbound(...order.map(String));
  for (const at of order) {
    handler.answers[at]?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return lines.map((line) => line.replace(/channel \S+/, 'channel'));
}

it('says once that an asynchronous handler finished messages in another order, and what keeps the order', async () => {
  expect(await handles([0, 1, 2])).toEqual([]);
  expect(await handles([0, 2, 1])).toEqual([
    expect.stringMatching(
      /^warn .*Database#0\.channelRead is asynchronous.*add sequential\(handler\)/,
    ),
  ]);
  expect(await handles([2, 1, 0])).toEqual([]);
});

it('says nothing of a handler that is sequential', async () => {
  expect(await handles([1, 0], (handler) => sequential(handler))).toEqual([]);
});
