import type { Context, Handler, ReadHold } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LengthFieldFrameDecoder } from '../../src/frame/length-field-frame-decoder.ts';
import { StringCodec } from '../../src/text/string-codec.ts';
import { StringDecoder } from '../../src/text/string-decoder.ts';

const OPTIONS = { maxFrameLength: 40, lengthFieldLength: 1, initialBytesToStrip: 1 } as const;

/** Takes frames as its base class does, but does not read ahead, because it has a `decode` of its own. */
class OneByOne extends LengthFieldFrameDecoder {
  protected override decode(...args: Parameters<LengthFieldFrameDecoder['decode']>) {
    return super.decode(...args);
  }
}
type Decoder = new (options: typeof OPTIONS) => LengthFieldFrameDecoder;

const frame = (body: Buffer | string): Buffer => {
  const bytes = Buffer.from(body as string);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
};
const frames = (...bodies: readonly (Buffer | string)[]): Buffer =>
  Buffer.concat(bodies.map(frame));

/** What the application does at one of its messages. */
const DEEDS: Readonly<Record<string, (app: App, ctx: Context) => void>> = {
  hold: (app, { channel }) => void app.holds.push(channel.holdReads('app')),
  close: (_, ctx) => void ctx.close(),
  end: (_, { channel }) => void channel.end(),
  throw: () => {
    throw new Error('planned');
  },
  single: (app) => {
    app.decoder.singleDecode = true;
  },
  'remove the codec': (_, { pipeline }) => void pipeline.removeIfExists('codec'),
  'replace the codec': (_, { pipeline }) => {
    if (pipeline.get('codec') !== undefined)
      pipeline.replace('codec', new StringDecoder(), 'codec');
  },
  'put a handler before the codec': (_, { pipeline }) => {
    if (pipeline.get('codec') !== undefined) pipeline.addBefore('codec', new Reversed());
  },
  'remove the decoder': (app, { pipeline }) => void pipeline.removeIfExists(app.decoder),
};

class Reversed implements Handler {
  channelRead(ctx: Context, message: Buffer): void {
    ctx.fireChannelRead(Buffer.from(message).reverse());
  }
}

class App implements Handler {
  readonly seen: string[] = [];
  readonly holds: ReadHold[] = [];
  readonly decoder: LengthFieldFrameDecoder;
  private readonly deeds: ReadonlyMap<number, string>;
  private messages = 0;

  constructor(decoder: LengthFieldFrameDecoder, deeds: ReadonlyMap<number, string>) {
    this.decoder = decoder;
    this.deeds = deeds;
  }

  channelRead(ctx: Context, message: unknown): void {
    this.seen.push(typeof message === 'string' ? `text ${message}` : `bytes ${String(message)}`);
    const deed = this.deeds.get(this.messages);
    this.messages += 1;
    if (deed !== undefined) DEEDS[deed]!(this, ctx);
  }

  channelReadComplete(): void {
    this.seen.push('complete');
  }

  channelInactive(): void {
    this.seen.push('inactive');
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    this.seen.push(`error ${error.message}`);
  }
}

/** Returns what the application sees of these reads. Held reads go on after each of them. */
function run(
  Decoder: Decoder,
  reads: readonly Buffer[],
  deeds: ReadonlyMap<number, string> = new Map(),
): string[] {
  const decoder = new Decoder(OPTIONS);
  const app = new App(decoder, deeds);
  const channel = new EmbeddedChannel();
  channel.pipeline.addLast(decoder);
  channel.pipeline.addLast('codec', new StringCodec());
  channel.pipeline.addLast(app);
  for (const read of reads) {
    if (channel.isOpen) channel.writeInbound(read);
    app.seen.push('read');
    for (const hold of app.holds.splice(0)) channel.run(() => hold.release());
  }
  channel.advance(10_000);
  return app.seen;
}

const bodies = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }).map(Buffer.from) },
    { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 6 }).map(Buffer.from) },
    { weight: 1, arbitrary: fc.constant(Buffer.from('\uFFFD')) },
    { weight: 1, arbitrary: fc.constant(Buffer.alloc(40, 'x')) },
  ),
  { minLength: 1, maxLength: 100 },
);
const reading = vi.spyOn(StringCodec.prototype, 'readAhead');

describe('frames that are decoded ahead', () => {
  afterEach(() => {
    reading.mockClear();
  });

  it('reach the application as if each were decoded in its turn', () => {
    fc.assert(
      fc.property(
        bodies,
        fc.array(fc.nat(), { maxLength: 5 }),
        fc.array(fc.tuple(fc.nat(80), fc.constantFrom(...Object.keys(DEEDS))), { maxLength: 3 }),
        (all, cuts, deeds) => {
          const bytes = frames(...all);
          const ends = [...cuts.map((cut) => cut % bytes.length), bytes.length].sort(
            (a, b) => a - b,
          );
          const reads = ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
          const whole = reads.filter(({ length }) => length > 0);
          const byPlace = new Map(deeds);
          expect(run(LengthFieldFrameDecoder, whole, byPlace)).toEqual(
            run(OneByOne, whole, byPlace),
          );
        },
      ),
      { numRuns: 600 },
    );
  });

  it('are decoded together, after the first one', () => {
    const decodedAtMessages: number[] = [];
    const channel = new EmbeddedChannel(new LengthFieldFrameDecoder(OPTIONS), new StringCodec(), {
      channelRead: () => void decodedAtMessages.push(reading.mock.calls.length),
    });
    channel.writeInbound(frames(...Array.from({ length: 90 }, (_, i) => String(i))));
    expect(decodedAtMessages.length).toBe(90);
    expect([...new Set(decodedAtMessages)]).toEqual([1, 5, 21, 85, 90]);
  });

  it('are each decoded once for a handler that holds reads after each message', () => {
    const holds: ReadHold[] = [];
    const channel = new EmbeddedChannel(new LengthFieldFrameDecoder(OPTIONS), new StringCodec(), {
      channelRead: (ctx) => void holds.push(ctx.channel.holdReads('app')),
    });
    channel.writeInbound(frames(...Array.from({ length: 60 }, (_, i) => String(i))));
    for (const hold of holds) channel.run(() => hold.release());
    expect([holds.length, reading.mock.calls.length]).toEqual([60, 60]);
  });

  it('are not decoded ahead by a subclass, which may decode otherwise', () => {
    class Loud extends StringCodec {
      override decode(ctx: Context, bytes: Buffer): string {
        return super.decode(ctx, bytes).toUpperCase();
      }
    }
    const channel = new EmbeddedChannel(new LengthFieldFrameDecoder(OPTIONS), new Loud());
    channel.writeInbound(frames('a', 'b'));
    expect([channel.readInbound(), channel.readInbound()]).toEqual(['A', 'B']);
    class Twice extends LengthFieldFrameDecoder {
      protected override decode(...args: Parameters<LengthFieldFrameDecoder['decode']>) {
        const body = super.decode(...args);
        return body && Buffer.concat([body, body]);
      }
    }
    const other = new EmbeddedChannel(new Twice(OPTIONS), new StringCodec());
    other.writeInbound(frames('a', 'b'));
    expect([other.readInbound(), other.readInbound()]).toEqual(['aa', 'bb']);
    expect(reading).not.toHaveBeenCalled();
  });

  it.each(['StringDecoder', 'StringCodec'] as const)(
    'are not decoded ahead by a %s with another method, nor by a frame decoder with another decode',
    (name) => {
      const make = (): StringDecoder | StringCodec =>
        name === 'StringCodec' ? new StringCodec() : new StringDecoder();
      const seen: string[] = [];
      /** What spies and tracing agents do to a method. */
      const replace = (holder: object, method: string, label: string): void => {
        const original = Reflect.get(holder, method) as (...args: unknown[]) => unknown;
        Object.assign(holder, {
          [method](this: unknown, ...args: unknown[]) {
            seen.push(label);
            return original.apply(this, args);
          },
        });
      };
      const run = (codec: Handler, decoder: Handler = new LengthFieldFrameDecoder(OPTIONS)) => {
        const channel = new EmbeddedChannel(decoder, codec);
        channel.writeInbound(frames('a', 'b', 'c'));
        const texts = [channel.readInbound(), channel.readInbound(), channel.readInbound()];
        expect(texts).toEqual(['a', 'b', 'c']);
        return seen.splice(0);
      };
      for (const method of ['decode', 'accepts', 'channelRead']) {
        const codec = make();
        replace(codec, method, method);
        expect(run(codec)).toEqual([method, method, method]);
        const { prototype } = codec.constructor as { readonly prototype: object };
        const own = Object.getOwnPropertyDescriptor(prototype, method);
        replace(prototype, method, method);
        expect(run(make())).toEqual([method, method, method]);
        if (own === undefined) Reflect.deleteProperty(prototype, method);
        else Object.defineProperty(prototype, method, own);
      }
      const decoder = new LengthFieldFrameDecoder(OPTIONS);
      replace(decoder, 'decode', 'frame');
      expect(run(make(), decoder)).toEqual(['frame', 'frame', 'frame']);
      expect(run(make())).toEqual([]);
    },
  );

  it('share the turn with other channels', () => {
    const channel = new EmbeddedChannel(new LengthFieldFrameDecoder(OPTIONS), new StringCodec());
    const checks = vi.spyOn(channel, 'checkTurn');
    channel.writeInbound(frames(...Array.from({ length: 200 }, () => 'x')));
    expect(checks.mock.calls.length).toBe(run200OneByOne());
    expect(checks.mock.calls.length).toBeGreaterThan(2);
  });

  it('leave the decoder before an upgrade to one message for each read', () => {
    const seen = run(LengthFieldFrameDecoder, [frames('a', 'b', 'c')], new Map([[0, 'single']]));
    expect(seen.filter((line) => line.startsWith('text'))).toEqual(['text a']);
  });

  it('are decoded within another burst', () => {
    const inner = new EmbeddedChannel(new LengthFieldFrameDecoder(OPTIONS), new StringCodec());
    const outer = new EmbeddedChannel(new LengthFieldFrameDecoder(OPTIONS), new StringCodec(), {
      channelRead(ctx, message) {
        if (message === 'a') inner.writeInbound(frames('1', '2'));
        ctx.fireChannelRead(message);
      },
    });
    outer.writeInbound(frames('a', 'b', 'c'));
    const all = (channel: EmbeddedChannel) => [channel.readInbound(), channel.readInbound()];
    expect([all(outer), outer.readInbound(), all(inner)]).toEqual([['a', 'b'], 'c', ['1', '2']]);
  });
});

function run200OneByOne(): number {
  const channel = new EmbeddedChannel(new OneByOne(OPTIONS), new StringCodec());
  const checks = vi.spyOn(channel, 'checkTurn');
  channel.writeInbound(frames(...Array.from({ length: 200 }, () => 'x')));
  return checks.mock.calls.length;
}
