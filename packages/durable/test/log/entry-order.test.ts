import { Buffer } from 'node:buffer';
import type { LogEntry, LogPage } from '@headrace/store';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type OrderAction, PAGE_ENTRIES } from '../../src/feed/feed-order.ts';
import { EntryOrder } from '../../src/log/entry-order.ts';

/** The log of an engine: offsets have holes. */
class SmallLog {
  readonly entries: LogEntry[] = [];
  epoch = 'e1';
  /** How many of the oldest are gone. */
  gone = 0;

  append(step = 1): LogEntry {
    const previous = this.entries.at(-1)?.position.offset ?? 0;
    const offset = previous + step;
    const { epoch } = this;
    const entry = {
      position: { epoch, offset },
      previous,
      id: `${offset}`,
      bytes: Buffer.alloc(0),
    };
    this.entries.push(entry);
    return entry;
  }

  page(after: number, limit: number): LogPage {
    const kept = this.entries.slice(this.gone);
    const entries = kept.filter(({ position }) => position.offset > after).slice(0, limit);
    const last = this.entries.at(-1)?.position.offset ?? 0;
    return { epoch: this.epoch, entries, first: kept[0]?.position.offset ?? 0, last };
  }
}

/** Short words for actions: `3` delivers, `read>2` reads. */
function words(actions: readonly OrderAction[]): string[] {
  return actions.map((action) => {
    if (action.do === 'deliver') return String(action.entry.position.offset);
    if (action.do === 'read') return `read>${action.after}`;
    if (action.do === 'begin') return `begin ${action.at.epoch}/${action.at.offset}`;
    if (action.do !== 'skip') throw new Error(`${action.do} is for states`);
    return `skip ${action.from.epoch}/${action.from.offset}-${action.to.epoch}/${action.to.offset}`;
  });
}

function begun(log: SmallLog): EntryOrder {
  const order = new EntryOrder();
  order.look();
  order.page(log.page(0, 1));
  return order;
}

describe('EntryOrder', () => {
  it('begins after what a log that has lost messages still has, and says what is missing', () => {
    const log = new SmallLog();
    for (let at = 0; at < 5; at += 1) log.append();
    const order = begun(log);
    log.entries.length = 3;
    log.epoch = 'e1-2';
    const common = { base: 'e1', offset: 3 };
    const page = () => ({ ...log.page(5, 10), common });
    const next = log.append();
    expect(words(order.live(next))).toEqual(['read>5']);
    expect(words(order.page(page()))).toEqual(['skip e1/5-e1-2/3', 'begin e1-2/3', 'read>3']);
    expect(words(order.page(log.page(3, 10)))).toEqual(['4']);
  });

  it('begins where it was if the log has lost only later messages, and at the beginning of another log', () => {
    const log = new SmallLog();
    log.append();
    const order = begun(log);
    order.live(log.append());
    log.epoch = 'e1-2';
    expect(words(order.look())).toEqual(['read>2']);
    const page = { ...log.page(2, 10), common: { base: 'e1', offset: 7 } };
    expect(words(order.page(page))).toEqual(['skip e1/2-e1-2/2', 'begin e1-2/2', 'read>2']);
    order.page(log.page(2, 10));
    log.epoch = 'other-3';
    order.look();
    const other = { ...log.page(2, 10), common: { base: 'other', offset: 7 } };
    expect(words(order.page(other))).toEqual([
      'skip e1-2/2-other-3/0',
      'begin other-3/0',
      'read>0',
    ]);
  });

  it('begins where the log is, and delivers what comes next', () => {
    const log = new SmallLog();
    log.append();
    const order = new EntryOrder();
    expect(words(order.look())).toEqual(['read>0']);
    expect(words(order.page(log.page(0, 1)))).toEqual(['begin e1/1']);
    expect(words(order.live(log.append(5)))).toEqual(['6']);
    expect(order.at).toEqual({ epoch: 'e1', offset: 6 });
  });

  it('delivers nothing twice', () => {
    const log = new SmallLog();
    const order = begun(log);
    const entry = log.append();
    order.live(entry);
    expect(order.live(entry)).toEqual([]);
  });

  it('fills a hole from the log before it delivers what came after it', () => {
    const log = new SmallLog();
    const order = begun(log);
    log.append();
    expect(words(order.live(log.append()))).toEqual(['read>0']);
    expect(order.live(log.append())).toEqual([]);
    expect(words(order.page(log.page(0, 2)))).toEqual(['1', '2', 'read>2']);
    expect(words(order.page(log.page(2, 2)))).toEqual(['3']);
    expect(words(order.live(log.append()))).toEqual(['4']);
  });

  it('reads again for what came while an early answer was on its way', () => {
    const log = new SmallLog();
    const order = begun(log);
    log.append();
    order.live(log.append());
    const early = log.page(0, 256);
    log.append();
    order.live(log.append());
    expect(words(order.page(early))).toEqual(['1', '2', 'read>2']);
    expect(words(order.page(log.page(2, 256)))).toEqual(['3', '4']);
  });

  it('goes on after a log that could not be read', () => {
    const log = new SmallLog();
    const order = begun(log);
    log.append();
    order.live(log.append());
    order.failed();
    expect(words(order.look())).toEqual(['read>0']);
    expect(words(order.page(log.page(0, 256)))).toEqual(['1', '2']);
  });

  it('tells what is in no log any more, and goes on after it', () => {
    const log = new SmallLog();
    const order = begun(log);
    for (let i = 0; i < 4; i++) log.append();
    log.gone = 3;
    order.live(log.entries[3]!);
    expect(words(order.page(log.page(0, 256)))).toEqual(['skip e1/0-e1/4', '4']);
  });

  it('delivers a log that was made again from its beginning', () => {
    const log = new SmallLog();
    log.append();
    const order = begun(log);
    const other = new SmallLog();
    other.epoch = 'e2';
    other.append();
    expect(words(order.live(other.append()))).toEqual(['read>1']);
    expect(words(order.page(other.page(1, 256)))).toEqual([
      'skip e1/1-e2/0',
      'begin e2/0',
      'read>0',
    ]);
    expect(words(order.page(other.page(0, 256)))).toEqual(['1', '2']);
  });

  describe('with an invented live copy', () => {
    const invented = (offset: number, previous: number): LogEntry => {
      return { position: { epoch: 'e1', offset }, previous, id: 'x', bytes: Buffer.alloc(0) };
    };

    it.each([Number.NaN, Number.POSITIVE_INFINITY, 1.5])('ignores the offset %d', (offset) => {
      const log = new SmallLog();
      const order = begun(log);
      expect(order.live(invented(offset, 0))).toEqual([]);
    });

    it('reads the log for one that does not come next, and forgets it if the log has none', () => {
      const log = new SmallLog();
      log.append(2);
      const order = begun(log);
      for (const previous of [0, 1, 1e14]) {
        expect(words(order.live(invented(4e15, previous)))).toEqual(['read>2']);
        expect(order.page(log.page(2, 256))).toEqual([]);
      }
      expect(words(order.live(log.append()))).toEqual(['3']);
    });

    it('reads again for one that came while the log was read', () => {
      const log = new SmallLog();
      log.append(2);
      const order = begun(log);
      order.look();
      order.live(invented(4e15, 1));
      expect(words(order.page(log.page(2, 256)))).toEqual(['read>2']);
      expect(order.page(log.page(2, 256))).toEqual([]);
      expect(words(order.live(log.append()))).toEqual(['3']);
    });

    it('goes back when the log ends before one that said it comes next', () => {
      const log = new SmallLog();
      log.append();
      const order = begun(log);
      expect(words(order.live(invented(4e15, 1)))).toEqual(['4000000000000000']);
      expect(words(order.live(log.append()))).toEqual(['read>4000000000000000']);
      expect(words(order.page(log.page(4e15, 256)))).toEqual(['begin e1/1', 'read>1']);
      expect(words(order.page(log.page(1, 256)))).toEqual(['2']);
      expect(words(order.live(log.append()))).toEqual(['3']);
    });

    it('says that something may be missing after several that followed each other', () => {
      const log = new SmallLog();
      log.append();
      const order = begun(log);
      order.live(invented(4e15, 1));
      order.live(invented(5e15, 4e15));
      order.live(log.append());
      expect(words(order.page(log.page(5e15, 256)))).toEqual([
        'skip e1/5000000000000000-e1/2',
        'begin e1/2',
        'read>2',
      ]);
      expect(order.page(log.page(2, 256))).toEqual([]);
      expect(words(order.live(log.append()))).toEqual(['3']);
    });
  });

  it('keeps no more than a page while it reads, and reads the rest', () => {
    const log = new SmallLog();
    const order = begun(log);
    log.append();
    order.live(log.append());
    const early = log.page(0, PAGE_ENTRIES);
    for (let i = 0; i < 2 * PAGE_ENTRIES; i++) order.live(log.append());
    const delivered: string[] = [];
    let actions = words(order.page(early));
    while (actions.length > 0) {
      const read = actions.find((word) => word.startsWith('read>'));
      delivered.push(...actions.filter((word) => word !== read));
      if (read === undefined) break;
      actions = words(order.page(log.page(Number(read.slice(5)), PAGE_ENTRIES)));
    }
    expect(delivered).toEqual(log.entries.map(({ id }) => id));
  });

  it('delivers everything once and in order, whatever is lost, late or doubled', () => {
    const event = fc.oneof(
      { weight: 5, arbitrary: fc.constant('live' as const) },
      { weight: 2, arbitrary: fc.constant('lost' as const) },
      { weight: 1, arbitrary: fc.constant('twice' as const) },
      { weight: 3, arbitrary: fc.constant('answer' as const) },
      { weight: 1, arbitrary: fc.constant('fails' as const) },
      { weight: 1, arbitrary: fc.constant('up' as const) },
    );
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        (events, limit) => {
          const log = new SmallLog();
          const order = begun(log);
          const delivered: number[] = [];
          let asked: { after: number } | undefined;
          let answer: LogPage | undefined;
          const execute = (actions: readonly OrderAction[]) => {
            for (const action of actions) {
              if (action.do === 'deliver') delivered.push(action.entry.position.offset);
              else if (action.do === 'read') {
                expect(asked, 'one read at a time').toBeUndefined();
                asked = { after: action.after };
                // Computed at once, and late to arrive.
                answer = log.page(action.after, limit);
              } else expect.unreachable(action.do);
            }
          };
          const answered = () => {
            const page = answer;
            if (page === undefined) return;
            asked = undefined;
            answer = undefined;
            execute(order.page(page));
          };
          for (const one of events) {
            if (one === 'live') execute(order.live(log.append(1 + (log.entries.length % 3))));
            else if (one === 'lost') log.append();
            else if (one === 'twice') {
              for (const entry of log.entries.slice(-2)) execute(order.live(entry));
            } else if (one === 'answer') answered();
            else if (one === 'up') execute(order.look());
            else if (asked !== undefined) {
              asked = undefined;
              answer = undefined;
              order.failed();
            }
          }
          execute(order.look());
          for (let i = 0; i < 200 && asked !== undefined; i++) answered();
          expect(delivered).toEqual(log.entries.map(({ position }) => position.offset));
        },
      ),
      { numRuns: 500 },
    );
  });
});
