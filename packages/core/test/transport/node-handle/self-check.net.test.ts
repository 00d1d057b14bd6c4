// The self-check finds a Node whose internals mean something else than they did, before the first client.
import { describe, expect, it } from 'vitest';
import { internalsOf, type Platform } from '../../../src/transport/node-handle/handle-obstacle.ts';
import { checkHandles } from '../../../src/transport/node-handle/self-check.ts';
import { StreamBinding } from '../../../src/transport/node-handle/stream-binding.ts';
import type {
  NodeInternals,
  StreamInternals,
} from '../../../src/transport/node-handle/stream-handle.ts';

const internals = internalsOf(process as unknown as Platform) as NodeInternals;

/** What the check finds where the stream internals are these. */
function found(changes: Partial<StreamInternals>): Promise<string | undefined> {
  return checkHandles(internals, new StreamBinding({ ...internals.stream, ...changes }));
}

function handles(): number {
  return process.getActiveResourcesInfo().filter((kind) => /TCP/.test(kind)).length;
}

const { kBytesWritten, kLastWriteWasAsync, kReadBytesOrError } = internals.stream;

describe('the self-check', () => {
  it('finds nothing wrong with this Node, and leaves nothing open', async () => {
    const before = handles();
    expect(await found({})).toBeUndefined();
    for (let turn = 0; turn < 20 && handles() > before; turn++) {
      await new Promise((done) => setImmediate(done));
    }
    expect(handles()).toBe(before);
  });

  const cases: readonly [what: string, changes: Partial<StreamInternals>, why: RegExp][] = [
    ['the count of a read', { kReadBytesOrError: kLastWriteWasAsync }, /counted|too long/],
    ['the count of a write', { kBytesWritten: kLastWriteWasAsync }, /counted otherwise/],
    [
      'whether a write is over',
      { kLastWriteWasAsync: kBytesWritten },
      /not under way|too long|saw/,
    ],
    [
      'all of them',
      { kReadBytesOrError: kBytesWritten, kBytesWritten: kReadBytesOrError },
      /counted/,
    ],
  ];
  for (const [what, changes, why] of cases) {
    it(`sees that ${what} stands elsewhere`, async () => {
      const binding = new StreamBinding({ ...internals.stream, ...changes });
      expect(await checkHandles(internals, binding, 500)).toMatch(why);
    });
  }

  it('refuses where there is no loopback', async () => {
    class Deaf extends (internals.tcp.TCP as unknown as new (kind: number) => object) {
      bind(): number {
        return -99;
      }
    }
    const tcp = { ...internals.tcp, TCP: Deaf as never, constants: internals.tcp.constants };
    const binding = new StreamBinding(internals.stream);
    expect(await checkHandles({ ...internals, tcp }, binding)).toMatch(/cannot listen on 127/);
  });
});
