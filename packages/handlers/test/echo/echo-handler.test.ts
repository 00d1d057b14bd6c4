import { type Context, EncodeError, type Handler } from '@headrace/core';
import { EmbeddedChannel, type EmbeddedChannelOptions } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { EchoHandler } from '../../src/echo/echo-handler.ts';

function drainOutbound(channel: EmbeddedChannel): unknown[] {
  const all: unknown[] = [];
  for (let one = channel.readOutbound(); one !== undefined; one = channel.readOutbound()) {
    all.push(one);
  }
  return all;
}

const small: EmbeddedChannelOptions = {
  writeBufferLowBytes: 200,
  writeBufferHighBytes: 400,
  maxOutboundBytes: 1000,
};

describe('EchoHandler', () => {
  it('writes each message back and flushes once per burst', () => {
    let flushes = 0;
    const counter: Handler = {
      flush(ctx: Context) {
        flushes += 1;
        ctx.flush();
      },
    };
    const channel = new EmbeddedChannel(counter, new EchoHandler());
    channel.writeInbound('a', 'b', 'c');
    expect(drainOutbound(channel)).toEqual(['a', 'b', 'c']);
    expect(flushes).toBe(1);
    expect(channel.readInbound()).toBeUndefined();
  });

  it('ends the channel if an answer of its reply cannot be encoded', () => {
    const encoder: Handler = {
      write() {
        throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'no such answer');
      },
    };
    const channel = new EmbeddedChannel(encoder, new EchoHandler({ reply: () => ({}) }));
    channel.writeInbound('x');
    expect(channel.isEnding).toBe(true);
  });

  it('answers with what the reply makes of a message', () => {
    const reply = (text: string) => (text === '' ? undefined : `ECHO:${text}`);
    const channel = new EmbeddedChannel(new EchoHandler({ reply }));
    channel.writeInbound('x', '', 'y');
    expect(drainOutbound(channel)).toEqual(['ECHO:x', 'ECHO:y']);
  });

  it('passes messages on to the handlers after it, unless passOn is false', () => {
    const seen: unknown[] = [];
    const app = (): Handler => ({ channelRead: (_ctx, message) => void seen.push(message) });
    new EmbeddedChannel(new EchoHandler(), app()).writeInbound('a');
    new EmbeddedChannel(new EchoHandler({ passOn: false }), app()).writeInbound('b');
    expect(seen).toEqual(['a']);
  });

  it('stops reading from a peer that does not read, and goes on when it does', () => {
    const channel = EmbeddedChannel.with(small, new EchoHandler());
    channel.embedded.isStuck = true;
    const before = channel.embedded.reads;
    const sent = Array.from({ length: 100 }, (_, i) => `message ${i}`);
    channel.writeInbound(...sent);
    expect(channel.embedded.reads).toBe(before);
    expect(channel.pendingOutboundBytes).toBeLessThan(1000);
    expect(channel.isOpen).toBe(true);
    channel.run(() => channel.embedded.release());
    expect(drainOutbound(channel)).toEqual(sent);
    expect(channel.embedded.reads).toBe(before + 1);
    channel.writeInbound('again');
    expect(drainOutbound(channel)).toEqual(['again']);
    expect(channel.embedded.reads).toBe(before + 2);
  });

  it('does not wait for the end of a burst that fills the output', () => {
    const channel = EmbeddedChannel.with(small, new EchoHandler());
    for (let i = 0; i < 100; i++) channel.writeOneInbound(`message ${i}`);
    expect(drainOutbound(channel).length).toBeGreaterThan(90);
  });

  it('ends the burst for what has passed, and passes the rest on when it is echoed', () => {
    const seen: unknown[] = [];
    const app: Handler = {
      channelRead: (_ctx, message) => void seen.push(message),
      channelReadComplete: () => void seen.push('complete'),
    };
    const channel = EmbeddedChannel.with(small, new EchoHandler(), app);
    channel.embedded.isStuck = true;
    const sent = ['x'.repeat(300), 'y'.repeat(300), 'z'];
    channel.writeInbound(...sent);
    expect(seen).toEqual([sent[0], sent[1], 'complete']);
    channel.run(() => channel.embedded.release());
    expect(seen).toEqual([sent[0], sent[1], 'complete', 'z', 'complete']);
  });

  it('keeps the order when the peer takes a little at a time', () => {
    const channel = EmbeddedChannel.with(small, new EchoHandler());
    const sent = Array.from({ length: 60 }, (_, i) => `${i}`.padStart(50, '.'));
    const got: unknown[] = [];
    channel.embedded.isStuck = true;
    channel.writeInbound(...sent);
    for (let round = 0; round < 60 && got.length < 60; round++) {
      channel.run(() => channel.embedded.release());
      channel.embedded.isStuck = true;
      got.push(...drainOutbound(channel));
      expect(channel.pendingOutboundBytes).toBeLessThan(1000);
    }
    channel.run(() => channel.embedded.release());
    got.push(...drainOutbound(channel));
    expect(got).toEqual(sent);
    expect(channel.isOpen).toBe(true);
  });

  it('answers what it held when it is removed', () => {
    const echo = new EchoHandler();
    const channel = EmbeddedChannel.with({ ...small, maxOutboundBytes: 1e6 }, echo);
    channel.embedded.isStuck = true;
    const sent = Array.from({ length: 20 }, (_, i) => `message ${i}`);
    channel.writeInbound(...sent);
    const before = channel.embedded.reads;
    channel.pipeline.remove(echo);
    expect(channel.embedded.reads).toBe(before + 1);
    channel.run(() => channel.embedded.release());
    expect(drainOutbound(channel)).toEqual(sent);
  });

  it('forgets what it held when the channel closes', () => {
    const channel = EmbeddedChannel.with(small, new EchoHandler());
    channel.embedded.isStuck = true;
    channel.writeInbound(...Array.from({ length: 20 }, (_, i) => `message ${i}`));
    channel.finish();
    expect(drainOutbound(channel)).toEqual([]);
  });

  it.each([
    ['as the last one that waits', ['bad']],
    ['twice in a row', ['bad', 'bad', 'good']],
    ['before one that does not', ['bad', 'good']],
  ])('reads on after a reply that throws %s', (_what, texts) => {
    const errors: string[] = [];
    const reply = (text: string) => {
      if (text === 'bad') throw new Error('no reply');
      return text;
    };
    const catcher: Handler = {
      exceptionCaught: (_ctx: Context, error: Error) => void errors.push(error.message),
    };
    const channel = EmbeddedChannel.with(small, new EchoHandler({ reply }), catcher);
    channel.embedded.isStuck = true;
    channel.writeInbound(...Array.from({ length: 10 }, () => 'x'.repeat(90)), ...texts);
    expect(channel.isReadHeld).toBe(true);
    channel.run(() => channel.embedded.release());
    expect(channel.readHolds).toEqual([]);
    expect(errors).toEqual(texts.filter((text) => text === 'bad').map(() => 'no reply'));
    channel.writeInbound('later');
    const last = texts.includes('good') ? ['good', 'later'] : ['x'.repeat(90), 'later'];
    expect(drainOutbound(channel).slice(-2)).toEqual(last);
  });

  it('waits for room even when an error follows, which comes after the messages before it', () => {
    const seen: string[] = [];
    const catcher: Handler = {
      exceptionCaught: (_ctx: Context, error: Error) => void seen.push(error.message),
    };
    const channel = EmbeddedChannel.with(small, new EchoHandler(), catcher);
    channel.embedded.isStuck = true;
    channel.writeInbound(...Array.from({ length: 30 }, () => 'x'.repeat(90)));
    const waiting = channel.pendingOutboundBytes;
    channel.pipeline.fireExceptionCaught(new Error('a bad line'));
    expect(channel.pendingOutboundBytes).toBe(waiting);
    expect(seen).toEqual([]);
    channel.run(() => channel.embedded.release());
    expect(drainOutbound(channel)).toHaveLength(30);
    expect(seen).toEqual(['a bad line']);
  });
});
