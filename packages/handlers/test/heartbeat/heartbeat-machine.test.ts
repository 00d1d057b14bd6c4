import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeartbeatMachine, type HeartbeatRules } from '../../src/heartbeat/heartbeat-machine.ts';

const rules: HeartbeatRules = {
  intervalMs: () => 1000,
  timeoutMs: 500,
  maxMissed: 2,
  isAnswered: true,
  onlyWhenQuiet: true,
  silenceMs: Number.POSITIVE_INFINITY,
  jitter: 0,
  random: () => 0,
};

/** Asks when due until `end`, and notes what is to be done. */
function run(machine: HeartbeatMachine, from: number, end: number): string[] {
  const done: string[] = [];
  for (let now = Math.max(from, machine.nextAt()); now <= end; ) {
    for (const action of machine.due(now, now)) {
      if (action.do === 'ping') done.push(`ping @${now}`);
      else done.push(`missed ${action.missed}${action.isLost ? ' lost' : ''} @${now}`);
      if (action.do === 'report' && action.isLost) return done;
    }
    now = Math.max(now, machine.nextAt());
  }
  return done;
}

/** As `run`, where timers run only at multiples of `everyMs`, as in a hidden tab. */
function runLate(machine: HeartbeatMachine, everyMs: number): string[] {
  const done: string[] = [];
  for (let now = everyMs; now < 100 * everyMs; now += everyMs) {
    if (machine.nextAt() > now) continue;
    for (const action of machine.due(now, machine.nextAt())) {
      if (action.do === 'ping') done.push(`ping @${now}`);
      else done.push(`missed ${action.missed}${action.isLost ? ' lost' : ''} @${now}`);
      if (action.do === 'report' && action.isLost) return done;
    }
  }
  return done;
}

describe('HeartbeatMachine', () => {
  it('pings after an interval, twice if need be, and gives up', () => {
    expect(run(new HeartbeatMachine(rules, 0), 0, 10_000)).toEqual([
      'ping @1000',
      'missed 1 @1500',
      'ping @1500',
      'missed 2 lost @2000',
    ]);
  });

  it('goes on beating while it waits for an answer, where it beats every interval', () => {
    const machine = new HeartbeatMachine({ ...rules, onlyWhenQuiet: false, timeoutMs: 2500 }, 0);
    expect(run(machine, 0, 10_000)).toEqual([
      'ping @1000',
      'ping @2000',
      'ping @3000',
      'missed 1 @3500',
      'ping @3500',
      'ping @4500',
      'ping @5500',
      'missed 2 lost @6000',
    ]);
  });

  it('does not count the time in which the process stood still against the peer', () => {
    const machine = new HeartbeatMachine(rules, 0);
    machine.due(1000, 1000);
    expect(machine.due(10_000, machine.nextAt())).toEqual([]);
    expect(run(machine, 10_000, 20_000)).toEqual([
      'missed 1 @10500',
      'ping @10500',
      'missed 2 lost @11000',
    ]);
  });

  it('sends the heartbeat that is due, although its timer is late', () => {
    const machine = new HeartbeatMachine(rules, 0);
    expect(machine.due(60_000, machine.nextAt())).toEqual([{ do: 'ping' }]);
  });

  it('forgives lateness of its own once for each answer, so that timers that are always late find a dead peer', () => {
    const machine = new HeartbeatMachine(rules, 0);
    expect(runLate(machine, 60_000)).toEqual([
      'ping @60000',
      'missed 1 @180000',
      'ping @180000',
      'missed 2 lost @300000',
    ]);
  });

  it('finds a silence without heartbeats with timers that are always late', () => {
    const silent = { ...rules, intervalMs: () => Number.POSITIVE_INFINITY, silenceMs: 5000 };
    expect(runLate(new HeartbeatMachine(silent, 0), 60_000)).toEqual(['missed 0 lost @120000']);
  });

  it('keeps a peer that answers, with timers that are always late', () => {
    const machine = new HeartbeatMachine({ ...rules, silenceMs: 3000 }, 0);
    for (let now = 60_000; now < 3_600_000; now += 60_000) {
      expect(machine.due(now, machine.nextAt())).toEqual([{ do: 'ping' }]);
      machine.read(now + 50);
    }
  });

  it('matches answers to pings in their order', () => {
    const machine = new HeartbeatMachine({ ...rules, maxMissed: 9 }, 0);
    run(machine, 0, 1600);
    machine.read(1700);
    expect(machine.pong(1700)).toBe(700);
    expect(machine.pong(1710)).toBe(210);
    expect(machine.pong(1720)).toBeUndefined();
    expect(machine.hasUnanswered).toBe(false);
  });

  it('forgets pings that are never answered while other things come in', () => {
    const machine = new HeartbeatMachine(rules, 0);
    for (let now = 1000; now < 100_000; now += 1000) {
      machine.due(now, now);
      machine.read(now + 1);
    }
    let known = 0;
    while (machine.pong(100_000) !== undefined) known += 1;
    expect(known).toBe(16);
  });

  it('has something to do whenever it asked to be asked, also at fractions of a millisecond', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e9, noNaN: true }), (start) => {
        const machine = new HeartbeatMachine({ ...rules, timeoutMs: 0.1 * 5003 }, start);
        for (let asked = 0; asked < 3; asked++) {
          const now = machine.nextAt();
          expect(machine.due(now, now)).not.toEqual([]);
        }
      }),
    );
  });

  it('never gives up on a peer that answers in time, and always on one that does not', () => {
    const quick = fc.integer({ min: 0, max: 499 });
    const script = fc.array(fc.record({ answersMs: quick, writesMs: fc.nat(900) }), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(script, fc.double({ min: 0, max: 0.9, noNaN: true }), (steps, chance) => {
        const machine = new HeartbeatMachine({ ...rules, jitter: 0.5, random: () => chance }, 0);
        let now = 0;
        for (const { answersMs, writesMs } of steps) {
          machine.wrote(now + writesMs);
          now = Math.max(now + writesMs, machine.nextAt());
          const actions = machine.due(now, now);
          expect(actions.every((action) => action.do === 'ping')).toBe(true);
          if (actions.length === 0) continue;
          now += answersMs;
          machine.read(now);
          machine.pong(now);
        }
        expect(run(machine, now, now + 2001).at(-1)).toMatch(/^missed 2 lost/);
      }),
    );
  });
});
