import type { StateEntry, StateLimits, StatePage } from '@headrace/store';
import { describe, expect, it } from 'vitest';
import { MemoryState } from '../../../cluster/test/simulation/broker-state.ts';
import type { OrderAction } from '../../src/feed/feed-order.ts';
import { StateOrder } from '../../src/state/state-order.ts';

/** A store with the calls that a feed makes. */
class Store {
  memory = new MemoryState('one');
  readonly live: StateEntry[] = [];
  private readonly limits: StateLimits;
  private count = 0;

  constructor(removals = 100) {
    this.limits = { keys: 100, bytes: 1e6, removals, removalAgeMs: 1e6 };
    this.follow();
  }

  follow(): void {
    this.memory.follow((entry) => this.live.push(entry));
  }

  set(...keys: readonly string[]): void {
    for (const key of keys) this.change(key, false);
  }

  delete(key: string): void {
    this.change(key, true);
  }

  page(after: number, limit = 256): StatePage {
    return this.memory.read(after, limit, this.limits, 0);
  }

  private change(key: string, isRemoval: boolean): void {
    this.count += 1;
    const bytes = Buffer.from('x');
    const write = { key, bytes, isRemoval, expected: undefined, byteLength: 1 + key.length };
    this.memory.append(`id${this.count}`, write, this.limits, 0);
  }
}

/** Short words for actions: `a3` delivers, `-a3` delivers a removal, `read>2` reads, `=3` has all up to 3. */
function words(actions: readonly OrderAction<StateEntry>[]): string[] {
  return actions.map((action) => {
    if (action.do === 'deliver') {
      const { key, isRemoval, position } = action.entry;
      return `${isRemoval ? '-' : ''}${key}${position.offset}`;
    }
    if (action.do === 'read') return `read>${action.after}`;
    if (action.do === 'restart') return `restart ${action.at.epoch}`;
    if (action.do === 'reached') return `=${action.at.offset}`;
    throw new Error(action.do);
  });
}

function begun(store: Store): StateOrder {
  const order = new StateOrder();
  order.look();
  order.page(store.page(0));
  return order;
}

describe('StateOrder', () => {
  it('reads the state from its beginning, page by page, and then delivers each change', () => {
    const store = new Store();
    store.set('a', 'b', 'c', 'a');
    const order = new StateOrder();
    expect(words(order.look())).toEqual(['read>0']);
    expect(words(order.page(store.page(0, 2)))).toEqual(['restart one', 'b2', 'c3', 'read>3']);
    store.set('b');
    expect(words(order.page(store.page(3, 2)))).toEqual(['a4', 'b5', '=5']);
    expect(words(order.live(store.live[4]!))).toEqual([]);
    store.delete('a');
    expect(words(order.live(store.live[5]!))).toEqual(['-a6']);
    expect(words(order.live(store.live[5]!))).toEqual([]);
  });

  it('reads what a lost live change has left out, without what was replaced', () => {
    const store = new Store();
    store.set('a');
    const order = begun(store);
    store.set('b', 'c', 'b', 'd');
    expect(words(order.live(store.live[4]!))).toEqual(['read>1']);
    expect(words(order.page(store.page(1)))).toEqual(['c3', 'b4', 'd5', '=5']);
  });

  it('keeps changes that arrive during a read, and delivers each once', () => {
    const store = new Store();
    const order = new StateOrder();
    order.look();
    store.set('a', 'b');
    const page = store.page(0);
    store.set('c', 'a');
    for (const entry of store.live) expect(order.live(entry)).toEqual([]);
    expect(words(order.page(page))).toEqual(['restart one', 'a1', 'b2', '=2', 'c3', 'a4']);
  });

  it('reads again when a change arrived during a read that was too early for it', () => {
    const store = new Store();
    store.set('a');
    const order = new StateOrder();
    order.look();
    const page = store.page(0);
    store.set('b', 'c');
    order.live(store.live[2]!);
    expect(words(order.page(page))).toEqual(['restart one', 'a1', '=1', 'read>1']);
    expect(words(order.page(store.page(1)))).toEqual(['b2', 'c3', '=3']);
  });

  it('begins again when removals are forgotten that were not delivered', () => {
    const store = new Store(1);
    store.set('a', 'b', 'c');
    const order = begun(store);
    store.delete('a');
    store.delete('b');
    expect(words(order.live(store.live[4]!))).toEqual(['read>3']);
    expect(words(order.page(store.page(3)))).toEqual(['restart one', 'read>0']);
    expect(words(order.page(store.page(0)))).toEqual(['c3', '-b5', '=5']);
  });

  it('does not begin again for removals that were forgotten before it began', () => {
    const store = new Store(0);
    store.set('a', 'b', 'c', 'd');
    store.delete('b');
    const order = new StateOrder();
    order.look();
    expect(words(order.page(store.page(0, 1)))).toEqual(['restart one', 'a1', 'read>1']);
    expect(words(order.page(store.page(1)))).toEqual(['c3', 'd4', '=5']);
    store.set('e');
    expect(words(order.live(store.live[5]!))).toEqual(['e6']);
  });

  it('begins again when a removal is forgotten while it reads', () => {
    const store = new Store(0);
    store.set('a', 'b', 'c');
    const order = new StateOrder();
    order.look();
    order.page(store.page(0, 1));
    store.delete('a');
    expect(words(order.page(store.page(1)))).toEqual(['restart one', 'read>0']);
    expect(words(order.page(store.page(0)))).toEqual(['b2', 'c3', '=4']);
  });

  it('begins again with another state, and with one that has lost its newest changes', () => {
    const store = new Store();
    store.set('a', 'b', 'c');
    const order = begun(store);
    store.memory = new MemoryState('one');
    store.follow();
    store.set('a');
    order.look();
    expect(words(order.page(store.page(3)))).toEqual(['restart one', 'read>0']);
    expect(words(order.page(store.page(0)))).toEqual(['a1', '=1']);
    store.memory = new MemoryState('two');
    store.follow();
    store.set('b');
    expect(words(order.live(store.live.at(-1)!))).toEqual(['read>1']);
    expect(words(order.page(store.page(1)))).toEqual(['restart two', 'read>0']);
    expect(words(order.page(store.page(0)))).toEqual(['b1', '=1']);
  });

  it('takes the first change of a state that was empty, and its whole page, without a read from its beginning', () => {
    const [store, next] = [new Store(), new Store()];
    next.memory = new MemoryState('two');
    next.follow();
    next.set('a', 'b');
    const [first, second] = next.live;
    const order = begun(store);
    expect(words(order.live({ ...first!, isFirst: true }))).toEqual(['restart two', 'a1', '=1']);
    expect(words(order.live(second!))).toEqual(['b2']);
    const late = begun(store);
    late.look();
    // A read decides what a copy was that arrived during it.
    expect(words(late.live({ ...first!, isFirst: true }))).toEqual([]);
    const page = { ...next.page(0), begunAfter: 0 };
    expect(words(late.page(page))).toEqual(['restart two', 'a1', 'b2', '=2']);
    store.set('a');
    const behind = begun(store);
    behind.look();
    expect(words(behind.page({ ...next.page(1), begunAfter: 0 }))).toEqual([
      'restart two',
      'read>0',
    ]);
    // A copy that is not newer than what was read.
    const ahead = begun(store);
    expect(words(ahead.live({ ...first!, isFirst: true }))).toEqual(['read>1']);
  });

  it('reads again after a failed read, and keeps no more than 256 changes meanwhile', () => {
    const store = new Store();
    const order = new StateOrder();
    order.look();
    const page = store.page(0);
    store.set(...Array.from({ length: 300 }, () => 'a'));
    for (const entry of store.live) order.live(entry);
    order.failed();
    expect(words(order.look())).toEqual(['read>0']);
    for (const entry of store.live.slice(256)) order.live(entry);
    const actions = words(order.page(page));
    expect(actions.slice(0, 2)).toEqual(['restart one', '=0']);
    expect(actions.at(-1)).toBe('read>256');
  });
});
