import { LiveState, type LiveStateMessage } from '@headrace/client';
import { VirtualClock } from '@headrace/core/testing';
import { durableGroup, type Freshness, stateGroup } from '@headrace/durable';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { VirtualNodes } from '../../../cluster/test/help/virtual-nodes.ts';
import { type CheckedFeed, FeedChecks } from '../../src/feed/feed-checks.ts';
import { StoreRoom } from '../../src/feed/store-room.ts';
import { words } from '../help/state-words.ts';

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code?: string }) => error.code,
  );

/** What the application hears of a group, in order. */
function heard(group: Freshness): string[] {
  const events: string[] = [];
  for (const event of ['stale', 'fresh'] as const) group.on(event, () => events.push(event));
  return events;
}

/** A store that answers no read, behind a bus that is up. */
function silenceStore(): () => void {
  const spy = vi.spyOn(StoreRoom.prototype, 'read').mockReturnValue(new Promise(() => {}));
  return () => spy.mockRestore();
}

afterEach(() => vi.restoreAllMocks());

describe('a state group whose node loses the store', () => {
  it('tells its members at once, and again when they have what the store has', async () => {
    const nodes = new VirtualNodes();
    const group = stateGroup<number>(await nodes.join(), 'prices');
    const live = new LiveState<number>('prices');
    const events = heard(group);
    const { channel, got } = await nodes.member();
    void group.set('oil', 70);
    void group.join(channel);
    await nodes.pass(50);
    expect([group.isStale, events]).toEqual([false, []]);
    nodes.hub.kill();
    await nodes.pass(50);
    expect([group.isStale, events]).toEqual([true, ['stale']]);
    expect(words(got)).toEqual(['begin', 'oil=70@1', 'ready@1', 'again']);
    for (const message of got) live.take(message as LiveStateMessage<number>);
    expect([live.status, live.get('oil')]).toEqual(['stale', 70]);
    await nodes.pass(20_000);
    expect(got.length).toBe(4);
    nodes.hub.start();
    await nodes.pass(5000);
    expect([group.isStale, events]).toEqual([false, ['stale', 'fresh']]);
    expect(words(got).slice(4)).toEqual(['ready@1']);
    for (const message of got.slice(4)) live.take(message as LiveStateMessage<number>);
    expect(live.status).toBe('ready');
  });

  it('answers get and entries with what the store has, or fails, unless old values will do', async () => {
    const nodes = new VirtualNodes();
    const group = stateGroup<number>(await nodes.join(), 'prices', { listens: 'always' });
    void group.set('oil', 70);
    await nodes.pass(50);
    nodes.hub.kill();
    await nodes.pass(50);
    const allowed = await group.get('oil', { allowStale: true });
    expect(allowed).toEqual({ value: 70, version: 1 });
    expect((await group.entries({ allowStale: true })).size).toBe(1);
    const codes = Promise.all([codeOf(group.get('oil')), codeOf(group.entries())]);
    const update = codeOf(group.update('oil', (price) => price));
    await nodes.pass(5100);
    expect(await codes).toEqual(['HR_ERR_BUS_DOWN', 'HR_ERR_BUS_DOWN']);
    expect(await update).toBe('HR_ERR_BUS_DOWN');
    const waiting = group.get('oil');
    nodes.hub.start();
    await nodes.pass(3000);
    expect((await waiting)?.value).toBe(70);
    await expect(group.get('oil', { allowStale: 1 as never })).rejects.toThrow('allowStale');
  });

  it('lets no member join with what may be old', async () => {
    const nodes = new VirtualNodes();
    const group = stateGroup<number>(await nodes.join(), 'prices', { listens: 'always' });
    void group.set('oil', 70);
    await nodes.pass(50);
    nodes.hub.kill();
    await nodes.pass(50);
    const [late, early] = [await nodes.member(), await nodes.member()];
    const failed = codeOf(group.join(late.channel));
    await nodes.pass(5100);
    expect([await failed, late.got]).toEqual(['HR_ERR_BUS_DOWN', []]);
    const joined = group.join(early.channel);
    nodes.hub.start();
    await nodes.pass(3000);
    await joined;
    expect(words(early.got)).toEqual(['begin', 'oil=70@1', 'ready@1']);
  });

  it('lets a member of a stale group join again with its position', async () => {
    const nodes = new VirtualNodes();
    const group = stateGroup<number>(await nodes.join(), 'prices');
    const { channel, got } = await nodes.member();
    void group.set('oil', 70);
    const joining = group.join(channel);
    await nodes.pass(50);
    const { position } = await joining;
    nodes.hub.kill();
    await nodes.pass(50);
    const again = group.join(channel, position);
    await nodes.pass(50);
    nodes.hub.start();
    await nodes.pass(3000);
    expect(await again).toMatchObject({ recovered: true });
    expect(words(got).slice(3)).toEqual(['again', 'again', 'ready@1']);
  });

  it('says that it is fresh, even if nobody needed the state in between', async () => {
    const nodes = new VirtualNodes();
    const group = stateGroup<number>(await nodes.join(), 'prices');
    const events = heard(group);
    const [one, two] = [await nodes.member(), await nodes.member()];
    void group.join(one.channel);
    await nodes.pass(50);
    nodes.hub.kill();
    await nodes.pass(50);
    group.remove(one.channel);
    nodes.hub.start();
    await nodes.pass(5000);
    expect([group.isStale, events]).toEqual([false, ['stale']]);
    void group.join(two.channel);
    await nodes.pass(1000);
    expect([group.isStale, events]).toEqual([false, ['stale', 'fresh']]);
    expect(words(two.got)).toEqual(['begin', 'ready@0']);
  });

  it('notices a store that answers nothing, behind a bus that is up', async () => {
    const nodes = new VirtualNodes();
    const group = stateGroup<number>(await nodes.join(), 'prices', { listens: 'always' });
    const events = heard(group);
    await nodes.pass(10_000);
    const answer = silenceStore();
    await nodes.pass(9000);
    expect(events).toEqual(['stale']);
    answer();
    void group.set('oil', 70);
    await nodes.pass(100);
    // The read that is under way has no answer: only its store ends it.
    expect(group.isStale).toBe(true);
  });

  it('is fresh again after a read that failed', async () => {
    const nodes = new VirtualNodes();
    const group = stateGroup<number>(await nodes.join(), 'prices', { listens: 'always' });
    const events = heard(group);
    await nodes.pass(100);
    const spy = vi.spyOn(StoreRoom.prototype, 'read').mockRejectedValue(new Error('no leader'));
    await nodes.pass(7000);
    expect(events).toEqual(['stale']);
    spy.mockRestore();
    await nodes.pass(1000);
    expect(events).toEqual(['stale', 'fresh']);
  });
});

it('a durable group says when its node cannot read the log', async () => {
  const nodes = new VirtualNodes();
  const { history, ...group } = durableGroup<string>(await nodes.join(), 'room');
  const events = heard(history);
  const { channel } = await nodes.member();
  void history.join(channel);
  await nodes.pass(50);
  nodes.hub.kill();
  await nodes.pass(50);
  expect([history.isStale, events, group.name]).toEqual([true, ['stale'], 'room']);
  nodes.hub.start();
  await nodes.pass(3000);
  expect([history.isStale, events]).toEqual([false, ['stale', 'fresh']]);
});

it('reports a listener that throws', async () => {
  const nodes = new VirtualNodes();
  const group = stateGroup<number>(await nodes.join(), 'prices', { listens: 'always' });
  group.on('stale', () => {
    throw new Error('not this');
  });
  await nodes.pass(50);
  nodes.hub.kill();
  await nodes.pass(50);
  expect(nodes.lines.join()).toContain('a listener of "stale" of the state group prices failed');
});

describe('the checks of quiet feeds', () => {
  function feeds(count: number) {
    const clock = new VirtualClock();
    const checks = FeedChecks.of({} as never, clock);
    const checked: number[] = [];
    const all = Array.from({ length: count }, (_, at) => {
      const feed = {
        isStale: false,
        activeAt: clock.now(),
        check: () => {
          checked.push(at);
          feed.activeAt = clock.now();
        },
      };
      checks.add(feed);
      return feed;
    });
    return { clock, checks, checked, all: all as (CheckedFeed & { isStale: boolean })[] };
  }

  it('cost a node one read a second, however many feeds it has, and reach all in turn', () => {
    const { clock, checks, checked, all } = feeds(20);
    clock.advance(5000);
    expect(checked.length).toBeLessThanOrEqual(1);
    clock.advance(20_000);
    expect(new Set(checked).size).toBe(20);
    expect(checked.length).toBeLessThanOrEqual(21);
    for (const feed of all) checks.delete(feed);
    checked.length = 0;
    clock.advance(20_000);
    expect(checked).toEqual([]);
  });

  it('ask many at once when one is stale', () => {
    const { clock, checked, all } = feeds(300);
    clock.advance(5000);
    checked.length = 0;
    all[7]!.isStale = true;
    clock.advance(3000);
    // One was checked just before.
    expect(new Set(checked).size).toBe(299);
  });
});
