import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type StallOwner, StallWatch } from '../../src/channel/stall-watch.ts';
import { VirtualClock } from '../../src/testing/index.ts';

/** What the system answers, one after another. */
let answers: (number | undefined)[] = [];
let clock: VirtualClock;
let owner: { -readonly [K in keyof StallOwner]: StallOwner[K] };
let stalledAt: number[];

vi.mock('../../src/channel/unacknowledged-bytes.ts', () => ({
  unacknowledgedBytes: (_local: unknown, _remote: unknown, answer: (bytes?: number) => void) =>
    answer(answers.shift()),
}));

beforeEach(() => {
  clock = new VirtualClock();
  stalledAt = [];
  owner = {
    clock,
    transport: { localAddress: undefined, remoteAddress: undefined },
    isWaiting: true,
    progress: 1,
    stalled: () => void stalledAt.push(clock.now()),
  };
  answers = [];
});

describe('a stall', () => {
  it('is the whole time without progress where the system does not say more', () => {
    new StallWatch(owner, 1000).begin();
    clock.advance(999);
    expect(stalledAt).toEqual([]);
    clock.advance(1);
    expect(stalledAt).toEqual([1000]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('is the whole time in which the peer has acknowledged nothing', () => {
    answers = [5000, 5000];
    new StallWatch(owner, 1000).begin();
    clock.advance(1250);
    expect(stalledAt).toEqual([1250]);
  });

  it('is none while the peer acknowledges something, although nothing was taken of us', () => {
    answers = [5000, 4000, 4000, 3999, 3999, 3999];
    new StallWatch(owner, 1000).begin();
    clock.advance(2 * 1250);
    expect(stalledAt).toEqual([]);
    clock.advance(1250);
    expect(stalledAt).toEqual([3 * 1250]);
  });

  it.each([100, 600, 1100])('begins again after progress at %i ms', (at) => {
    answers = [undefined, undefined];
    new StallWatch(owner, 1000).begin();
    if (at > 1000) answers = [5000, 5000, 5000, 5000];
    clock.advance(at);
    owner.progress += 1;
    clock.advance(1250 - at);
    expect(stalledAt).toEqual([]);
    clock.advance(2000);
    expect(stalledAt).toHaveLength(1);
  });

  it('is none when nothing waits any more, or the watch has ended', () => {
    const watch = new StallWatch(owner, 1000);
    watch.begin();
    owner.isWaiting = false;
    clock.advance(2000);
    owner.isWaiting = true;
    watch.begin();
    watch.end();
    clock.advance(2000);
    watch.begin();
    clock.advance(2000);
    expect([stalledAt, clock.pendingTimers]).toEqual([[], 0]);
  });
});

describe('a stall over a transport that knows what is not acknowledged', () => {
  it('asks the transport in place of the system', () => {
    const known = { localAddress: undefined, remoteAddress: undefined, unacknowledgedBytes: 900 };
    owner.transport = known;
    new StallWatch(owner, 1000).begin();
    clock.advance(500);
    known.unacknowledgedBytes = 800;
    clock.advance(1000);
    expect(stalledAt).toEqual([]);
    clock.advance(2000);
    expect(stalledAt.length).toBe(1);
  });
});
