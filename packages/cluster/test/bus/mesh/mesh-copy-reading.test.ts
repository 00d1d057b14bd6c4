import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { CopyReading, type CopySource } from '../../../src/bus/mesh/mesh-copy-reading.ts';
import { copyOf } from '../../../src/bus/mesh/mesh-keeper.ts';
import type { MeshPeer } from '../../../src/bus/mesh/mesh-peer.ts';
import { MemoryState } from '../../../src/log/memory-state.ts';

const LIMITS = { keys: 1e6, bytes: 1e9, removals: 2, removalAgeMs: 1e9 };

let ids = 0;

function change(state: MemoryState, key: string, value?: string): void {
  ids += 1;
  const bytes = Buffer.from(value ?? '');
  const isRemoval = value === undefined;
  const byteLength = key.length + bytes.byteLength;
  const write = { key, bytes, isRemoval, expected: undefined, byteLength };
  state.append(`id${ids}`, write, LIMITS, 0);
}

/** A state of the epoch `e` with ten keys. */
function tenKeys(): MemoryState {
  const state = new MemoryState('e');
  for (let i = 0; i < 10; i++) change(state, `k${i}`, `${i}`);
  return state;
}

/** Another node with a state, which answers each question when `answer` is called. */
class Other implements CopySource {
  /** The number of entries that were sent. */
  sent = 0;
  private readonly state: MemoryState;
  private readonly answers: (() => void)[] = [];

  constructor(state: MemoryState) {
    this.state = state;
  }

  now(): number {
    return 0;
  }

  askForCopy(...[, , asked, outcome]: Parameters<CopySource['askForCopy']>): void {
    this.answers.push(() => {
      const page = copyOf(this.state, asked.epoch, asked.offset, asked.readFrom, 0);
      this.sent += page.entries.length;
      outcome.done(page);
    });
  }

  answer(): void {
    for (let next = this.answers.shift(); next !== undefined; next = this.answers.shift()) next();
  }

  /** Begins to read the state, and returns the outcome, which is there after `answer`. */
  read(known: MemoryState | undefined): { state?: MemoryState; error?: Error } {
    const outcome: { state?: MemoryState; error?: Error } = {};
    new CopyReading(this, {} as MeshPeer, 'stream', known, {
      done: (state) => {
        outcome.state = state;
      },
      failed: (error) => {
        outcome.error = error;
      },
    });
    return outcome;
  }
}

function copied(state: MemoryState): MemoryState {
  const other = new Other(state);
  const outcome = other.read(undefined);
  other.answer();
  return outcome.state!;
}

const contentOf = (state: MemoryState) => [state.changes, state.read(0, 1e6, LIMITS, 0)];

describe('a reading of a copy', () => {
  it('continues a copy of the epoch before with what it lacks', () => {
    const state = tenKeys();
    const copy = copied(state);
    change(state, 'k1', 'late');
    state.begin('f', 1000);
    change(state, 'k2', 'later');
    const other = new Other(state);
    const outcome = other.read(copy);
    other.answer();
    expect(contentOf(outcome.state!)).toEqual(contentOf(state));
    expect(other.sent).toBe(2);
  });

  it('begins again for a copy that has a change of the epoch before that the state has not', () => {
    const state = tenKeys();
    const lost = copied(state);
    change(lost, 'only here', 'x');
    state.begin('f', 1000);
    change(state, 'k2', 'later');
    const other = new Other(state);
    const outcome = other.read(lost);
    other.answer();
    expect(contentOf(outcome.state!)).toEqual(contentOf(state));
    expect(other.sent).toBe(10);
    // The copy is whole until another one is.
    expect(lost.read(0, 1e6, LIMITS, 0).entries.length).toBe(11);
  });

  it('begins again for a copy that has missed a removal that is forgotten', () => {
    const state = tenKeys();
    const copy = copied(state);
    state.begin('f', 1000);
    for (const key of ['k0', 'k1', 'k2', 'k3']) change(state, key);
    const other = new Other(state);
    const outcome = other.read(copy);
    other.answer();
    expect(contentOf(outcome.state!)).toEqual(contentOf(state));
    expect(other.sent).toBe(8);
  });

  it('begins again for a copy that lacks more than one page', () => {
    const state = tenKeys();
    const copy = copied(state);
    state.begin('f', 1000);
    for (let i = 0; i < 20; i++) change(state, `k${i}`, 'x'.repeat(100_000));
    const other = new Other(state);
    const outcome = other.read(copy);
    other.answer();
    expect(contentOf(outcome.state!)).toEqual(contentOf(state));
    expect(copy.epoch).toBe('e');
  });

  it('fails when another reading has continued the same copy meanwhile', () => {
    const state = tenKeys();
    const copy = copied(state);
    const earlier = copied(state);
    change(earlier, 'k1', 'of the epoch before');
    state.begin('f', 1000);
    change(state, 'k2', 'later');
    const [one, two] = [new Other(state), new Other(earlier)];
    const outcomes = [one.read(copy), two.read(copy)];
    one.answer();
    two.answer();
    expect(contentOf(outcomes[0]!.state!)).toEqual(contentOf(state));
    expect(outcomes[1]!.error?.message).toBe('the copy has changed meanwhile');
    expect(contentOf(copy)).toEqual(contentOf(state));
  });
});
