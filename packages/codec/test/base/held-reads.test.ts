import type { Context, Handler, ReadHold } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { MessageToMessageDecoder } from '../../src/base/message-to-message-decoder.ts';
import { several } from '../../src/base/several.ts';
import { LineFrameDecoder } from '../../src/frame/line-frame-decoder.ts';
import { StringCodec } from '../../src/text/string-codec.ts';

/** Takes lines, and does with each what the test wants. */
class App implements Handler {
  readonly seen: string[] = [];
  readonly events: string[] = [];
  private readonly act: (line: string, ctx: Context) => void;

  constructor(act: (line: string, ctx: Context) => void = () => {}) {
    this.act = act;
  }

  channelRead(ctx: Context, message: unknown): void {
    const line = String(message);
    this.seen.push(line);
    this.act(line, ctx);
  }

  channelShutdown(_ctx: Context, direction: string): void {
    this.seen.push(`shutdown ${direction}`);
  }

  channelInactive(): void {
    this.seen.push('inactive');
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    this.seen.push(`error ${error.message}`);
  }
}

/** Makes several messages of each text: its letters. */
class Letters extends MessageToMessageDecoder<string, string> {
  override decode(_ctx: Context, text: string) {
    return several(...text);
  }
}

const lines = (...texts: readonly string[]): Buffer =>
  Buffer.from(texts.map((t) => `${t}\n`).join(''));

/** A pipeline of lines whose application holds reads at "hold", and releases them when the test wants. */
function holding(options: { readonly allowHalfOpen?: boolean } = {}) {
  const holds: ReadHold[] = [];
  const app = new App((line, ctx) => {
    if (line === 'hold') holds.push(ctx.channel.holdReads('app'));
  });
  const channel = EmbeddedChannel.with(options, new LineFrameDecoder(), new StringCodec(), app);
  const release = () => channel.run(() => holds.shift()!.release());
  return { channel, app, holds, release };
}

describe('a decoder while reads are held', () => {
  it('stops after the message during which the hold came, and goes on in order', () => {
    const { channel, app, release } = holding();
    channel.writeInbound(lines('a', 'hold', 'b', 'hold', 'c'));
    expect(app.seen).toEqual(['a', 'hold']);
    channel.writeInbound(lines('d'));
    release();
    expect(app.seen).toEqual(['a', 'hold', 'b', 'hold']);
    release();
    expect(app.seen).toEqual(['a', 'hold', 'b', 'hold', 'c', 'd']);
  });

  it('decodes nothing that arrives while reads are held already', () => {
    const { channel, app } = holding();
    const hold = channel.holdReads('test');
    channel.writeInbound(lines('a', 'b'));
    expect(app.seen).toEqual([]);
    channel.run(() => hold.release());
    expect(app.seen).toEqual(['a', 'b']);
  });

  it('delivers the rest in order before the end that followed it', () => {
    const { channel, app } = holding();
    channel.writeInbound(lines('hold', 'a'), Buffer.from('later '));
    channel.writeInbound(lines('line'), Buffer.from('cut off'));
    channel.endInput();
    expect(app.seen).toEqual(['hold', 'a', 'later line', 'inactive']);
  });

  it('delivers the rest before a half-closure, which waits with it, and before an error', () => {
    const { channel, app, release } = holding({ allowHalfOpen: true });
    channel.writeInbound(lines('hold', 'a'));
    channel.endInput();
    expect(app.seen).toEqual(['hold']);
    release();
    expect(app.seen).toEqual(['hold', 'a', 'shutdown input']);
    const other = holding();
    other.channel.writeInbound(lines('hold', 'a'));
    other.channel.run(() => other.channel.embedded.sink.failed(new Error('lost')));
    expect(other.app.seen).toEqual(['hold', 'a', 'error the transport failed (lost)', 'inactive']);
  });

  it('passes what waits on raw when it is removed', () => {
    const { channel, app, release } = holding();
    channel.writeInbound(lines('hold', 'a', 'b'));
    channel.run(() => {
      channel.pipeline.remove(StringCodec);
      channel.pipeline.remove(LineFrameDecoder);
    });
    release();
    expect(app.seen).toEqual(['hold', 'a\nb\n']);
  });

  it('asks for nothing more when a burst gave nothing because reads are held', () => {
    const app = new App();
    const channel = EmbeddedChannel.with({ autoRead: false }, new LineFrameDecoder(), app);
    channel.read();
    const hold = channel.holdReads('test');
    const before = channel.embedded.reads;
    channel.writeInbound(lines('a'));
    channel.run(() => hold.release());
    expect(app.seen).toEqual(['a']);
    expect(channel.embedded.reads).toBe(before);
  });

  it('does not charge a begun frame for the time in which reads are held', () => {
    const channel = new EmbeddedChannel(new LineFrameDecoder({ frameTimeoutMs: 1000 }), new App());
    channel.writeInbound(Buffer.from('begun'));
    channel.advance(100);
    const first = channel.holdReads('test');
    channel.advance(800);
    channel.run(() => first.release());
    channel.advance(200);
    const second = channel.holdReads('test');
    channel.advance(60_000);
    expect(channel.isOpen).toBe(true);
    channel.run(() => second.release());
    channel.advance(690);
    expect(channel.isOpen).toBe(true);
    channel.advance(20);
    expect(channel.closeInfo?.reason ?? 'ending').not.toBe('local');
    expect(channel.isEnding).toBe(true);
  });

  it('stops among several messages made of one, with the decoders before it', () => {
    const holds: ReadHold[] = [];
    const app = new App((letter, ctx) => {
      if (letter === 'h') holds.push(ctx.channel.holdReads('app'));
    });
    const channel = new EmbeddedChannel(
      new LineFrameDecoder(),
      new StringCodec(),
      new Letters(),
      app,
    );
    channel.writeInbound(lines('ahb', 'c'));
    channel.writeInbound(lines('d'));
    expect(app.seen).toEqual(['a', 'h']);
    channel.run(() => holds.shift()!.release());
    expect(app.seen).toEqual(['a', 'h', 'b', 'c', 'd']);
    channel.writeInbound(lines('hx', 'y'));
    channel.endInput();
    expect(app.seen.slice(5)).toEqual(['h', 'x', 'y', 'inactive']);
  });
});

describe('a decoder and the end', () => {
  it.each([
    ['end()', (ctx: Context) => void ctx.channel.end()],
    ['close()', (ctx: Context) => void ctx.channel.close()],
    ["shutdown('input')", (ctx: Context) => void ctx.channel.shutdown('input')],
  ])('%s in a handler: nothing more of the same read comes', (_name, stop) => {
    for (const decoders of [[], [new StringCodec(), new Letters()]]) {
      const app = new App((line, ctx) => {
        if (line === 'q') stop(ctx);
      });
      const channel = EmbeddedChannel.with(
        { allowHalfOpen: true },
        new LineFrameDecoder(),
        ...decoders,
        app,
      );
      channel.writeInbound(lines('a', 'q', 'b', 'c'));
      channel.run(() => {});
      expect(app.seen.filter((line) => line.length === 1)).toEqual(['a', 'q']);
    }
  });

  it('drops what waits for reads to be released when we close', () => {
    const { channel, app } = holding();
    channel.writeInbound(lines('hold', 'a', 'b'));
    channel.close();
    expect(app.seen).toEqual(['hold', 'inactive']);
  });
});

describe('a decoder and its share of the turn', () => {
  it('leaves the rest of a read to the next turn when its time is over', () => {
    const clock = new VirtualClock();
    const holds: string[][] = [];
    const app = new App((_line, ctx) => {
      clock.advanceQuietly(1);
      holds.push([...ctx.channel.readHolds]);
    });
    const channel = EmbeddedChannel.with(
      { clock, readBudgetMs: 10 },
      new LineFrameDecoder(),
      new StringCodec(),
      app,
    );
    const texts = Array.from({ length: 100 }, (_, i) => `${i}`);
    let atOnce = 0;
    clock.run(() => {
      channel.embedded.sink.received(lines(...texts));
      atOnce = app.seen.length;
      expect(channel.readHolds).toEqual(['turn']);
      channel.embedded.sink.readComplete();
    });
    expect(atOnce).toBe(16);
    expect(app.seen).toEqual(texts);
    expect(holds.every((why) => why.length === 0)).toBe(true);
  });

  it('gets the messages of each turn by its time, however many have come', () => {
    const clock = new VirtualClock();
    const app = new App(() => clock.advanceQuietly(0.01));
    const channel = EmbeddedChannel.with({ clock, readBudgetMs: 1 }, new LineFrameDecoder(), app);
    const seen: number[] = [];
    const noteTurn = (): void => {
      seen.push(app.seen.length);
      if (app.seen.length < 10_000) clock.nextTurn(noteTurn);
    };
    clock.run(() => {
      clock.nextTurn(noteTurn);
      channel.embedded.sink.received(lines(...Array<string>(10_000).fill('x')));
    });
    const turns = seen.map((count, at) => count - (seen[at - 1] ?? 0));
    // A decoder looks at the time after each 16 messages.
    expect(turns).toEqual([...Array<number>(89).fill(112), 32]);
  });
});
