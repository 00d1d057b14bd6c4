import {
  type ByteSource,
  type Channel,
  ChannelGroup,
  ChannelGroupError,
  ChannelMatchers,
  type Handler,
} from '@headrace/core';
import { encodeOnce } from '@headrace/core/authoring';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

class Listening extends EmbeddedChannel {
  override readonly isServer: boolean = true;
}

const members = (count: number, ...handlers: (() => Handler)[]): EmbeddedChannel[] => {
  const clock = new VirtualClock();
  return Array.from({ length: count }, () =>
    EmbeddedChannel.with({ clock }, ...handlers.map((make) => make())),
  );
};

function groupOf(channels: readonly Channel[]): ChannelGroup {
  const group = new ChannelGroup('test');
  for (const channel of channels) group.add(channel);
  return group;
}

const failing = (): Handler => ({
  write() {
    throw new Error('broken');
  },
});

describe('members', () => {
  it('add says whether the channel is new', () => {
    const group = new ChannelGroup();
    const channel = new EmbeddedChannel();
    expect([group.add(channel), group.add(channel)]).toEqual([true, false]);
    expect(group.size).toBe(1);
  });

  it('does not take a closed channel', () => {
    const group = new ChannelGroup();
    const channel = new EmbeddedChannel();
    channel.close();
    expect(group.add(channel)).toBe(false);
    expect(group.isEmpty).toBe(true);
  });

  it('a channel that closes leaves by itself', () => {
    const channels = members(2);
    const group = groupOf(channels);
    channels[0]!.close();
    expect(group.members()).toEqual([channels[1]]);
  });

  it('remove says whether it was there, by channel or id, and forgets it', () => {
    const channels = members(2);
    const group = groupOf(channels);
    const left: string[] = [];
    group.on('channelLeft', (channel) => left.push(channel.id));
    expect(group.remove(channels[0]!)).toBe(true);
    expect(group.remove(channels[0]!)).toBe(false);
    expect(group.remove(channels[1]!.id)).toBe(true);
    expect(group.remove('no such id')).toBe(false);
    for (const channel of channels) channel.close();
    expect(left).toEqual(channels.map((channel) => channel.id));
  });

  it('remove leaves no listener on the channel', () => {
    const listeners = new Set<unknown>();
    class Watched extends EmbeddedChannel {
      override onClosed(listener: (channel: Channel) => void): void {
        listeners.add(listener);
        super.onClosed(listener);
      }
      override offClosed(listener: (channel: Channel) => void): void {
        listeners.delete(listener);
        super.offClosed(listener);
      }
    }
    const channel = new Watched();
    const group = groupOf([channel]);
    expect(listeners.size).toBe(1);
    group.remove(channel);
    expect(listeners.size).toBe(0);
  });

  it('iterates over listening channels first, and suffers changes meanwhile', () => {
    const [a, b, c] = members(3);
    const server = new Listening();
    const group = groupOf([a!, server, b!]);
    const seen: Channel[] = [];
    for (const channel of group) {
      seen.push(channel);
      group.remove(channel);
      if (channel === a) group.add(c!);
    }
    expect(seen).toEqual([server, a, b, c]);
    expect(group.size).toBe(0);
  });

  it('size, isEmpty, has, find, and a name of its own', () => {
    const [a, b] = members(2);
    const group = groupOf([a!]);
    expect([group.size, group.isEmpty, group.has(a!), group.has(b!)]).toEqual([
      1,
      false,
      true,
      false,
    ]);
    expect(group.find(a!.id)).toBe(a);
    expect(group.find(b!.id)).toBeUndefined();
    const names = [new ChannelGroup().name, new ChannelGroup().name];
    for (const name of names) expect(name).toMatch(/^group-0x[0-9a-f]+$/);
    expect(names[0]).not.toBe(names[1]);
    expect(group.name).toBe('test');
  });

  it('clear lets everybody go and stops listening to them', () => {
    const channels = members(3);
    const group = groupOf(channels);
    const left: Channel[] = [];
    group.on('channelLeft', (channel) => left.push(channel));
    group.clear();
    expect(left).toEqual(channels);
    expect(channels.every((channel) => channel.isOpen)).toBe(true);
    for (const channel of channels) channel.close();
    expect(left).toHaveLength(3);
  });

  it('reports each channel that joined or left, once', () => {
    const group = new ChannelGroup();
    const reported: string[] = [];
    group.on('channelJoined', () => reported.push('joined'));
    group.on('channelLeft', () => reported.push('left'));
    const [a] = members(1);
    group.add(a!);
    group.add(a!);
    a!.close();
    group.remove(a!);
    expect(reported).toEqual(['joined', 'left']);
  });
});

describe('writing', () => {
  it('write and flush reach only channels that are not listening', () => {
    const [a] = members(1);
    const server = new Listening();
    const group = groupOf([server, a!]);
    group.write('x');
    expect(a!.readOutbound()).toBeUndefined();
    group.flush();
    expect([a!.readOutbound(), server.readOutbound()]).toEqual(['x', undefined]);
    group.writeAndFlush('y');
    expect([a!.readOutbound(), server.readOutbound()]).toEqual(['y', undefined]);
  });

  it('close reaches both, listening channels first', () => {
    const [a] = members(1);
    const server = new Listening();
    const group = groupOf([a!, server]);
    const closed: Channel[] = [];
    for (const channel of [a!, server]) channel.onClosed((one) => closed.push(one));
    group.close('shutdown');
    expect(closed).toEqual([server, a]);
    expect(a!.closeInfo?.reason).toBe('shutdown');
  });

  it('one future for all that match', async () => {
    const channels = members(3);
    const group = groupOf(channels);
    const future = group.writeAndFlush('x', ChannelMatchers.isNot(channels[1]!));
    expect(future.size).toBe(2);
    await future;
    expect(channels.map((channel) => channel.readOutbound())).toEqual(['x', undefined, 'x']);
  });

  it('succeeds at once if no member matches', async () => {
    const group = groupOf(members(2));
    const future = group.writeAndFlush('x', () => false);
    expect([future.size, future.isSettled, future.isSuccess]).toEqual([0, true, true]);
    await future;
    expect(new ChannelGroup().close().isSuccess).toBe(true);
  });

  it('settles after all members', async () => {
    const channels = members(3);
    const group = groupOf(channels);
    channels[1]!.embedded.isStuck = true;
    const future = group.writeAndFlush('x');
    let isDone = false;
    void future.then(() => {
      isDone = true;
    });
    await Promise.resolve();
    expect([future.isSettled, future.isPartialSuccess, isDone]).toEqual([false, true, false]);
    channels[1]!.embedded.release();
    expect(future.isSuccess).toBe(true);
    await future;
  });

  it('rejects with those that failed, and only those', async () => {
    const good = members(2);
    const bad = members(1, failing);
    const group = groupOf([good[0]!, bad[0]!, good[1]!]);
    const future = group.writeAndFlush('x');
    expect([future.isPartialSuccess, future.isPartialFailure, future.isSuccess]).toEqual([
      true,
      true,
      false,
    ]);
    const error = await future.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ChannelGroupError);
    const failures = [...(error as ChannelGroupError)];
    expect(failures.map(({ channel }) => channel)).toEqual(bad);
    expect(failures[0]!.error.message).toBe('broken');
    expect((error as ChannelGroupError).message).toMatch(/1 of 3/);
  });

  it('is partial only if some, not all, did', () => {
    const allBad = groupOf(members(2, failing)).writeAndFlush('x');
    expect([allBad.isPartialFailure, allBad.isPartialSuccess]).toEqual([false, false]);
    const allGood = groupOf(members(2)).writeAndFlush('x');
    expect([allGood.isPartialFailure, allGood.isPartialSuccess]).toEqual([false, false]);
  });

  it('ignored, a failed broadcast is not an unhandled rejection', async () => {
    const rejections: unknown[] = [];
    const onRejection = (reason: unknown) => void rejections.push(reason);
    process.on('unhandledRejection', onRejection);
    groupOf(members(2, failing)).writeAndFlush('x');
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onRejection);
    expect(rejections).toEqual([]);
  });

  it('a member that closes during the broadcast does not keep the others from getting it', async () => {
    const channels = members(3);
    const group = groupOf(channels);
    channels[0]!.pipeline.addLast({
      write(ctx, message) {
        channels[1]!.close();
        return ctx.write(message);
      },
    } satisfies Handler);
    const future = group.writeAndFlush('x');
    expect(channels[2]!.readOutbound()).toBe('x');
    await future;
    expect(future.isPartialFailure).toBe(false);
  });

  it('null and undefined throw at once, and spoil nothing', () => {
    const channels = members(2);
    const group = groupOf(channels);
    for (const nothing of [null, undefined]) {
      expect(() => group.write(nothing)).toThrow(TypeError);
      expect(() => group.writeAndFlush(nothing)).toThrow(TypeError);
    }
    expect(group.writeAndFlush('x').isSuccess).toBe(true);
    expect(channels[1]!.readOutbound()).toBe('x');
  });

  it('a coalescing key that throws fails for its member, and the next broadcast goes out', async () => {
    const coalesceKey = (message: unknown) => {
      throw new Error(`no key for ${String(message)}`);
    };
    const group = new ChannelGroup('g', { slowMember: 'coalesce', coalesceKey });
    const [slow, quick] = [
      EmbeddedChannel.with({ writeBufferHighBytes: 10, writeBufferLowBytes: 5 }),
      new EmbeddedChannel(),
    ];
    slow.embedded.isStuck = true;
    slow.writeAndFlush('much more than ten bytes');
    group.add(slow);
    group.add(quick);
    await expect(group.writeAndFlush('x')).rejects.toMatchObject({ details: { failed: 1 } });
    expect(group.writeAndFlush('y').isPartialSuccess).toBe(true);
    expect([quick.readOutbound(), quick.readOutbound()]).toEqual(['x', 'y']);
  });

  it('encodes once for all members, and for each write outside a broadcast', () => {
    let encoded = 0;
    const encoder = (): Handler => ({
      write: (ctx, message: string) =>
        ctx.write(
          encodeOnce('upper', message, (text: string) => {
            encoded += 1;
            return Buffer.from(text.toUpperCase());
          }),
        ),
    });
    const channels = members(100, encoder);
    groupOf(channels).writeAndFlush('hello');
    expect(encoded).toBe(1);
    const outputs = channels.map((channel) => channel.readOutbound());
    expect(new Set(outputs).size).toBe(1);
    expect(String(outputs[0])).toBe('HELLO');
    channels[0]!.writeOutbound('hello');
    channels[1]!.writeOutbound('hello');
    expect(encoded).toBe(3);
  });

  it('writes output that writes itself once, into one Buffer for all members', () => {
    let written = 0;
    const source = (text: string): ByteSource => ({
      byteLength: text.length,
      writeTo: (target, offset) => {
        written += 1;
        target.set(Buffer.from(text), offset);
      },
    });
    const encoder = (): Handler => ({
      write: (ctx, message: string) => ctx.write(encodeOnce('source', message, source)),
    });
    const channels = members(100, encoder);
    groupOf(channels).writeAndFlush('hello');
    expect(written).toBe(1);
    const outputs = channels.map((channel) => channel.readOutbound());
    expect([new Set(outputs).size, String(outputs[0])]).toEqual([1, 'hello']);
  });

  it('copies what was encoded out of its read once, for all members that are behind', () => {
    const read = Buffer.alloc(64 * 1024);
    const encoder = (): Handler => ({
      write: (ctx, message: string) =>
        ctx.write(encodeOnce('part', message, () => read.subarray(0, 1))),
    });
    const channels = members(3, encoder);
    for (const channel of channels) {
      channel.embedded.isStuck = true;
      channel.writeAndFlush('before');
    }
    groupOf(channels).writeAndFlush('hello');
    const outputs = channels.map((channel) => {
      channel.run(() => channel.embedded.release());
      channel.readOutbound();
      return channel.readOutbound<Buffer>()!;
    });
    expect(new Set(outputs).size).toBe(1);
    expect(outputs[0]!.buffer).not.toBe(read.buffer);
  });

  it('two encoders, two messages and two broadcasts do not get in each other’s way', () => {
    const suffix = (key: string) => (): Handler => ({
      write: (ctx, message: string) =>
        ctx.write(encodeOnce(key, message, (text: string) => `${text}${key}`)),
    });
    const channels = members(3, suffix('a'), suffix('b'));
    channels[1]!.pipeline.addFirst(suffix('c')());
    // Its encoders get another message than those of the other members.
    channels[2]!.pipeline.addLast(suffix('d')());
    const group = groupOf(channels);
    group.writeAndFlush('1');
    group.writeAndFlush('2');
    for (const [index, tail] of ['ba', 'bac', 'dba'].entries()) {
      expect(channels[index]!.readOutbound()).toBe(`1${tail}`);
      expect(channels[index]!.readOutbound()).toBe(`2${tail}`);
    }
  });
});

describe('closing', () => {
  it('awaiting a close inside the same event is fine', async () => {
    const channels = members(3);
    const group = groupOf(channels);
    await group.close();
    expect(group.isEmpty).toBe(true);
    await group.close();
  });

  it('also from a handler of a member', async () => {
    const group = new ChannelGroup();
    let isDone = false;
    const [a] = members(1, () => ({
      async channelRead() {
        await group.close();
        isDone = true;
      },
    }));
    group.add(a!);
    a!.writeInbound('x');
    await new Promise((resolve) => setImmediate(resolve));
    expect(isDone).toBe(true);
  });

  it('with stayClosed, whatever is added after close() is closed at once', () => {
    const group = new ChannelGroup('g', { stayClosed: true });
    const [a, b] = members(2);
    expect(group.add(a!)).toBe(true);
    group.close();
    expect(group.add(b!)).toBe(false);
    expect(b!.isOpen).toBe(false);
    expect(b!.closeInfo?.reason).toBe('shutdown');
  });

  it('without it, a group can be used again; closing some members is not closing the group', () => {
    const [a, b, c] = members(3);
    const group = groupOf([a!]);
    group.close();
    expect(group.add(b!)).toBe(true);
    const sticky = new ChannelGroup('g', { stayClosed: true });
    sticky.add(b!);
    sticky.close('local', ChannelMatchers.isServer);
    expect(sticky.add(c!)).toBe(true);
  });

  it('newCloseFuture resolves when those that match now have closed', async () => {
    const [a, b, c] = members(3);
    const group = groupOf([a!, b!]);
    let isDone = false;
    const future = group.newCloseFuture(ChannelMatchers.isNot(b!)).then(() => {
      isDone = true;
    });
    group.add(c!);
    await Promise.resolve();
    expect(isDone).toBe(false);
    a!.close();
    await future;
    expect([b!.isOpen, c!.isOpen]).toEqual([true, true]);
    await new ChannelGroup().newCloseFuture();
  });
});

it('the matchers choose as they say', () => {
  const [a, b] = members(2);
  const server = new Listening();
  const all = [a!, b!, server];
  const chosen = (matcher: (channel: Channel) => boolean) => all.filter(matcher);
  expect(chosen(ChannelMatchers.all)).toEqual(all);
  expect(chosen(ChannelMatchers.is(a!))).toEqual([a]);
  expect(chosen(ChannelMatchers.isNot(a!))).toEqual([b, server]);
  expect(chosen(ChannelMatchers.isServer)).toEqual([server]);
  expect(chosen(ChannelMatchers.isNotServer)).toEqual([a, b]);
  expect(chosen(ChannelMatchers.isInstanceOf(Listening))).toEqual([server]);
  expect(chosen(ChannelMatchers.invert(ChannelMatchers.is(b!)))).toEqual([a, server]);
  const { compose, isNot, isNotServer } = ChannelMatchers;
  expect(chosen(compose(isNotServer, isNot(a!)))).toEqual([b]);
  expect(chosen(compose())).toEqual(all);
});
