import { expect, it } from 'vitest';
import type { StateWrite } from '../../src/contract/state-log.ts';
import { MemoryState } from '../../src/memory/memory-state.ts';
import { MemoryStreams } from '../../src/memory/memory-streams.ts';

const LIMITS = { keys: 10, bytes: 1000, removals: 10, removalAgeMs: 3_600_000 };

const change = (key: string, text: string | undefined): StateWrite => {
  const bytes = Buffer.from(text ?? '');
  return {
    key,
    bytes,
    isRemoval: text === undefined,
    byteLength: bytes.byteLength,
    expected: undefined,
  };
};

function states() {
  const made: string[] = [];
  const streams = new MemoryStreams(
    (start) => {
      const state = new MemoryState(undefined, start);
      made.push(state.epoch);
      return state;
    },
    ({ emptyAt }) => emptyAt,
  );
  const set = (name: string, text: string | undefined, id: string, at = 0) =>
    streams.of(name).append(id, change('k', text), LIMITS, at);
  return { streams, made, set };
}

it('forgets empty states that nobody uses when they are released', () => {
  const { streams, made, set } = states();
  for (const name of ['empty', 'kept', 'followed']) {
    set(name, '1', 'i');
    if (name !== 'kept') set(name, undefined, 'j');
  }
  const unfollow = streams.of('followed').follow(() => {});
  const [empty, ...others] = ['empty', 'kept', 'followed'].map((name) => streams.of(name).epoch);
  for (const name of ['empty', 'kept', 'followed']) streams.release(name);
  expect(streams.of('empty').epoch).not.toBe(empty);
  expect([streams.of('kept').epoch, streams.of('followed').epoch]).toEqual(others);
  expect(made.length).toBe(4);
  unfollow();
  streams.release('followed');
  expect(streams.of('followed').epoch).not.toBe(others[1]);
});

it('gives a key of a state that begins again a higher version than before', () => {
  const { streams, set } = states();
  set('room', '1', 'i');
  const before = set('room', undefined, 'j');
  streams.release('room');
  const after = set('room', '1', 'k');
  const offsets = [before, after].map((answer) => 'position' in answer && answer.position.offset);
  expect(offsets).toEqual([2, 3]);
  const page = streams.of('room').read(0, 10, LIMITS, 0);
  expect([page.entries[0]!.previous, page.last, page.floor]).toEqual([2, 3, 2]);
});

it('knows a change that is repeated after its state was forgotten', () => {
  const { streams, set } = states();
  const stored = set('room', '1', 'i');
  set('room', undefined, 'j');
  streams.release('room');
  expect(set('room', '1', 'i')).toEqual(stored);
  expect(streams.of('room').emptyAt).toBe(2);
  expect('position' in set('other', '1', 'i')).toBe(true);
  expect(streams.of('other').emptyAt).toBe(undefined);
});
