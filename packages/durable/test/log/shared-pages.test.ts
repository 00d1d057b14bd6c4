import { Buffer } from 'node:buffer';
import { VirtualClock } from '@headrace/core/testing';
import type { LogEntry, LogPage } from '@headrace/store';
import { describe, expect, it } from 'vitest';
import { SharedPages } from '../../src/log/shared-pages.ts';

/** A log with entries 1 to 600 whose reads are answered by hand. */
function bench(): {
  pages: SharedPages;
  clock: VirtualClock;
  asked: number[];
  answer: (error?: Error) => Promise<void>;
} {
  const clock = new VirtualClock();
  const asked: number[] = [];
  let settle: ((error?: Error) => void) | undefined;
  const readPage = (after: number, limit: number) => {
    asked.push(after);
    const count = Math.max(0, Math.min(limit, 600 - after));
    const entries = Array.from({ length: count }, (_, i) => entry(after + i + 1));
    return new Promise<LogPage>((resolve, reject) => {
      settle = (error) => {
        if (error !== undefined) reject(error);
        else resolve({ epoch: 'e', entries, first: 1, last: 600 });
      };
    });
  };
  const pages = new SharedPages(clock, readPage, () => new Error('full'));
  const answer = async (error?: Error) => {
    settle!(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { pages, clock, asked, answer };
}

function entry(offset: number): LogEntry {
  const position = { epoch: 'e', offset };
  return { position, previous: offset - 1, id: String(offset), bytes: Buffer.alloc(0) };
}

describe('SharedPages', () => {
  it('reads once for three thousand requests, from the oldest position', async () => {
    const { pages, clock, asked, answer } = bench();
    const parts = Array.from({ length: 3000 }, (_, i) => pages.after(400 + (i % 100)));
    clock.runTasks();
    await answer();
    const first = await Promise.all(parts);
    expect(asked).toEqual([400]);
    first.forEach(({ entries }, i) => {
      expect(entries[0]?.id).toBe(String(401 + (i % 100)));
      expect(entries.at(-1)?.id).toBe('600');
    });
  });

  it('has one read under way, and later requests share the next one', async () => {
    const { pages, clock, asked, answer } = bench();
    const first = pages.after(500);
    clock.runTasks();
    const later = [pages.after(590), pages.after(580)];
    clock.runTasks();
    expect(asked).toEqual([500]);
    await answer();
    await first;
    expect(asked).toEqual([500, 580]);
    await answer();
    expect((await later[0])?.entries).toHaveLength(10);
    expect((await later[1])?.entries).toHaveLength(20);
  });

  it('lets a request that is ahead of a page wait for the next one', async () => {
    const { pages, clock, asked, answer } = bench();
    const behind = pages.after(10);
    const ahead = pages.after(400);
    clock.runTasks();
    await answer();
    expect((await behind).entries).toHaveLength(256);
    expect(asked).toEqual([10, 400]);
    await answer();
    expect((await ahead).entries).toHaveLength(200);
  });

  it('gives nothing to a request that has everything, and fails for all requests that share a read', async () => {
    const { pages, clock, answer } = bench();
    const all = pages.after(600);
    clock.runTasks();
    await answer();
    expect(await all).toEqual({ epoch: 'e', entries: [], last: 600 });
    const failing = Promise.allSettled([pages.after(1), pages.after(2)]);
    clock.runTasks();
    await answer(new Error('away'));
    expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    const again = pages.after(599);
    clock.runTasks();
    await answer();
    expect((await again).entries).toHaveLength(1);
  });

  it('refuses a call while 16,384 calls wait, which can be one for each message of a peer', async () => {
    const { pages, clock, answer } = bench();
    const calls = Array.from({ length: 16_384 }, () => pages.after(0));
    await expect(pages.after(0)).rejects.toThrow('full');
    clock.runTasks();
    await answer();
    await Promise.all(calls);
  });
});
