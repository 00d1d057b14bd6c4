import {
  MessageToMessageCodec,
  MessageToMessageDecoder,
  MessageToMessageEncoder,
  type Several,
  several,
} from '@headrace/codec';
import { type Context, DrainEvent, type Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { NotingChannel } from '../decoder-harness.ts';

class Words extends MessageToMessageDecoder<string, string> {
  override accepts(message: unknown): boolean {
    return typeof message === 'string';
  }
  override decode(_ctx: Context, message: string): string | Several<string> | undefined {
    if (message === '!') throw new Error('no word');
    if (message === '') return undefined;
    const words = message.split(' ');
    return words.length === 1 ? message : several(...words);
  }
}

class Halves extends MessageToMessageEncoder<string, string> {
  override readonly sharable = true;
  override encodes(message: unknown): boolean {
    return typeof message === 'string';
  }
  override encode(message: string): string | Several<string> {
    if (message === '!') throw new RangeError('boom');
    if (message === '') return several();
    const half = message.length >> 1;
    return several(message.slice(0, half), message.slice(half));
  }
}

describe('MessageToMessageDecoder', () => {
  it('makes one, several or no messages of one, in order', () => {
    const channel = new NotingChannel(new Words());
    channel.writeInbound('a', '', 'b c');
    expect(channel.noted()).toEqual(['a', 'b', 'c']);
  });

  it('asks for more if a read gave nothing, while autoRead is off', () => {
    const channel = EmbeddedChannel.with({ autoRead: false }, new Words());
    channel.writeInbound('');
    expect(channel.embedded.reads).toBe(1);
    channel.writeInbound('a');
    expect(channel.embedded.reads).toBe(1);
  });

  it('remembers each drain once, and none that was given up', () => {
    const decoder = new Words();
    const channel = new EmbeddedChannel(decoder);
    const drains = Array.from({ length: 3 }, () => new DrainEvent(60_000, () => {}));
    for (const drain of [...drains, drains[2]]) {
      for (const other of drains) if (other !== drain && other !== drains[2]) other.giveUp();
      channel.pipeline.fireUserEventTriggered(drain);
    }
    expect(Reflect.get(decoder, 'drains')).toEqual([drains[2]]);
    channel.finish();
  });

  it('drops what comes after a fatal error, and only that message with skip', () => {
    const channel = new NotingChannel(new Words());
    channel.writeInbound('a', '!', 'b');
    expect(channel.noted()).toEqual(['a', '!HR_ERR_DECODER_FAILED']);
    const skipping = new NotingChannel(new Words({ frameErrorPolicy: 'skip' }));
    skipping.writeInbound('a', '!', 'b');
    expect(skipping.noted()).toEqual(['a', 'b']);
    const emitting = new NotingChannel(new Words({ frameErrorPolicy: 'emit' }));
    emitting.writeInbound('a', '!', 'b');
    expect(emitting.noted()).toEqual(['a', '!HR_ERR_DECODER_FAILED', 'b']);
  });
});

describe('MessageToMessageEncoder', () => {
  it('asks for the name of its class only for an error, because the question costs a call into the engine', () => {
    class Named extends Halves {}
    const channel = new EmbeddedChannel(new Named());
    let asked = 0;
    Object.defineProperty(Named, 'name', {
      get: () => {
        asked += 1;
        return 'Named';
      },
    });
    channel.writeOutbound('abcd');
    expect(asked).toBe(0);
    expect(() => channel.writeOutbound('')).toThrow(/Named.encode made nothing/);
  });

  it('no output and a throw fail the write', () => {
    const channel = new EmbeddedChannel(new Halves());
    channel.writeOutbound('abcd');
    expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['ab', 'cd']);
    expect(() => channel.writeOutbound('')).toThrow(/Halves.encode made nothing/);
    expect(() => channel.writeOutbound('!')).toThrow(/Halves.encode threw: boom/);
  });

  it('the parts of a message follow one another, even if a handler writes when the writability changes', () => {
    let count = 0;
    const channel = EmbeddedChannel.with(
      { writeBufferHighBytes: 64, writeBufferLowBytes: 0 },
      new Halves(),
      {
        channelWritabilityChanged(ctx: Context) {
          count += 1;
          if (count < 5) ctx.writeAndFlush(`<${count}>!`);
        },
      },
    );
    channel.writeAndFlush('a'.repeat(100));
    const parts = channel.finish().outbound as string[];
    expect(parts.slice(0, 2)).toEqual(['a'.repeat(50), 'a'.repeat(50)]);
    expect(parts.slice(2).join('')).toMatch(/^(<\d>!)+$/);
    expect(count).toBeGreaterThan(0);
  });

  it('the parts of a message follow one another, even if another channel writes a message in between', () => {
    const marks = { writeBufferHighBytes: 64, writeBufferLowBytes: 0 };
    let below: Context | undefined;
    /** Each part to the other channel makes the first one full. */
    const other = EmbeddedChannel.with(
      marks,
      {
        write(ctx: Context, part: unknown) {
          below!.write('b'.repeat(70));
          return ctx.write(part);
        },
      },
      new Halves(),
    );
    let isFirst = true;
    const channel = EmbeddedChannel.with(
      marks,
      {
        write(ctx: Context, part: unknown) {
          below = ctx;
          if (isFirst) {
            isFirst = false;
            other.write('cd');
          }
          return ctx.write(part);
        },
      },
      new Halves(),
      {
        channelWritabilityChanged(ctx: Context) {
          if (!ctx.channel.isWritable) ctx.write('<full>');
        },
      },
    );
    channel.writeAndFlush('aa');
    const parts = channel.finish().outbound as string[];
    expect(parts).toEqual(['b'.repeat(70), 'b'.repeat(70), 'a', 'a', '<fu', 'll>']);
  });

  it('no bytes at all are still written, so that the write is done', () => {
    class Nothing extends MessageToMessageEncoder<string, Uint8Array> {
      override encode(): Uint8Array {
        return Buffer.alloc(0);
      }
    }
    const channel = new EmbeddedChannel(new Nothing());
    const future = channel.writeAndFlush('a');
    expect(future.isSuccess).toBe(true);
    expect(channel.readOutbound()).toEqual(Buffer.alloc(0));
  });

  it('with several outputs the first error is the error, and the others are still written', () => {
    const written: unknown[] = [];
    const failing: Handler = {
      write: (ctx, message) => {
        if (message === 'a') throw new Error('first');
        written.push(message);
        return ctx.write(message);
      },
    };
    const channel = new EmbeddedChannel(failing, new Halves());
    expect(() => channel.writeOutbound('ab')).toThrow('first');
    expect(written).toEqual(['b']);
  });
});

describe('MessageToMessageCodec', () => {
  class Numbers extends MessageToMessageCodec<string, number> {
    override decode(_ctx: Context, text: string): number {
      return Number(text);
    }
    override encode(value: number): string {
      return String(value);
    }
  }

  it('translates both ways', () => {
    const channel = new EmbeddedChannel(new Numbers());
    channel.writeInbound('7');
    channel.writeOutbound(8);
    expect([channel.readInbound(), channel.readOutbound()]).toEqual([7, '8']);
  });

  it('is refused if it sets sharable', () => {
    class Shared extends Numbers {
      // @ts-expect-error a codec with an inbound half cannot be sharable
      override readonly sharable = true;
    }
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(new Shared());
    expect(() => channel.checkException()).toThrow(/leave `sharable` out/);
  });
});
