// What strangers can make the server hold, in memory and in open connections.
import { describe, expect, it } from 'vitest';
import { figure } from '../../../../packages/core/test/fixture/figure.ts';
import { type StrangerKind, StrangersProcess } from './strangers-process.ts';
import { WatchedChat } from './watched-chat.ts';

const KIB = 1024;
/** The HTTP and authentication deadline, in seconds. */
const DEADLINE_S = 1;
const SETTLE_MS = 500;
const WATCHED_MS = 3000;
/** For what hangs only. */
const LIMIT_MS = 60_000;
/** With these the heap of what is the same is the same. */
const HEAP_OPTIONS = ['--no-flush-bytecode', '--single-threaded'];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The most KiB that the server ever holds, for each of so many strangers. */
async function heldFor(count: number, kind: StrangerKind): Promise<number> {
  using chat = await WatchedChat.start({}, HEAP_OPTIONS);
  // What is loaded and compiled once is not theirs.
  {
    using _first = await StrangersProcess.start(chat.port, 2, kind);
    await pause(SETTLE_MS);
  }
  const before = await chat.memory();
  const strangers = StrangersProcess.start(chat.port, count, kind);
  let most = 0;
  for (const endsAt = performance.now() + WATCHED_MS; performance.now() < endsAt; ) {
    await pause(20);
    most = Math.max(most, ((await chat.memory()).heldBytes - before.heldBytes) / count);
  }
  (await strangers)[Symbol.dispose]();
  return most / KIB;
}

describe('a stranger', () => {
  it('that reads no answers to 64 KiB of requests costs half an output limit at most', async () => {
    // One request at a time is served; the others wait as the bytes they came in.
    await figure('held for unread answers: KiB', { below: 512 }, () => heldFor(10, 'unread'));
  });

  it('whose WebSocket message comes in parts of one byte costs little', async () => {
    await figure('held for fragments: KiB', { below: 200 }, () => heldFor(60, 'fragments'));
  });

  it.each<[string, StrangerKind]>([
    ['after a request with a body', 'body'],
    ['in the middle of a second request', 'half'],
  ])('who is silent %s is gone after the deadline', async (_when, kind) => {
    using chat = await WatchedChat.start({ authSeconds: DEADLINE_S });
    using strangers = await StrangersProcess.start(chat.port, 20, kind);
    await expect.poll(() => strangers.open(), { timeout: LIMIT_MS }).toBe(0);
  });
});
