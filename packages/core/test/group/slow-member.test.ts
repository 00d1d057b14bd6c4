import { ChannelGroup, type SlowMemberOptions } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

/** A group with one good member and one whose peer does not read. */
function groupWith(options: SlowMemberOptions) {
  const clock = new VirtualClock();
  const good = EmbeddedChannel.with({ clock });
  const limits = {
    writeBufferLowBytes: 0,
    writeBufferHighBytes: 100,
    outboundStallMs: false,
  } as const;
  const slow = EmbeddedChannel.with({ clock, ...limits });
  slow.embedded.isStuck = true;
  const group = new ChannelGroup('room', options);
  group.add(good);
  group.add(slow);
  // In flight, and over the high water mark: the member is slow from here on.
  slow.writeAndFlush('x'.repeat(200));
  expect(slow.isWritable).toBe(false);
  const release = () => slow.run(() => slow.embedded.release());
  return { clock, good, slow, group, release };
}

function outbound(channel: EmbeddedChannel): unknown[] {
  const messages: unknown[] = [];
  for (let m = channel.readOutbound(); m !== undefined; m = channel.readOutbound())
    messages.push(m);
  return messages;
}

describe('S269 the slow-member policy', () => {
  it('close: writes on, and closes the member when too much waits', () => {
    const { good, slow, group } = groupWith({ slowMember: 'close', maxMemberBytes: 400 });
    void group.writeAndFlush('a'.repeat(100));
    expect(slow.isOpen).toBe(true);
    void group.writeAndFlush('b'.repeat(100));
    void group.writeAndFlush('c');
    expect(slow.isOpen).toBe(false);
    expect(slow.closeInfo?.reason).toBe('slow-consumer');
    expect(group.slowMembers.closed).toBe(1);
    expect(group.has(slow)).toBe(false);
    expect(outbound(good)).toHaveLength(3);
  });

  it('drop-newest: the member misses what came while it was slow', () => {
    const { good, slow, group, release } = groupWith({ slowMember: 'drop-newest' });
    void group.writeAndFlush('missed');
    release();
    void group.writeAndFlush('seen');
    expect(outbound(slow).slice(1)).toEqual(['seen']);
    expect(outbound(good)).toEqual(['missed', 'seen']);
    expect(group.slowMembers.droppedNewest).toBe(1);
  });

  it('drop-oldest: keeps the newest messages for the member, in order', async () => {
    const { slow, group, release } = groupWith({ slowMember: 'drop-oldest', maxMemberMessages: 2 });
    const first = group.writeAndFlush('1');
    void group.writeAndFlush('2');
    void group.writeAndFlush('3');
    release();
    void group.writeAndFlush('4');
    expect(outbound(slow).slice(1)).toEqual(['2', '3', '4']);
    expect(group.slowMembers.droppedOldest).toBe(1);
    await expect(Promise.resolve(first)).rejects.toThrow('failed for 1 of 2 members');
  });

  it('coalesce: keeps the latest message of each key', () => {
    const coalesceKey = (message: unknown) => String(message)[0];
    const { slow, group, release } = groupWith({ slowMember: 'coalesce', coalesceKey });
    for (const message of ['a1', 'b1', 'a2']) void group.writeAndFlush(message);
    release();
    expect(outbound(slow).slice(1)).toEqual(['b1', 'a2']);
    expect(group.slowMembers.coalesced).toBe(1);
  });

  it('what waits for a member fails when it closes', async () => {
    const { slow, group } = groupWith({ slowMember: 'drop-oldest' });
    const waiting = group.writeAndFlush('never');
    slow.run(() => slow.abort());
    await expect(Promise.resolve(waiting)).rejects.toThrow('failed for 1 of 2 members');
  });

  it('coalesce without a key is refused', () => {
    expect(() => new ChannelGroup('room', { slowMember: 'coalesce' })).toThrow('coalesceKey');
  });
});

describe('broadcasts in slices', () => {
  /** A clock on which every look costs three milliseconds. */
  class SlowClock extends VirtualClock {
    override now(): number {
      this.advanceQuietly(3);
      return super.now();
    }
  }

  it('leave the loop between slices and keep the order for every member', () => {
    const clock = new SlowClock();
    const members = Array.from({ length: 200 }, () => EmbeddedChannel.with({ clock }));
    const group = new ChannelGroup('many');
    for (const member of members) group.add(member);
    const first = group.writeAndFlush('first');
    const second = group.writeAndFlush('second');
    expect(first.isSettled).toBe(false);
    expect(members[199]!.readOutbound()).toBe(undefined);
    clock.advance(1000);
    expect(first.isSuccess).toBe(true);
    expect(second.isSuccess).toBe(true);
    for (const member of members) expect(outbound(member)).toEqual(['first', 'second']);
  });

  it('a broadcast made by a member during a broadcast comes behind it', () => {
    const clock = new VirtualClock();
    const group = new ChannelGroup('room');
    let hasAnswered = false;
    const a = EmbeddedChannel.with(
      { clock },
      {
        write(ctx, message) {
          if (!hasAnswered) {
            hasAnswered = true;
            void group.writeAndFlush('answer');
          }
          return ctx.write(message);
        },
      },
    );
    const b = EmbeddedChannel.with({ clock });
    group.add(a);
    group.add(b);
    void group.writeAndFlush('question');
    expect(outbound(a)).toEqual(['question', 'answer']);
    expect(outbound(b)).toEqual(['question', 'answer']);
  });
});
