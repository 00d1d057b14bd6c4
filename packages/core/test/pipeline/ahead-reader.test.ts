import type { Context, Handler } from '@headrace/core';
import {
  type AheadReader,
  aheadReaderOf,
  fireReadAhead,
  READS_AHEAD,
} from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { HandlerContext } from '../../src/pipeline/handler-context.ts';
import { ADDED } from '../../src/pipeline/handler-mask.ts';
import { TracedContext } from '../../src/pipeline/traced-context.ts';

class Reader implements Handler, AheadReader {
  [READS_AHEAD] = true;
  readonly errors: string[] = [];

  readAhead(): string {
    return '';
  }

  passOnAhead(ctx: Context, message: unknown): void {
    if (message === 'bad') throw new Error('planned');
    ctx.fireChannelRead(message);
  }

  channelRead(ctx: Context, message: unknown): void {
    ctx.fireChannelRead(message);
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    this.errors.push(error.message);
  }
}

function readerAfter(first: Handler, reader = new Reader()) {
  const channel = new EmbeddedChannel(first, reader);
  return { channel, reader, ctx: channel.pipeline.context(first) as HandlerContext };
}

it('finds a reader that decodes ahead, while it says so and is the next reader', () => {
  const { reader, ctx } = readerAfter({});
  expect(aheadReaderOf(ctx)).toBe(reader);
  reader[READS_AHEAD] = false;
  expect(aheadReaderOf(ctx)).toBeUndefined();
  expect(aheadReaderOf(readerAfter({}, { channelRead() {} } as never).ctx)).toBeUndefined();
  expect(aheadReaderOf({ pipeline: ctx.pipeline } as unknown as Context)).toBeUndefined();
});

it('finds no reader that was not added yet, and none whose events are logged', () => {
  const { reader, ctx } = readerAfter({});
  const traced = new TracedContext(ctx.pipeline, {}, 'traced');
  traced.nextReader = ctx.nextReader;
  expect(aheadReaderOf(traced)).toBeUndefined();
  ctx.nextReader = new TracedContext(ctx.pipeline, reader, 'traced');
  ctx.nextReader.bits |= ADDED;
  expect(aheadReaderOf(ctx)).toBeUndefined();
  ctx.nextReader = new HandlerContext(ctx.pipeline, reader, 'waiting');
  expect(aheadReaderOf(ctx)).toBeUndefined();
});

it('passes a message on in its turn, and an error to the reader itself', () => {
  const { channel, reader, ctx } = readerAfter({});
  fireReadAhead(ctx, 'good');
  fireReadAhead(ctx, 'bad');
  expect([channel.readInbound(), reader.errors]).toEqual(['good', ['planned']]);
});
