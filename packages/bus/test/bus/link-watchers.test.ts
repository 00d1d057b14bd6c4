import { describe, expect, it } from 'vitest';
import type { LinkWatcher } from '../../src/bus/bus-engine.ts';
import { scriptedBus } from './scripted-engine.ts';

type Report = Exclude<keyof LinkWatcher, 'broken'>;

/** A watcher that writes down its reports, and does something at each. */
function watcher(reports: string[], at: (report: Report) => void = () => {}): LinkWatcher {
  const report = (name: Report) => () => {
    reports.push(name);
    at(name);
  };
  return {
    opened: report('opened'),
    linked: report('linked'),
    linkUp: report('linkUp'),
    unlinked: report('unlinked'),
    closed: report('closed'),
  };
}

const ONE_LINK = ['opened', 'linked', 'linkUp', 'unlinked', 'closed'];

describe('EngineBus.watchLinks', () => {
  it.each(['watched', 'added'])(
    'connects no more after a %s watcher closed the bus',
    async (how) => {
      const { engine, bus, open, pass } = scriptedBus();
      const reports: string[] = [];
      const closing = watcher(reports, (report) => {
        if (report === 'linked') void bus.close();
      });
      if (how === 'watched') bus.watchLinks(closing);
      await open();
      if (how === 'added') bus.watchLinks(closing);
      await pass(60_000);
      expect(reports).toEqual(['opened', 'linked', 'unlinked', 'closed']);
      expect(engine.tries).toBe(1);
    },
  );

  it('makes one other link after a link that ended while it was reported', async () => {
    const { engine, bus, open, pass } = scriptedBus();
    bus.watchLinks(
      watcher([], (report) => {
        if (report === 'linked' && engine.links.length === 1) engine.link.sink.lost(undefined);
      }),
    );
    await open();
    await pass(60_000);
    expect(engine.tries).toBe(2);
    expect(bus.state).toBe('up');
    // One heartbeat in each second.
    expect(engine.link.probes.length).toBeLessThan(62);
  });

  it('reports each link, and closed after the last of them', async () => {
    const { engine, bus, open, pass } = scriptedBus();
    const reports: string[] = [];
    bus.watchLinks(watcher(reports));
    await open();
    engine.link.sink.lost(undefined);
    await pass(1000);
    await bus.close();
    expect(reports).toEqual([...ONE_LINK.slice(0, 4), ...ONE_LINK.slice(1)]);
  });

  it('reports no end of a link that was not made', async () => {
    const { engine, bus, open, pass } = scriptedBus();
    const reports: string[] = [];
    bus.watchLinks(watcher(reports));
    engine.mode = 'refuses';
    await open();
    await pass(5000);
    await bus.close();
    expect(engine.tries).toBeGreaterThan(2);
    expect(reports).toEqual(['opened', 'closed']);
  });

  it.each(ONE_LINK as Report[])('reports once what was still to come at %s', async (when) => {
    const { bus, open } = scriptedBus();
    const late: string[] = [];
    let isAdded = false;
    const add = (report: Report) => {
      if (report !== when || isAdded) return;
      isAdded = true;
      bus.watchLinks(watcher(late));
    };
    bus.watchLinks(watcher([], add));
    bus.watchLinks(watcher([]));
    await open();
    await bus.close();
    expect(late).toEqual(
      {
        opened: ONE_LINK,
        linked: ONE_LINK,
        linkUp: ONE_LINK,
        unlinked: ['opened', 'closed'],
        closed: ['opened', 'closed'],
      }[when],
    );
  });

  it.each(ONE_LINK as Report[])('goes on when a watcher throws at %s', async (when) => {
    const { engine, bus, events, lines, open, pass } = scriptedBus();
    const reports: string[] = [];
    bus.watchLinks(
      watcher([], (report) => {
        if (report === when) throw new Error(`thrown at ${when}`);
      }),
    );
    bus.watchLinks(watcher(reports));
    await open();
    expect(bus.state).toBe('up');
    engine.link.sink.lost(new Error('cut'));
    await pass(1000);
    expect(bus.state).toBe('up');
    await bus.close();
    expect(reports).toEqual([...ONE_LINK.slice(0, 4), ...ONE_LINK.slice(1)]);
    expect(events).toHaveLength(4);
    expect(lines).toContain('error a listener of the bus’s links threw');
  });
});
