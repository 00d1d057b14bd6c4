import {
  type Channel,
  ChannelGroup,
  ChannelMatchers,
  type Context,
  type Group,
  type Handler,
} from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { BroadcastHandler, type BroadcastOptions } from '../../src/broadcast/broadcast-handler.ts';
import { EchoHandler } from '../../src/echo/echo-handler.ts';
import { FlowControlHandler } from '../../src/flow/flow-control-handler.ts';

function room(options: BroadcastOptions<string, unknown> = {}): {
  members: ChannelGroup;
  channels: EmbeddedChannel[];
  got: () => unknown[];
} {
  const members = new ChannelGroup('members');
  const channels = Array.from(
    { length: 3 },
    () => new EmbeddedChannel(new BroadcastHandler(members, options)),
  );
  for (const channel of channels) members.add(channel);
  return { members, channels, got: () => channels.map((channel) => channel.readOutbound()) };
}

describe('BroadcastHandler', () => {
  it('sends to all members but the sender', () => {
    const { channels, got } = room();
    channels[0]!.writeInbound('hi');
    expect(got()).toEqual([undefined, 'hi', 'hi']);
  });

  it('sends to all members', () => {
    const { channels, got } = room({ to: 'all' });
    channels[0]!.writeInbound('hi');
    expect(got()).toEqual(['hi', 'hi', 'hi']);
  });

  it('sends to a subset that depends on the message', () => {
    const { channels, got } = room({
      to: (message) => (channel) => message.startsWith('2:') && channel === channels[2],
    });
    channels[0]!.writeInbound('2:hi');
    expect(got()).toEqual([undefined, undefined, '2:hi']);
    channels[0]!.writeInbound('9:hi');
    expect(got()).toEqual([undefined, undefined, undefined]);
  });

  it('sends what the format makes of a message, or nothing', () => {
    const format = (text: string, sender: Channel) =>
      text === 'secret' ? undefined : { text, from: sender.id };
    const { channels, got } = room({ format });
    channels[1]!.writeInbound('secret');
    expect(got()).toEqual([undefined, undefined, undefined]);
    channels[1]!.writeInbound('hi');
    const sent = { text: 'hi', from: channels[1]!.id };
    expect(got()).toEqual([sent, undefined, sent]);
  });

  it('serves the others when one member fails', () => {
    const { members, channels, got } = room();
    const failing: Handler = {
      write: () => {
        throw new Error('broken');
      },
    };
    const hooks = { writeFailed: () => {} };
    members.add(EmbeddedChannel.with({ hooks }, failing));
    channels[0]!.writeInbound('hi');
    expect(got()).toEqual([undefined, 'hi', 'hi']);
  });

  it('hands messages on to a handler after it', () => {
    const members = new ChannelGroup('members');
    const seen: unknown[] = [];
    const app: Handler = { channelRead: (_ctx: Context, message) => void seen.push(message) };
    const channel = new EmbeddedChannel(new EchoHandler(), new BroadcastHandler(members), app);
    channel.writeInbound('a');
    expect(seen).toEqual(['a']);
    expect(channel.readOutbound()).toBe('a');
  });

  it('may serve many channels', () => {
    const shared = new BroadcastHandler(new ChannelGroup('members'), { passOn: false });
    expect(() => [new EmbeddedChannel(shared), new EmbeddedChannel(shared)]).not.toThrow();
  });

  it('flushes each member once for all messages that came in together', () => {
    const members = new ChannelGroup('members');
    const sender = new EmbeddedChannel(new BroadcastHandler(members));
    let flushes = 0;
    const other = EmbeddedChannel.with(
      { clock: sender.clock },
      {
        flush(ctx) {
          flushes += 1;
          ctx.flush();
        },
      },
    );
    members.add(sender);
    members.add(other);
    sender.writeInbound('a', 'b', 'c');
    expect([other.readOutbound(), other.readOutbound(), other.readOutbound()]).toEqual([
      'a',
      'b',
      'c',
    ]);
    expect(flushes).toBe(1);
  });

  it('sends what came before the message that ends the connection', () => {
    const members = new ChannelGroup('members');
    const sender = new EmbeddedChannel(new BroadcastHandler(members), {
      channelRead(ctx, message) {
        if (message === 'bye') ctx.channel.end();
      },
    });
    const other = EmbeddedChannel.with({ clock: sender.clock });
    members.add(sender);
    members.add(other);
    sender.writeInbound('a', 'bye');
    expect([other.readOutbound(), other.readOutbound()]).toEqual(['a', 'bye']);
  });

  it('does not read from a sender whose broadcast is under way, and from others it does', () => {
    const clock = new SlowClock();
    const members = new ChannelGroup('members');
    const sending = () =>
      EmbeddedChannel.with({ clock }, new FlowControlHandler(), new BroadcastHandler(members));
    const [sender, other] = [sending(), sending()];
    const others = Array.from({ length: 200 }, () => EmbeddedChannel.with({ clock }));
    for (const channel of [sender, other, ...others]) members.add(channel);
    const texts = Array.from({ length: 500 }, (_, i) => String(i));
    clock.run(() => {
      sender.writeInbound(...texts);
      expect(sender.readHolds).toEqual(['BroadcastHandler']);
      // The broadcast and its flush.
      expect(members.backlog).toBeLessThan(3);
      expect(other.isReadHeld).toBe(false);
    });
    expect(sender.isReadHeld).toBe(false);
    for (const member of others) {
      expect(Array.from(texts, () => member.readOutbound())).toEqual(texts);
    }
  });

  it('leaves autoRead alone: turned off while a broadcast is under way it stays off', () => {
    const clock = new SlowClock();
    const members = new ChannelGroup('members');
    const sender = EmbeddedChannel.with({ clock }, new BroadcastHandler(members));
    for (let i = 0; i < 200; i++) members.add(EmbeddedChannel.with({ clock }));
    clock.run(() => {
      sender.writeInbound('hello');
      expect(sender.isReadHeld).toBe(true);
      sender.autoRead = false;
    });
    expect([sender.isReadHeld, sender.autoRead]).toEqual([false, false]);
  });
});

describe('BroadcastHandler, with a group of any class', () => {
  it('says to it whom a message is for, here and elsewhere', () => {
    const here = new ChannelGroup<string>('room');
    const written: unknown[] = [];
    const flushed: unknown[] = [];
    const group: Group<string> = {
      name: 'room',
      size: 0,
      backlog: 0,
      has: (channel) => here.has(channel),
      add: (channel) => here.add(channel),
      remove: (channel) => here.remove(channel),
      write: (message, matcher) => {
        written.push([message, matcher?.elsewhere]);
        return here.write(message, matcher);
      },
      writeAndFlush: (message, matcher) => here.writeAndFlush(message, matcher),
      flush: (matcher) => void flushed.push(matcher),
      onceDrained: (listener) => here.onceDrained(listener),
      close: (reason, matcher) => here.close(reason, matcher),
      [Symbol.iterator]: () => here[Symbol.iterator](),
    };
    const others = new EmbeddedChannel(new BroadcastHandler(group));
    const all = new EmbeddedChannel(new BroadcastHandler(group, { to: 'all' }));
    const mine = ChannelMatchers.elsewhere((channel) => channel === all, 'none');
    const some = new EmbeddedChannel(new BroadcastHandler(group, { to: () => mine }));
    for (const channel of [others, all, some]) channel.writeInbound('hi');
    expect(written).toEqual([
      ['hi', 'all'],
      ['hi', undefined],
      ['hi', 'none'],
    ]);
    expect(flushed).toEqual([undefined, undefined, undefined]);
  });

  it('refuses what is none', () => {
    for (const [wrong, text] of [
      [undefined, 'group is undefined'],
      [new Set(), 'group is an object'],
      [ChannelGroup, 'group is a function'],
    ] as const) {
      expect(() => new BroadcastHandler(wrong as never)).toThrow(
        `${text}, but must be the group to send to, such as a ChannelGroup`,
      );
    }
  });
});

/** A clock on which every look costs three milliseconds. */
class SlowClock extends VirtualClock {
  override now(): number {
    this.advanceQuietly(3);
    return super.now();
  }
}
