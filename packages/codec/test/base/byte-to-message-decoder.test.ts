import { ByteInput, ByteToMessageDecoder, type ByteToMessageDecoderOptions } from '@headrace/codec';
import {
  type Context,
  DecodeError,
  DrainEvent,
  type Handler,
  isHeadraceError,
  PipelineError,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { NotingChannel, outcome } from '../decoder-harness.ts';

type Decode = (ctx: Context, input: ByteInput) => string | undefined;

class TestDecoder extends ByteToMessageDecoder<string> {
  readonly #decode: Decode;
  lastCalls: number[] = [];

  constructor(decode: Decode, options: ByteToMessageDecoderOptions = {}) {
    super(options);
    this.#decode = decode;
  }

  protected override decode(ctx: Context, input: ByteInput): string | undefined {
    return this.#decode(ctx, input);
  }

  protected override decodeLast(ctx: Context, input: ByteInput): string | undefined {
    this.lastCalls.push(input.length);
    return super.decodeLast(ctx, input);
  }
}

const pairs: Decode = (_ctx, input) =>
  input.length < 2 ? undefined : input.take(2).toString('latin1');

/** `x…` is a bad pair. */
const pickyPairs: Decode = (ctx, input) => {
  const pair = pairs(ctx, input);
  if (pair?.startsWith('x')) throw new DecodeError('FRAME_CORRUPT', `bad ${pair}`);
  return pair;
};

describe('ByteToMessageDecoder', () => {
  it('shows decode the bytes of earlier reads first, and waits when it takes nothing', () => {
    expect(outcome(new TestDecoder(pairs), 'a', 'bc', 'd')).toEqual(['ab', 'cd']);
  });

  it('delivers all messages of one read in that read', () => {
    const channel = new NotingChannel(new TestDecoder(pairs));
    channel.feed('abcdefg');
    expect(channel.noted()).toEqual(['ab', 'cd', 'ef']);
  });

  it('takes no user event for the end of the input, even when reads have been held', () => {
    const events: unknown[] = [];
    const channel = new EmbeddedChannel(new TestDecoder(pairs), {
      userEventTriggered: (_ctx, event) => void events.push(event),
    });
    const hold = channel.holdReads('test');
    channel.writeInbound(Buffer.from('abc'));
    channel.pipeline.fireUserEventTriggered('input');
    hold.release();
    channel.writeInbound(Buffer.from('d'));
    expect(events).toEqual(['input']);
    expect([channel.readInbound(), channel.readInbound()]).toEqual(['ab', 'cd']);
  });

  it('goes on when bytes were taken without a message', () => {
    const skipSpaces: Decode = (ctx, input) => {
      if (input.at(0) !== 0x20) return pairs(ctx, input);
      input.skip(1);
      return undefined;
    };
    expect(outcome(new TestDecoder(skipSpaces), '  ab cd')).toEqual(['ab', 'cd']);
  });

  it('refuses a message for which nothing was taken', () => {
    const channel = new NotingChannel(new TestDecoder(() => 'again'));
    channel.feed('a');
    expect(channel.noted()).toEqual(['!HR_ERR_DECODER_FAILED']);
  });

  it('wraps an error that is not a DecodeError and keeps it as the cause', () => {
    const fault = new RangeError('boom');
    const channel = new EmbeddedChannel(
      new TestDecoder(() => {
        throw fault;
      }),
    );
    let caught: unknown;
    try {
      channel.writeInbound(Buffer.from('a'));
    } catch (error) {
      caught = error;
    }
    expect(isHeadraceError(caught, 'DECODER_FAILED')).toBe(true);
    expect((caught as Error).cause).toBe(fault);
    expect((caught as Error).message).toBe('TestDecoder.decode threw: boom');
  });

  it('delivers the messages before an error first', () => {
    expect(outcome(new TestDecoder(pickyPairs), 'abx!cd')).toEqual(['ab', '!HR_ERR_FRAME_CORRUPT']);
  });

  it('with emit the rest of the read waits for the next read, or a millisecond', () => {
    const channel = new NotingChannel(new TestDecoder(pickyPairs, { frameErrorPolicy: 'emit' }));
    channel.feed('x!cdx?ef');
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_CORRUPT']);
    channel.feed('gh');
    expect(channel.noted()).toEqual(['cd', '!HR_ERR_FRAME_CORRUPT']);
    channel.advance(1);
    expect(channel.noted()).toEqual(['ef', 'gh']);
    expect(channel.isOpen).toBe(true);
  });

  it('completes the read of what waited after an emitted error, even after a read within a read', () => {
    const channel = new NotingChannel(new TestDecoder(pickyPairs, { frameErrorPolicy: 'emit' }));
    let completed = 0;
    channel.pipeline.addLast({
      channelRead(ctx: Context, message: unknown) {
        if (message === 'ab') ctx.pipeline.fireChannelRead(Buffer.from('cd'));
        ctx.fireChannelRead(message);
      },
      channelReadComplete(ctx: Context) {
        completed += 1;
        ctx.fireChannelReadComplete();
      },
    });
    channel.feed('ab').feed('x!ef');
    expect(channel.noted()).toEqual(['ab', 'cd', '!HR_ERR_FRAME_CORRUPT']);
    expect(completed).toBe(2);
    channel.advance(1);
    expect(channel.noted()).toEqual(['ef']);
    expect(completed).toBe(3);
  });

  it('with skip bad frames are left out and nothing waits', () => {
    const channel = new NotingChannel(new TestDecoder(pickyPairs, { frameErrorPolicy: 'skip' }));
    channel.feed('abx!cdx?ef');
    expect(channel.noted()).toEqual(['ab', 'cd', 'ef']);
  });

  it('with close nothing that was received after a bad frame is decoded', () => {
    const channel = new NotingChannel(new TestDecoder(pickyPairs));
    channel.feed('x!cd');
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_CORRUPT']);
    channel.embedded.isStuck = false;
    channel.advance(2000);
    expect(channel.closeInfo?.reason).toBe('bad-input');
    expect(channel.noted()).toEqual([]);
  });

  it('with close an answer written in exceptionCaught goes out before the end', () => {
    const answering: Handler = {
      exceptionCaught: (ctx) => {
        ctx.write(Buffer.from('ERR'));
      },
    };
    const channel = new EmbeddedChannel(new TestDecoder(pickyPairs), answering);
    channel.writeInbound(Buffer.from('x!'));
    expect(String(channel.readOutbound())).toBe('ERR');
    expect(channel.isOutputShutdown).toBe(true);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('bad-input');
  });

  it('a decoder that throws without taking anything ends the channel whatever the policy', () => {
    const stubborn: Decode = () => {
      throw new DecodeError('FRAME_CORRUPT', 'no');
    };
    for (const frameErrorPolicy of ['skip', 'emit'] as const) {
      const channel = new NotingChannel(new TestDecoder(stubborn, { frameErrorPolicy }));
      channel.feed('a').feed('b');
      expect(channel.noted()).toEqual(['!HR_ERR_FRAME_CORRUPT']);
    }
  });

  it('passes on what is not bytes, in order, if it is told to', () => {
    const channel = new NotingChannel(new TestDecoder(pairs, { otherMessages: 'pass-on' }));
    channel.writeInbound(Buffer.from('a'), 7, Buffer.from('b'));
    expect(channel.noted()).toEqual(['7', 'ab']);
  });

  it('passes on every channelReadComplete', () => {
    let completed = 0;
    const counter: Handler = {
      channelReadComplete: () => {
        completed += 1;
      },
    };
    const channel = new EmbeddedChannel(new TestDecoder(pairs), counter);
    channel.writeInbound(Buffer.from('a'));
    channel.writeInbound(Buffer.from('b'));
    channel.flushInbound();
    expect(completed).toBe(3);
  });

  it('asks for more only if a read gave no message', () => {
    const channel = EmbeddedChannel.with({ autoRead: false }, new TestDecoder(pairs));
    channel.flushInbound();
    expect(channel.embedded.reads).toBe(0);
    channel.writeInbound(Buffer.from('a'));
    expect(channel.embedded.reads).toBe(1);
    channel.writeInbound(Buffer.from('bc'));
    expect(channel.embedded.reads).toBe(1);
    channel.flushInbound();
    expect(channel.embedded.reads).toBe(1);
  });

  it('calls decodeLast once, even when nothing ever came', () => {
    const empty = new TestDecoder(pairs);
    outcome(empty);
    expect(empty.lastCalls).toEqual([0]);
    const rest = new TestDecoder(pairs);
    outcome(rest, 'abc');
    expect(rest.lastCalls).toEqual([1]);
  });

  it('delivers what decodeLast makes before the end passes on', () => {
    class Remainder extends ByteToMessageDecoder<string> {
      protected override decode(): undefined {}
      protected override decodeLast(_ctx: Context, input: ByteInput): string | undefined {
        return input.length === 0 ? undefined : input.take(1).toString();
      }
    }
    const events: string[] = [];
    const recorder: Handler = {
      channelRead: (_ctx, message) => void events.push(message as string),
      channelReadComplete: () => void events.push('complete'),
      channelShutdown: (_ctx, direction) => void events.push(direction),
      channelInactive: () => void events.push('inactive'),
    };
    const channel = EmbeddedChannel.with({ allowHalfOpen: true }, new Remainder(), recorder);
    channel.writeOneInbound(Buffer.from('123'));
    channel.endInput();
    channel.finish();
    expect(events).toEqual(['1', '2', '3', 'complete', 'input', 'inactive']);
  });

  it('reports an error of the final decode after the end has passed on', () => {
    const events: string[] = [];
    const recorder: Handler = {
      channelInactive: () => void events.push('inactive'),
      exceptionCaught: (_ctx, error) => void events.push((error as DecodeError).code),
    };
    class Strict extends ByteToMessageDecoder<string> {
      protected override decode(): undefined {}
      protected override decodeLast(): undefined {
        throw new DecodeError('FRAME_TRUNCATED', 'more was due');
      }
    }
    new EmbeddedChannel(new Strict(), recorder).finish();
    expect(events).toEqual(['inactive', 'HR_ERR_FRAME_TRUNCATED']);
  });

  it.each([
    ['an error about the input', () => new DecodeError('FRAME_TRUNCATED', 'more was due')],
    ['any other error', () => new Error('boom')],
  ])('emits %s of the final decode, and leaves a half-open channel open', (_name, error) => {
    const events: string[] = [];
    const recorder = (): Handler => ({
      channelShutdown: () => void events.push('shutdown'),
      exceptionCaught: (_ctx, caught) => void events.push((caught as DecodeError).code),
    });
    class Strict extends ByteToMessageDecoder<string> {
      protected override decode(): undefined {}
      protected override decodeLast(): undefined {
        throw error();
      }
    }
    for (const frameErrorPolicy of ['emit', 'close'] as const) {
      const channel = EmbeddedChannel.with(
        { allowHalfOpen: true },
        new Strict({ frameErrorPolicy }),
        recorder(),
      );
      channel.writeInbound(Buffer.from('ab'));
      channel.endInput();
      expect(channel.isOutputShutdown).toBe(frameErrorPolicy === 'close');
    }
    const isOurs = error() instanceof DecodeError;
    const code = isOurs ? 'HR_ERR_FRAME_TRUNCATED' : 'HR_ERR_DECODER_FAILED';
    expect(events.slice(0, 2)).toEqual(['shutdown', code]);
  });

  it('gives the next part of a frame that was taken in parts only so much time', () => {
    class Halves extends TestDecoder {
      private half = '';
      override isWithinFrame(): boolean {
        return this.half !== '';
      }
      constructor() {
        super(
          (_ctx, input) => {
            const byte = input.take(1).toString();
            const whole = this.half === '' ? undefined : this.half + byte;
            this.half = whole === undefined ? byte : '';
            return whole;
          },
          { frameTimeoutMs: 1000 },
        );
      }
    }
    const channel = new NotingChannel(new Halves());
    channel.feed('ab').clock.advance(5000);
    expect(channel.noted()).toEqual(['ab']);
    channel.feed('c').clock.advance(1001);
    expect(channel.noted()).toEqual(['!HR_ERR_TIMEOUT_READ']);
  });

  it('removed inside decode: its message is delivered, the rest passes on raw, decode rests', () => {
    let calls = 0;
    const decoder = new TestDecoder((ctx, input) => {
      calls += 1;
      ctx.pipeline.remove(ctx.handler);
      return input.take(1).toString();
    });
    expect(outcome(decoder, 'abc', 'd')).toEqual(['a', 'bc', 'd']);
    expect(calls).toBe(1);
  });

  it('removed by a later handler: the rest passes on after that message', () => {
    const decoder = new TestDecoder(pairs);
    const remover: Handler = {
      channelRead: (ctx, message) => {
        if (ctx.pipeline.get(decoder) !== undefined) ctx.pipeline.remove(decoder);
        ctx.fireChannelRead(message);
      },
    };
    const channel = new NotingChannel(decoder, remover);
    channel.feed('abcde');
    expect(channel.noted()).toEqual(['ab', 'cde']);
  });

  it('decodeLast means the end of the input: a removal does not call it', () => {
    const decoder = new TestDecoder(pairs);
    const channel = new NotingChannel(decoder);
    channel.feed('abc');
    channel.pipeline.remove(decoder);
    channel.finish();
    expect(decoder.lastCalls).toEqual([]);
  });

  it('a decoder that needs more than maxBufferedBytes ends the channel', () => {
    const never: Decode = () => undefined;
    const channel = new NotingChannel(new TestDecoder(never, { maxBufferedBytes: 3 }));
    channel.feed('abc');
    expect(channel.noted()).toEqual([]);
    channel.feed('d').feed('e');
    expect(channel.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
    const generous = new NotingChannel(new TestDecoder(pairs, { maxBufferedBytes: 3 }));
    generous.feed('abcdefghi');
    expect(generous.noted()).toEqual(['ab', 'cd', 'ef', 'gh']);
  });

  it('a removal without a rest passes nothing on', () => {
    const decoder = new TestDecoder(pairs);
    const channel = new NotingChannel(decoder);
    channel.feed('ab');
    channel.pipeline.remove(decoder);
    expect(channel.noted()).toEqual(['ab']);
  });

  it('a removal between reads passes on exactly the rest', () => {
    const decoder = new TestDecoder(pairs);
    const channel = new NotingChannel(decoder);
    channel.feed('abc');
    channel.pipeline.remove(decoder);
    expect(channel.noted()).toEqual(['ab', 'c']);
  });

  it('removed by the final decode: decodeLast is not called', () => {
    const decoder = new TestDecoder((ctx, input) => {
      if (ctx.channel.isOpen) return undefined;
      ctx.pipeline.remove(ctx.handler);
      return input.take(1).toString();
    });
    expect(outcome(decoder, 'ab')).toEqual(['a', 'b']);
    expect(decoder.lastCalls).toEqual([]);
  });

  it('reads that come while decoding wait for their turn', () => {
    const seen: string[] = [];
    const nested: Handler = {
      channelRead: (ctx, message) => {
        seen.push(message as string);
        if (message === 'ab') ctx.pipeline.fireChannelRead(Buffer.from('ef'));
      },
    };
    const channel = new EmbeddedChannel(new TestDecoder(pairs), nested);
    channel.writeInbound(Buffer.from('abcd'));
    expect(seen).toEqual(['ab', 'cd', 'ef']);
  });

  it('nested reads and a removal: each byte once and in order', () => {
    const decoder = new TestDecoder(pairs);
    const seen: string[] = [];
    const nested: Handler = {
      channelRead: (ctx, message) => {
        seen.push(String(message));
        if (message !== 'ab') return;
        ctx.pipeline.fireChannelRead(Buffer.from('12'));
        ctx.pipeline.fireChannelRead(Buffer.from('34'));
        ctx.pipeline.remove(decoder);
      },
    };
    const channel = new EmbeddedChannel(decoder, nested);
    channel.writeInbound(Buffer.from('abcd'));
    expect(seen).toEqual(['ab', 'cd', '12', '34']);
  });

  it('with singleDecode decodes one message for each read', () => {
    const decoder = new TestDecoder(pairs);
    decoder.singleDecode = true;
    const channel = new NotingChannel(decoder);
    channel.feed('abcd');
    expect(channel.noted()).toEqual(['ab']);
    channel.feed('ef');
    expect(channel.noted()).toEqual(['cd']);
  });

  it('honors views into larger buffers, of any Uint8Array', () => {
    const memory = new Uint8Array(Buffer.from('BEFOREabcdAFTER'));
    expect(outcome(new TestDecoder(pairs), memory.subarray(6, 9), memory.subarray(9, 10))).toEqual([
      'ab',
      'cd',
    ]);
  });

  it('a message taken does not change when more is read', () => {
    class Raw extends ByteToMessageDecoder<Buffer> {
      protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
        return input.length < 3 ? undefined : input.take(3);
      }
    }
    const channel = new EmbeddedChannel(new Raw());
    const all = Buffer.from('abcdefghijkl');
    for (const byte of all) channel.writeInbound(Buffer.from([byte]));
    const frames = [1, 2, 3, 4].map(() => String(channel.readInbound()));
    expect(frames).toEqual(['abc', 'def', 'ghi', 'jkl']);
  });

  it('a subclass that sets sharable is refused, with the cure', () => {
    class Shared extends TestDecoder {
      // @ts-expect-error a decoder cannot be sharable
      override readonly sharable = true;
    }
    const channel = new EmbeddedChannel();
    expect(() => {
      channel.pipeline.addLast(new Shared(pairs));
      channel.checkException();
    }).toThrow(/new Shared\(…\)/);
    const plain = new TestDecoder(pairs);
    channel.pipeline.addLast(plain);
    expect(() => new EmbeddedChannel(plain)).toThrow(PipelineError);
    expect(() => new EmbeddedChannel(plain)).toThrow(/make a new one for each channel/);
  });

  it('a begun frame has a deadline, which each frame has for itself', () => {
    const channel = new NotingChannel(new TestDecoder(pairs, { frameTimeoutMs: 1000 }));
    channel.feed('a');
    channel.advance(999);
    channel.feed('bc');
    channel.advance(999);
    channel.feed('d');
    channel.advance(5000);
    expect(channel.noted()).toEqual(['ab', 'cd']);
    channel.feed('e');
    channel.advance(999);
    expect(channel.noted()).toEqual([]);
    channel.advance(1);
    expect(channel.noted()).toEqual(['!HR_ERR_TIMEOUT_READ']);
    channel.advance(2000);
    expect(channel.isOpen).toBe(false);
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('a begun frame holds each of two drains until it is complete', () => {
    const channel = new NotingChannel(new TestDecoder(pairs));
    channel.feed('a');
    const [one, two] = [new DrainEvent(1000), new DrainEvent(1000, () => {})];
    for (const event of [one, two])
      channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    expect([one.holds, two.holds]).toEqual([['begun frame'], ['begun frame']]);
    channel.feed('b');
    expect([one.holds, two.holds, channel.noted()]).toEqual([[], [], ['ab']]);
    channel.finish();
  });

  it('the deadline waits while the application does not read', () => {
    const channel = new NotingChannel(new TestDecoder(pairs, { frameTimeoutMs: 1000 }));
    channel.writeOneInbound(Buffer.from('ab')).writeOneInbound(Buffer.from('c'));
    channel.autoRead = false;
    channel.flushInbound();
    channel.advance(10_000);
    expect(channel.noted()).toEqual(['ab']);
    channel.autoRead = true;
    channel.advance(1000);
    expect(channel.noted()).toEqual(['!HR_ERR_TIMEOUT_READ']);
  });

  it('refuses invalid options', () => {
    // @ts-expect-error no such policy
    expect(() => new TestDecoder(pairs, { frameErrorPolicy: 'ignore' })).toThrow(
      /frameErrorPolicy is "ignore"/,
    );
    expect(() => new TestDecoder(pairs, { frameTimeoutMs: 0 })).toThrow(/frameTimeoutMs is 0/);
  });
});

describe('ByteInput', () => {
  it('is linear for single bytes and lets go of what was taken', () => {
    const input = new ByteInput();
    let moved = 0;
    let memory = input.buffer;
    for (let i = 0; i < 100_000; i++) {
      input.append(Buffer.from([i & 0xff]));
      if (input.buffer !== memory) moved += input.length;
      memory = input.buffer;
      if (input.length === 1000) input.skip(990);
      input.settle();
    }
    expect(moved).toBeLessThan(300_000);
    expect(input.buffer.length).toBeLessThan(32 * 1024);
  });

  it('finds bytes only among those that arrived', () => {
    const input = new ByteInput();
    input.append(Buffer.from('ab'));
    input.append(Buffer.from('c\n'));
    expect(input.indexOf(10)).toBe(3);
    input.skip(4);
    input.append(Buffer.from('x'.repeat(500)));
    input.append(Buffer.from('y'));
    expect(input.indexOf(10)).toBe(-1);
    expect(input.indexOf(0x79)).toBe(500);
  });
});
