import { textLines } from '@headrace/codec';
import { DrainEvent, type Handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { LocalGround, Room } from '../src/room.ts';
import { WhoHandler } from '../src/who.ts';

function roomOf(count: number): Room {
  const room = new Room(new LocalGround(1024 * 1024));
  for (let i = 0; i < count; i++) room.joined(`member-${i}`, undefined);
  return room;
}

function textsOf(channel: EmbeddedChannel): string[] {
  const texts: string[] = [];
  for (let text = channel.readOutbound(); text !== undefined; text = channel.readOutbound()) {
    texts.push(String(text));
  }
  return texts;
}

describe('WhoHandler', () => {
  it('answers with all names, and passes other texts on', () => {
    const channel = new EmbeddedChannel(new WhoHandler(roomOf(2)));
    channel.writeInbound('wHo', 'WHO?', 'who ');
    expect(textsOf(channel)).toEqual(['MEMBERS:2', 'MEMBER:member-0', 'MEMBER:member-1']);
    expect([channel.readInbound(), channel.readInbound()]).toEqual(['WHO?', 'who ']);
    expect(channel.isReadHeld).toBe(false);
  });

  it('gives a long list in parts, and reads no more meanwhile', () => {
    const clock = new VirtualClock();
    const channel = EmbeddedChannel.with({ clock }, new WhoHandler(roomOf(1000)));
    channel.writeInbound('WHO');
    expect(textsOf(channel)).toHaveLength(257);
    expect(channel.readHolds).toEqual(['who']);
    clock.advance(1);
    clock.advance(1);
    clock.advance(1);
    expect(textsOf(channel).at(-1)).toBe('MEMBER:member-999');
    expect(channel.isReadHeld).toBe(false);
  });

  it('tells a list to its end before a drain ends the connection', () => {
    const clock = new VirtualClock();
    const channel = EmbeddedChannel.with({ clock }, new WhoHandler(roomOf(300)));
    channel.writeInbound('WHO');
    channel.run(() => channel.pipeline.fireUserEventTriggered(new DrainEvent(10_000)));
    expect(channel.isEnding).toBe(false);
    clock.advance(1);
    expect(textsOf(channel).at(-1)).toBe('MEMBER:member-299');
    expect(channel.isEnding).toBe(true);
  });

  it('answers each of several questions in full, in order', () => {
    const clock = new VirtualClock();
    const channel = EmbeddedChannel.with({ clock }, new WhoHandler(roomOf(300)));
    channel.writeInbound('WHO', 'WHO');
    for (let i = 0; i < 10; i++) clock.advance(1);
    const texts = textsOf(channel);
    expect(texts).toHaveLength(602);
    expect(texts.slice(0, 301)).toEqual(texts.slice(301));
    expect(channel.isReadHeld).toBe(false);
  });

  it('holds reads during a list that was asked for while reads were held', () => {
    const clock = new VirtualClock();
    const holds: string[] = [];
    const watch: Handler = {
      write(ctx, text) {
        if (text === 'MEMBER:member-299') holds.push(ctx.channel.readHolds.join());
        return ctx.write(text);
      },
    };
    const who = new WhoHandler(roomOf(300));
    const channel = EmbeddedChannel.with({ clock }, ...textLines(), watch, who);
    channel.writeInbound(Buffer.from('WHO\nWHO\n'));
    clock.advance(1);
    expect(holds).toEqual(['who', 'who']);
    expect(channel.readHolds).toEqual([]);
  });
});
