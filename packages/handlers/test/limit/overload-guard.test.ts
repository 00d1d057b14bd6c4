import type { Context, Handler, LogLevel } from '@headrace/core';
import type { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';

import { type Load, LoadMeter } from '../../src/limit/load-meter.ts';
import {
  OverloadEvent,
  OverloadGuard,
  type OverloadGuardOptions,
} from '../../src/limit/overload-guard.ts';
import { listeningClock as clock, listeningWith } from './listening.ts';

function setUp(options: OverloadGuardOptions = {}) {
  const load: { -readonly [K in keyof Load]: Load[K] } = { heapShare: 0.1, loopDelayMs: 1 };
  const events: string[] = [];
  const watcher: Handler = {
    userEventTriggered(_ctx: Context, event) {
      if (event instanceof OverloadEvent) events.push(event.state);
    },
  };
  const guard = new OverloadGuard({ measure: () => load, ...options });
  const listening = listeningWith(guard, watcher);
  const accept = (host: string): EmbeddedChannel => {
    const { child } = listening.accept(host);
    child.register();
    return child;
  };
  return { guard, load, events, server: listening.server, accept };
}

describe('OverloadGuard', () => {
  it.each([
    ['the heap', { heapShare: 0.9, loopDelayMs: 0 }],
    ['the event loop', { heapShare: 0, loopDelayMs: 300 }],
  ])('pauses accepting while %s is over its threshold', (_what, over) => {
    const { guard, load, events, server } = setUp();
    clock.advance(1000);
    expect(server.isReadHeld).toBe(false);
    Object.assign(load, over);
    clock.advance(500);
    expect([guard.state, server.readHolds]).toEqual(['paused', ['OverloadGuard']]);
    Object.assign(load, { heapShare: 0.8, loopDelayMs: 190 });
    clock.advance(500);
    expect([guard.state, server.isReadHeld]).toEqual(['paused', true]);
    Object.assign(load, { heapShare: 0.5, loopDelayMs: 10 });
    clock.advance(500);
    expect([guard.state, server.isReadHeld]).toEqual(['normal', false]);
    expect(events).toEqual(['paused', 'normal']);
    expect(guard.counters).toEqual({ pauses: 1, pausedMs: 1000, shed: 0 });
    server.finish();
    expect(clock.pendingTimers).toBe(0);
  });

  it('sheds those that have been idle longest when the pause does not help', () => {
    const said: string[] = [];
    const { guard, load, events, server, accept } = setUp({
      shedShare: 0.25,
      onShed: (child) => void said.push(child.id),
    });
    const children = Array.from({ length: 8 }, (_, i) => accept(`10.0.0.${i}`));
    clock.advance(20_000);
    for (const child of children.slice(4)) child.embedded.sink.readComplete();
    children[0]!.embedded.sink.readComplete();
    clock.advance(6000);
    children[1]!.embedded.sink.readComplete();
    load.heapShare = 0.95;
    clock.advance(500 + 5000);
    expect(events).toEqual(['paused', 'shedding']);
    expect(said).toEqual([children[2]!.id, children[3]!.id]);
    const ending = children.filter((child) => child.isOutputShutdown).map(({ id }) => id);
    expect(ending).toEqual(said);
    expect(children.every((child) => child.isOpen)).toBe(true);
    clock.advance(2000);
    expect(children[2]!.closeInfo?.reason).toBe('overload');
    expect(guard.counters.shed).toBeGreaterThanOrEqual(2);
    load.heapShare = 0.1;
    clock.advance(500);
    expect(guard.state).toBe('normal');
    server.finish();
    for (const child of children) child.close();
    clock.advance(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('never sheds a connection that sent something lately', () => {
    const { guard, load, server, accept } = setUp();
    const busy = accept('10.0.0.1');
    load.heapShare = 0.95;
    for (let i = 0; i < 60; i++) {
      clock.advance(1000);
      busy.embedded.sink.readComplete();
    }
    expect(guard.counters.shed).toBe(0);
    expect(busy.isOpen).toBe(true);
    busy.close();
    server.finish();
  });

  it('accepts again when it is removed while it pauses', () => {
    const { guard, load, server } = setUp();
    load.heapShare = 0.95;
    clock.advance(500);
    expect(server.isReadHeld).toBe(true);
    server.pipeline.remove(guard);
    expect(server.isReadHeld).toBe(false);
    server.finish();
  });

  it.each([1, 2])(
    'has one timer at most if it is removed in its own event (listening: %i)',
    (count) => {
      const load = { heapShare: 0.1, loopDelayMs: 1 };
      const guard = new OverloadGuard({ measure: () => load });
      const removing: Handler = {
        userEventTriggered(ctx: Context) {
          ctx.pipeline.removeIfExists(guard);
        },
      };
      const first = listeningWith(guard, removing);
      const others = count === 1 ? [] : [listeningWith(guard)];
      load.heapShare = 0.95;
      clock.advance(500);
      expect(clock.pendingTimers).toBe(others.length);
      for (const { server } of [first, ...others]) server.finish();
      expect(clock.pendingTimers).toBe(0);
    },
  );

  it('watches all listening channels that share it, until the last one closes', () => {
    const { guard, load, server, accept } = setUp({ shedShare: 1, minIdleMs: 0 });
    const other = listeningWith(guard);
    const [one, two] = [accept('10.0.0.1'), other.accept('10.0.0.2').child];
    two.register();
    server.finish();
    load.heapShare = 0.95;
    clock.advance(500);
    expect(other.server.readHolds).toEqual(['OverloadGuard']);
    const late = listeningWith(guard);
    expect(late.server.readHolds).toEqual(['OverloadGuard']);
    clock.advance(6000);
    expect([one.isEnding, two.isEnding, guard.counters]).toEqual([
      true,
      true,
      { pauses: 1, pausedMs: 0, shed: 2 },
    ]);
    load.heapShare = 0.1;
    clock.advance(500);
    expect([other.server.isReadHeld, late.server.isReadHeld]).toEqual([false, false]);
    other.server.finish();
    late.server.finish();
    one.close();
    two.close();
    clock.advance(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it('logs each change once, with the numbers', () => {
    const logged: string[] = [];
    const { load, server } = setUp();
    Object.defineProperty(server, 'logger', {
      value: { log: (level: LogLevel, text: string) => void logged.push(`${level} ${text}`) },
    });
    load.loopDelayMs = 250;
    clock.advance(2000);
    expect(logged).toEqual([
      expect.stringMatching(/^warn .* paused \(10 % of the heap, the loop 250 ms late\)$/),
    ]);
    server.finish();
  });

  it('refuses invalid options', () => {
    expect(() => new OverloadGuard({ heapShare: 0 })).toThrow(/heapShare is 0/);
    expect(() => new OverloadGuard({ everyMs: 0 })).toThrow(/everyMs is 0/);
    expect(() => new OverloadGuard({ shedShare: 2 })).toThrow(/shedShare is 2/);
  });
});

describe('LoadMeter', () => {
  it('reads a share of the heap and a delay of the loop', () => {
    const meter = new LoadMeter();
    meter.start();
    const { heapShare, loopDelayMs } = meter.read();
    meter.stop();
    expect(heapShare).toBeGreaterThan(0);
    expect(heapShare).toBeLessThan(1);
    expect(loopDelayMs).toBeGreaterThanOrEqual(0);
  });
});

describe('OverloadGuard, with functions that throw', () => {
  it('logs it, continues to watch, and sheds anyway', () => {
    const lines: string[] = [];
    const logger = { log: (_level: LogLevel, text: string) => void lines.push(text) };
    let looks = 0;
    const { guard, server, accept } = setUp({
      shedAfterMs: 1000,
      minIdleMs: 0,
      shedShare: 1,
      measure: () => {
        looks += 1;
        if (looks === 1) throw new Error('no load');
        return { heapShare: 0.99, loopDelayMs: 0 };
      },
      onShed: () => {
        throw new Error('no last word');
      },
    });
    Object.defineProperty(server, 'logger', { value: logger });
    const children = ['192.0.2.1', '192.0.2.2'].map((host) => accept(host));
    for (const child of children) Object.defineProperty(child, 'logger', { value: logger });
    clock.advance(2500);
    expect([guard.counters.shed, children.map((child) => child.isEnding)]).toEqual([
      2,
      [true, true],
    ]);
    expect(lines.filter((line) => line.includes('failed'))).toEqual([
      expect.stringMatching(/measure failed: no load/),
      expect.stringMatching(/onShed failed: no last word/),
      expect.stringMatching(/onShed failed: no last word/),
    ]);
    server.finish();
  });
});
