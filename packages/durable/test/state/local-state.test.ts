import { VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { LocalState } from '../../src/state/local-state.ts';

const at = (epoch: string, offset: number) => ({ epoch, offset });

/** A state of 5 changes, and the reads of its store that are awaited. */
function stateOf(epoch: string) {
  const clock = new VirtualClock();
  const reads: (() => void)[] = [];
  const state = new LocalState<number>({
    clock,
    maxRemovals: 10,
    hasAgreed: () => true,
    isStale: () => false,
    notRead: () => new Error('late'),
    left: () => undefined,
    full: () => new Error('full'),
    caughtUp: () => new Promise<void>((resolve) => void reads.push(resolve)),
    waits: () => {},
  });
  const begin = (of: string, offset: number): void => {
    state.restart(of);
    state.reached(offset, 0);
    state.answer();
  };
  const readEnds = async (): Promise<void> => {
    for (const resolve of reads.splice(0)) resolve();
    await Promise.resolve();
  };
  const isCurrent = () => state.current !== undefined;
  begin(epoch, 5);
  return { clock, state, begin, readEnds, isCurrent };
}

it('is current with the newest change of this node, even if the answers of the store come in another order', async () => {
  const { state, isCurrent } = stateOf('a');
  expect(isCurrent()).toBe(true);
  state.stored(at('a', 7));
  state.stored(at('a', 6));
  const loaded = state.loaded();
  state.reached(6, 0);
  state.answer();
  expect(isCurrent()).toBe(false);
  state.reached(7, 0);
  state.answer();
  expect((await loaded).offset).toBe(7);
});

it('is not current while the store has another state with a change of this node', async () => {
  const { state, begin, readEnds, isCurrent } = stateOf('a');
  state.stored(at('a', 5));
  state.stored(at('b', 2));
  const loaded = state.loaded();
  expect(isCurrent()).toBe(false);
  begin('b', 1);
  await readEnds();
  expect(isCurrent()).toBe(false);
  state.reached(2, 0);
  state.answer();
  expect((await loaded).epoch).toBe('b');
});

it('is current without a change of a state that is gone', async () => {
  const { state, begin, isCurrent } = stateOf('a');
  state.stored(at('a', 9));
  expect(isCurrent()).toBe(false);
  begin('b', 1);
  expect(isCurrent()).toBe(true);
  begin('b', 3);
  state.stored(at('b', 4));
  begin('b', 3);
  expect(isCurrent()).toBe(false);
});

it('is current after a late answer about a state that is gone', async () => {
  const { state, readEnds, isCurrent } = stateOf('b');
  state.stored(at('a', 9));
  const loaded = state.loaded();
  expect(isCurrent()).toBe(false);
  await readEnds();
  expect(isCurrent()).toBe(true);
  expect((await loaded).epoch).toBe('b');
});

it('fails a call that waits for longer than the store may take', async () => {
  const { clock, state } = stateOf('a');
  state.stored(at('a', 6));
  const loaded = expect(state.loaded()).rejects.toThrow('late');
  clock.advance(5000);
  await loaded;
  expect(state.isAwaited).toBe(false);
});

it('refuses a call while 16,384 calls wait, which can be one for each message of a peer', async () => {
  const { state, begin } = stateOf('a');
  state.stored(at('b', 1));
  const calls = Array.from({ length: 16_384 }, () => state.loaded());
  await expect(state.loaded()).rejects.toThrow('full');
  begin('b', 1);
  await Promise.all(calls);
  await state.loaded();
});
