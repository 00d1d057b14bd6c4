import { expect, it } from 'vitest';
import type { Context, Handler, WriteFuture } from '../../src/contract.ts';
import { pipeline } from '../../src/pipeline/pipeline-template.ts';
import { EmbeddedChannel } from '../../src/testing/embedded-channel.ts';

class Counter implements Handler {
  readonly step: number;
  private count = 0;

  constructor(step: number) {
    this.step = step;
  }

  fresh(): Counter {
    return new Counter(this.step);
  }

  channelRead(ctx: Context): void {
    this.count += this.step;
    ctx.fireChannelRead(this.count);
  }
}

/** Inherits a method that makes its base class. */
class LoudCounter extends Counter {}

class Label implements Handler {
  readonly sharable = true;
}

function built(template: { initialize(channel: EmbeddedChannel): unknown }): EmbeddedChannel {
  const channel = new EmbeddedChannel();
  template.initialize(channel);
  return channel;
}

it('gives each channel a fresh handler with the same options', () => {
  const counting = pipeline().add(new Counter(2));
  const [one, other] = [built(counting), built(counting)];
  one.writeInbound('a', 'b');
  other.writeInbound('a');
  expect([one.readInbound(), one.readInbound(), other.readInbound()]).toEqual([2, 4, 2]);
});

it('gives all channels a sharable handler itself', () => {
  const label = new Label();
  const labeled = pipeline().add(label);
  expect(built(labeled).pipeline.first()).toBe(label);
  expect(built(labeled).pipeline.first()).toBe(label);
});

it('refuses a handler that could serve one channel only, with the cure', () => {
  class Once implements Handler {}
  const add = pipeline().add as (...handlers: Handler[]) => unknown;
  expect(() => add.call(pipeline(), new Once())).toThrow('.add(() => new Once(…))');
  expect(() => add.call(pipeline(), new LoudCounter(2))).toThrow('.add(() => new LoudCounter(…))');
});

class Words implements Handler {
  readonly sharable = true;
  readonly messageKinds = {
    reads: 'bytes',
    passesOn: 'text',
    accepts: 'text',
    writes: 'bytes',
  } as const;
  channelRead(ctx: Context, message: unknown): void {
    ctx.fireChannelRead(message);
  }
  write(ctx: Context, message: unknown): WriteFuture {
    return ctx.write(message);
  }
}

class Inbound implements Handler {
  readonly sharable = true;
  readonly messageKinds = { reads: 'bytes', passesOn: 'bytes', writes: 'bytes' } as const;
  channelRead(ctx: Context, message: unknown): void {
    ctx.fireChannelRead(message);
  }
}

class Outbound implements Handler {
  readonly sharable = true;
  readonly messageKinds = { reads: 'bytes', accepts: 'bytes', writes: 'bytes' } as const;
  write(ctx: Context, message: unknown): WriteFuture {
    return ctx.write(message);
  }
}

it('refuses an order in which a handler cannot read or write, as far as it is known', () => {
  const words = pipeline().add(new Words());
  expect(() => words.add(new Label(), new Inbound())).toThrow(
    expect.objectContaining({
      code: 'HR_ERR_PIPELINE_ORDER',
      message: 'Inbound reads bytes, but Words before it passes on text: put Inbound before Words',
    }),
  );
  expect(() => words.add(new Outbound())).toThrow(
    'Words accepts text, but Outbound after it writes bytes: leave Outbound out, or put a handler after it that ' +
      'makes text of bytes',
  );
  // A handler that only writes does not read, and the other way round; what a function makes is not known.
  pipeline().add(new Inbound(), new Outbound(), new Words());
  words.add(() => new Label(), new Inbound(), new Outbound());
});

it('is refused in the place of a handler, with the way to use it', () => {
  const template = pipeline().add(new Counter(2)) as unknown as Handler;
  const cure = 'a pipeline() template is not a handler, it adds some: template.initialize(channel)';
  expect(() => new EmbeddedChannel(template)).toThrow(cure);
  const channel = new EmbeddedChannel();
  expect(() => channel.pipeline.addLast(template)).toThrow(cure);
  expect(() => channel.pipeline.addFirst('counts', template)).toThrow(cure);
  expect(channel.pipeline.names()).toEqual([]);
});
