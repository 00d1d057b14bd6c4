import { Readable } from 'node:stream';
import { ChannelGroup, type GroupFuture, type SlowMemberOptions } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it, vi } from 'vitest';

/** Broadcasts that a group lets wait. */
const MAX_WAITING = 16_384;

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

describe('the slow-member policy', () => {
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

  it('drop-oldest: a member that leaves and joins again and again has one listener', () => {
    const { slow, group, release } = groupWith({ slowMember: 'drop-oldest' });
    const listens = vi.spyOn(slow, 'onceWritable');
    for (let i = 0; i < 20; i++) {
      void group.writeAndFlush(String(i));
      group.remove(slow);
      group.add(slow);
    }
    void group.writeAndFlush('last');
    expect(listens.mock.calls.length).toBe(1);
    release();
    expect(outbound(slow).slice(1)).toEqual(['last']);
  });

  it('drop-oldest: a message does not overtake those that wait, though the member is writable', () => {
    const { slow, group, release } = groupWith({ slowMember: 'drop-oldest' });
    slow.onceWritable(() => void group.writeAndFlush('late'));
    void group.writeAndFlush('early');
    release();
    expect(outbound(slow).slice(1)).toEqual(['early', 'late']);
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

describe('a member that nobody has flushed', () => {
  it('is not taken for a slow one', () => {
    const member = EmbeddedChannel.with({ writeBufferHighBytes: 200, writeBufferLowBytes: 100 });
    const group = new ChannelGroup('room', { slowMember: 'drop-newest' });
    group.add(member);
    for (let i = 0; i < 10; i++) group.write(String(i));
    group.flush();
    expect(outbound(member)).toEqual(Array.from({ length: 10 }, (_, i) => String(i)));
    expect(group.slowMembers.droppedNewest).toBe(0);
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

  it('a broadcast made by a member during a broadcast comes after it', () => {
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

  /** Members that count how often they are flushed. */
  function flushCounters(count: number, clock: VirtualClock) {
    const flushes: number[] = Array.from({ length: count }, () => 0);
    const members = flushes.map((_, i) =>
      EmbeddedChannel.with(
        { clock },
        {
          flush(ctx) {
            flushes[i]! += 1;
            ctx.flush();
          },
        },
      ),
    );
    const group = new ChannelGroup('many');
    for (const member of members) group.add(member);
    return { flushes, members, group };
  }

  it('while broadcasts wait, a member is flushed once for several of them', () => {
    const clock = new SlowClock();
    const { flushes, members, group } = flushCounters(200, clock);
    const futures = Array.from({ length: 50 }, (_, i) => group.writeAndFlush(String(i)));
    clock.advance(10_000);
    for (const future of futures) expect(future.isSuccess).toBe(true);
    for (const member of members) {
      expect(outbound(member)).toEqual(Array.from({ length: 50 }, (_, i) => String(i)));
    }
    expect(Math.max(...flushes)).toBeLessThan(50);
    expect(Math.min(...flushes)).toBeGreaterThan(0);
  });

  it('members that only an earlier broadcast was for are flushed, too', () => {
    const clock = new SlowClock();
    const { members, group } = flushCounters(200, clock);
    group.writeAndFlush('to all');
    group.writeAndFlush('to all');
    const last = group.writeAndFlush('to one', (channel) => channel === members[7]);
    clock.advance(10_000);
    expect(last.isSuccess).toBe(true);
    expect(outbound(members[7]!)).toEqual(['to all', 'to all', 'to one']);
    expect(outbound(members[8]!)).toEqual(['to all', 'to all']);
  });

  it('a flush of the group comes after the writes that still wait', () => {
    const clock = new SlowClock();
    const { members, group } = flushCounters(200, clock);
    group.write('one');
    group.write('two');
    group.flush();
    clock.advance(10_000);
    for (const member of members) expect(outbound(member)).toEqual(['one', 'two']);
  });

  /** Ten members; the first write to one of them fills the group's queue of broadcasts, and then calls `end`. */
  function crowdedGroup(end: (group: ChannelGroup<string>) => void) {
    const clock = new VirtualClock();
    const group = new ChannelGroup<string>('crowd');
    let isFilled = false;
    const members = Array.from({ length: 10 }, () =>
      EmbeddedChannel.with(
        { clock, maxOutboundBytes: 10_000_000 },
        {
          write(ctx, message) {
            if (!isFilled) {
              isFilled = true;
              for (let i = 1; i < MAX_WAITING; i++) group.write('x');
              end(group);
            }
            return ctx.write(message);
          },
        },
      ),
    );
    for (const member of members) group.add(member);
    group.write('x');
    clock.advance(10_000);
    return { group, members };
  }

  it('a flush cannot be refused, however many writes wait before it', () => {
    const { group, members } = crowdedGroup((crowd) => crowd.flush());
    for (const member of members) expect(member.finish().outbound).toHaveLength(MAX_WAITING);
    expect(group.backlog).toBe(0);
  });

  it('the flush of a write that is refused still comes', async () => {
    let refused: GroupFuture | undefined;
    const stream = new Readable({ read() {} });
    const { members } = crowdedGroup((crowd) => {
      refused = crowd.writeAndFlush(stream as never);
    });
    await expect(refused).rejects.toThrow('broadcasts wait already');
    expect(stream.destroyed).toBe(true);
    for (const member of members) expect(member.finish().outbound).toHaveLength(MAX_WAITING);
  });

  it('a flush that came early for a member comes again for the writes before it that still wait', () => {
    const clock = new SlowClock();
    const { flushes, members, group } = flushCounters(200, clock);
    for (let i = 0; i < 40; i++) group.write(`message ${i}`);
    group.flush((channel) => channel !== members[7]);
    clock.advance(10_000);
    expect(outbound(members[7]!)).toEqual([]);
    expect(outbound(members[8]!)).toHaveLength(40);
    expect(flushes[8]).toBeGreaterThan(1);
    expect(flushes[8]).toBeLessThan(40);
  });

  it('the backlog is known, and its end is reported', () => {
    const clock = new SlowClock();
    const { group } = flushCounters(200, clock);
    expect(group.backlog).toBe(0);
    let drained = 0;
    group.onceDrained(() => {
      drained += 1;
    });
    expect(drained).toBe(1);
    group.writeAndFlush('one');
    group.writeAndFlush('two');
    expect(group.backlog).toBe(2);
    group.onceDrained(() => {
      drained += 1;
    });
    expect(drained).toBe(1);
    clock.advance(10_000);
    expect(drained).toBe(2);
    expect(group.backlog).toBe(0);
  });

  it('its end does not wait for broadcasts that come later, one after the other', () => {
    const clock = new SlowClock();
    const { group } = flushCounters(200, clock);
    let count = 0;
    let countAtEnd = -1;
    const again = (): void => {
      count += 1;
      if (count < 50) group.writeAndFlush('later').onceBegun(again);
    };
    group.writeAndFlush('one').onceBegun(again);
    group.onceDrained(() => {
      countAtEnd = count;
    });
    clock.advance(10_000);
    expect([count, countAtEnd]).toEqual([50, 1]);
  });

  it('a listener of its end that throws does not keep the others from hearing', () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const clock = new SlowClock();
    const { group } = flushCounters(200, clock);
    const reported: string[] = [];
    group.writeAndFlush('one');
    group.onceDrained(() => {
      throw new Error('no');
    });
    group.onceDrained(() => reported.push('drained'));
    clock.advance(10_000);
    expect(reported).toEqual(['drained']);
    expect(warn).toHaveBeenCalledOnce();
    warn.mockRestore();
  });

  it('too many of them fail, and say so', async () => {
    const clock = new SlowClock();
    const { group } = flushCounters(200, clock);
    for (let i = 0; i < 16_384; i++) group.writeAndFlush('one of many');
    const oneTooMany = group.writeAndFlush('one too many');
    await expect(Promise.resolve(oneTooMany)).rejects.toThrow('16384 broadcasts wait already');
  });

  it("reports a waiting write that fails to the member's hook, and no message that the policy drops", () => {
    const failures: string[] = [];
    const hooks = { writeFailed: (_: unknown, error: Error) => void failures.push(error.message) };
    let canEncode = true;
    const slow = EmbeddedChannel.with(
      { hooks, writeBufferHighBytes: 100, writeBufferLowBytes: 0 },
      {
        write: (ctx, message) => {
          if (!canEncode) throw new Error('cannot encode');
          return ctx.write(message);
        },
      },
    );
    const group = new ChannelGroup('room', { slowMember: 'drop-oldest', maxMemberMessages: 1 });
    group.add(slow);
    slow.embedded.isStuck = true;
    slow.writeAndFlush('x'.repeat(200));
    void group.writeAndFlush('dropped');
    void group.writeAndFlush('waits');
    expect(slow.pendingOutboundBytes).toBeLessThan(300);
    canEncode = false;
    slow.run(() => slow.embedded.release());
    expect(failures).toEqual(['cannot encode']);
    expect(group.slowMembers.droppedOldest).toBe(1);
  });
});
