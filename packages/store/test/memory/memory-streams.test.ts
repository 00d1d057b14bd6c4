import { expect, it } from 'vitest';
import type { StateWrite } from '../../src/contract/state-log.ts';
import { MemoryState } from '../../src/memory/memory-state.ts';
import { MemoryStreams } from '../../src/memory/memory-streams.ts';

const LIMITS = { keys: 10, bytes: 1000, removals: 10, removalAgeMs: 3_600_000 };
const LATER_MS = 600_000;

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
    (offset) => {
      const state = new MemoryState(undefined, offset);
      made.push(state.epoch);
      return state;
    },
    ({ emptyAt }) => emptyAt,
  );
  const set = (name: string, text: string | undefined, id: string, at = 0) =>
    streams.of(name).append(id, change('k', text), LIMITS, at);
  return { streams, made, set };
}

it('forgets empty states that nobody uses, a while after they were released', () => {
  const { streams, made, set } = states();
  for (const name of ['empty', 'kept', 'followed']) {
    set(name, '1', 'i');
    if (name !== 'kept') set(name, undefined, 'j');
  }
  const follower = streams.of('followed').follow(() => {});
  for (const name of ['empty', 'kept', 'followed']) streams.release(name, 0);
  const { epoch } = streams.of('empty');
  streams.release('other', 1000);
  expect(streams.of('empty').epoch).toBe(epoch);
  streams.release('other', LATER_MS);
  streams.release('other', LATER_MS);
  expect(made.length).toBe(3);
  expect(streams.of('kept').emptyAt).toBe(undefined);
  follower();
  expect(streams.of('followed').emptyAt).toBe(2);
  const again = streams.of('empty');
  expect([again.epoch !== epoch, made.length]).toEqual([true, 4]);
});

it('gives a key of a state that begins again a higher version than before', () => {
  const { streams, set } = states();
  set('room', '1', 'i');
  const before = set('room', undefined, 'j');
  streams.release('room', 0);
  streams.release('other', LATER_MS);
  const after = set('room', '1', 'i', LATER_MS);
  const offsets = [before, after].map((answer) => 'position' in answer && answer.position.offset);
  expect(offsets).toEqual([2, 3]);
  const page = streams.of('room').read(0, 10, LIMITS, LATER_MS);
  expect([page.entries[0]!.previous, page.last, page.floor]).toEqual([2, 3, 2]);
});
