import { Buffer } from 'node:buffer';
import { isHeadraceError, OptionError } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { BUS_ERRORS } from '../../src/bus/bus-errors.ts';
import { InFlight } from '../../src/bus/in-flight.ts';
import { ScriptedEngine, scriptedBus, turn } from './scripted-engine.ts';

const message = (text: string) => Buffer.from(text);

/** The last heartbeat of the link that is up, as it comes back. */
function probeOf(engine: ScriptedEngine): Buffer {
  const probe = engine.link.probes.at(-1);
  if (probe === undefined) throw new Error('no heartbeat was sent');
  return probe;
}

/** Probes of a program that knows how ours were made before they were numbers of chance. */
function forgedProbes(generation: number, bytes: number, count: number): Buffer[] {
  const forged = Buffer.alloc(24);
  forged.writeDoubleBE(generation, 0);
  forged.writeDoubleBE(bytes, 8);
  forged.writeDoubleBE(count, 16);
  return [forged, Buffer.alloc(0), Buffer.alloc(16), Buffer.alloc(24)];
}

describe('EngineBus: up and down', () => {
  it('does not try again what can never succeed, and says why once', async () => {
    const { engine, bus, events, lines, clock, open } = scriptedBus();
    const text = 'the package x is not installed: npm install x';
    engine.fault = new OptionError('OPTION_INVALID', text, {});
    await open();
    clock.advance(600_000);
    await turn();
    expect(engine.tries).toBe(1);
    expect(events).toEqual([`down 0 ${text}`]);
    expect(lines).toEqual([`error the bus scripted: cannot work: ${text}`]);
    // Who did not look into the log learns it from each call.
    for (const asked of [bus.settled(), bus.receivers('room')]) {
      await expect(asked).rejects.toMatchObject({
        code: 'HR_ERR_BUS_DOWN',
        message: `the bus scripted: cannot work: ${text}`,
        cause: engine.fault,
      });
    }
  });

  it('is up when its own message came back, after every subscription was made', async () => {
    const { engine, bus, events, open } = scriptedBus();
    bus.subscribe('room', () => {});
    engine.echoes = false;
    await open();
    expect([...engine.link.subjects]).toEqual(['room', 'probe']);
    expect(engine.link.published).toEqual(['probe']);
    expect(bus.state).toBe('down');
    engine.echoes = true;
    engine.link.publish('probe', Buffer.alloc(24));
    await turn();
    // Not what this link sent.
    expect(events).toEqual([]);
  });

  it('is down when only probes come back that it did not send, or had before', async () => {
    const { engine, bus, events, open, pass } = scriptedBus();
    await open();
    engine.echoes = false;
    const old = probeOf(engine);
    const forged = forgedProbes(1, 0, 0);
    for (let at = 0; at < 40; at++) {
      for (const probe of [old, ...forged]) engine.link.sink.received('probe', probe);
      await pass(1000);
    }
    expect(events[0]).toBe('up 0');
    expect(events[1]).toBe('down 30000 nothing came back for 30000 ms');
    expect(bus.state).toBe('down');
  });

  it('is down when nothing comes back for 3 s, and makes another link', async () => {
    const { engine, bus, events, lines, open, pass } = scriptedBus();
    await open();
    expect(bus.state).toBe('up');
    await pass(10_000);
    expect(events).toEqual(['up 0']);
    engine.echoes = false;
    await pass(4000);
    expect(events).toEqual(['up 0', 'down 13000 nothing came back for 3000 ms']);
    expect(engine.links.map(({ closes }) => closes)).toEqual([[false], []]);
    engine.echoes = true;
    await pass(6000);
    expect(bus.state).toBe('up');
    expect(lines).toEqual([
      'warn the bus scripted: is down: nothing came back for 3000 ms; trying again',
      'info the bus scripted: is up again',
    ]);
  });

  it('stays up while messages of others arrive, though its own are late, and writes one line', async () => {
    const { engine, events, lines, open, pass } = scriptedBus();
    await open();
    engine.echoes = false;
    const others = async (ms: number) => {
      for (let left = ms; left > 0; left -= 500) {
        engine.link.sink.received('room', message('late'));
        await pass(500);
      }
    };
    await others(20_000);
    expect(events).toEqual(['up 0']);
    expect(lines).toEqual(['warn the bus scripted: is slow: messages take over 3000 ms']);
    // They come through after all.
    engine.link.sink.received('probe', probeOf(engine));
    await others(29_000);
    expect(events).toEqual(['up 0']);
    await others(1000);
    expect(events).toEqual(['up 0', 'down 50000 nothing came back for 30000 ms']);
  });

  it('is given up after 3 s if it was never up, whatever else arrives over it', async () => {
    const { engine, events, lines, open, pass } = scriptedBus();
    engine.echoes = false;
    await open();
    for (let i = 0; i < 7; i++) {
      engine.link.sink.received('room', message('of another'));
      await pass(500);
    }
    expect(engine.tries).toBe(2);
    expect(events).toEqual([]);
    expect(lines).toEqual([
      'warn the bus scripted: is down: nothing came back for 3000 ms; trying again',
    ]);
  });

  it('is down when others are silent too, 3 s after the heartbeat before their last message', async () => {
    const { engine, events, open, pass } = scriptedBus();
    await open();
    engine.echoes = false;
    for (let i = 0; i < 12; i++) {
      engine.link.sink.received('room', message('late'));
      await pass(500);
    }
    await pass(3500);
    expect(events).toEqual(['up 0', 'down 8000 nothing came back for 3000 ms']);
  });

  it('stays up when the process stood still: what came meanwhile is read first', async () => {
    const { clock, events, open, pass } = scriptedBus();
    await open();
    await pass(2000);
    clock.advanceQuietly(15_000);
    clock.advance(0);
    await turn();
    await pass(5000);
    expect(events).toEqual(['up 0']);
  });

  it('is down anyway when nothing comes back after the process stood still', async () => {
    const { engine, bus, clock, open, pass } = scriptedBus();
    await open();
    await pass(2000);
    engine.echoes = false;
    clock.advanceQuietly(15_000);
    clock.advance(0);
    await pass(4000);
    expect(bus.state).toBe('down');
  });

  it('gives many subscriptions the time to connect before it takes the link for dead', async () => {
    const { engine, bus, open, pass } = scriptedBus();
    engine.settles = false;
    await open();
    await pass(4500);
    expect(engine.tries).toBe(1);
    await pass(1500);
    expect(engine.tries).toBe(2);
    expect(bus.state).toBe('down');
  });

  it('ignores what an old link reports', async () => {
    const { engine, bus, events, open, pass } = scriptedBus();
    const heard: string[] = [];
    bus.subscribe('room', (bytes) => heard.push(bytes.toString()));
    await open();
    const old = engine.link;
    old.sink.lost(new Error('gone'));
    old.sink.lost(new Error('gone'));
    await pass(1000);
    old.sink.received('room', message('late'));
    old.sink.lost(new Error('gone'));
    expect(events).toEqual(['up 0', 'down 0 gone', 'up 100']);
    expect(heard).toEqual([]);
  });
});

describe('EngineBus: tries', () => {
  it('are further and further apart, each by chance in its second half', async () => {
    for (const [chance, from, to] of [
      [0, 0.5, 0.5],
      [0.999, 0.99, 1],
    ] as const) {
      const { engine, clock, open, pass } = scriptedBus(new ScriptedEngine(), {}, () => chance);
      engine.mode = 'refuses';
      await open();
      let before = clock.now();
      for (const windowMs of [100, 200, 400, 800, 1000, 1000]) {
        const { tries } = engine;
        while (engine.tries === tries) await pass(1, 1);
        const waited = clock.now() - before;
        before = clock.now();
        expect(waited).toBeGreaterThanOrEqual(Math.floor(windowMs * from));
        expect(waited).toBeLessThanOrEqual(Math.ceil(windowMs * to));
      }
    }
  });

  it('write one line for each trouble, even when two come in turn', async () => {
    const { engine, lines, open, pass } = scriptedBus();
    engine.mode = 'refuses';
    await open();
    for (let i = 0; i < 10; i++) {
      engine.error = i % 2 === 0 ? 'refused' : 'wrong password';
      await pass(2000);
    }
    expect(lines).toEqual([
      'warn the bus scripted: is down: refused; trying again',
      'warn the bus scripted: is down: wrong password; trying again',
    ]);
  });

  it('end after the time to connect, and go on when an engine throws', async () => {
    const { engine, bus, lines, open, pass } = scriptedBus();
    engine.mode = 'hangs';
    await open();
    await pass(5000);
    engine.mode = 'throws';
    await pass(2000);
    engine.mode = 'connects';
    await pass(2000);
    expect(bus.state).toBe('up');
    expect(lines.map((line) => line.split('down: ')[1])).toEqual([
      'no connection within 5000 ms; trying again',
      'refused; trying again',
      undefined,
    ]);
  });
});

describe('EngineBus: a connect that reports its loss before it settles', () => {
  const aborted = (engine: ScriptedEngine) => engine.attempts.map(({ signal }) => signal.aborted);

  it('is aborted before the next one, which close aborts', async () => {
    const { engine, bus, clock, open, pass } = scriptedBus();
    engine.mode = 'hangs';
    await open();
    engine.attempts[0]!.sink.lost(new Error('gone'));
    await pass(200);
    expect(aborted(engine)).toEqual([true, false]);
    await bus.close();
    expect(aborted(engine)).toEqual([true, true]);
    expect(clock.nextDelay).toBe(-1);
  });

  it('leaves the next one to close when its own link comes late', async () => {
    const { engine, bus, open, pass } = scriptedBus();
    const opening = open();
    engine.mode = 'hangs';
    engine.attempts[0]!.sink.lost(new Error('gone'));
    await opening;
    await pass(200);
    expect(engine.link.closes).toEqual([false]);
    await bus.close();
    expect(aborted(engine)).toEqual([true, true]);
  });
});

describe('EngineBus: what is published', () => {
  it('is kept while it is down, sent before what comes later, and dropped with its cause', async () => {
    const { engine, bus, events, open, pass } = scriptedBus();
    engine.mode = 'refuses';
    await open();
    expect(bus.publish('room', message('old'))).toBe('kept');
    await pass(4000);
    bus.publish('room', message('1'));
    bus.publish('room', message('2'));
    await pass(1200);
    // A message that a listener of `dropped` or `up` publishes is queued after the kept messages.
    bus.on('dropped', () => bus.publish('room', message('from dropped')));
    bus.on('up', () => bus.publish('room', message('from up')));
    engine.mode = 'connects';
    await pass(2000);
    expect(engine.link.published.filter((one) => one !== 'probe')).toEqual([
      'room 1',
      'room 2',
      'room from dropped',
      'room from up',
    ]);
    expect(events[0]).toBe('dropped old');
    expect(bus.droppedCount).toBe(1);
  });

  it('is dropped if the engine takes only shorter messages, even when it was kept before that was known', async () => {
    const { engine, bus, events, open } = scriptedBus();
    engine.maxBytes = 10;
    expect(bus.maxBytes).toBe(Number.POSITIVE_INFINITY);
    const opening = open();
    expect(bus.publish('room', Buffer.alloc(11))).toBe('kept');
    await opening;
    expect(bus.maxBytes).toBe(10);
    expect(bus.publish('room', Buffer.alloc(11))).toBe('dropped');
    expect(bus.publish('room', Buffer.alloc(10))).toBe('sent');
    expect(events).toEqual(['dropped tooLong', 'up 0', 'dropped tooLong']);
    expect([bus.droppedCount, engine.link.bytes]).toEqual([2, 34]);
  });

  it('is not given to an engine that has 16 MiB it has not shown to take', async () => {
    const { engine, bus, events, open, pass } = scriptedBus();
    await open();
    engine.echoes = false;
    const mebibyte = Buffer.alloc(1024 * 1024);
    const outcomes = Array.from({ length: 20 }, () => bus.publish('room', mebibyte));
    expect(outcomes.filter((outcome) => outcome === 'sent').length).toBe(15);
    expect(events.filter((event) => event === 'dropped stuck').length).toBe(5);
    expect(engine.link.bytes).toBeLessThan(16 * 1024 * 1024);
    // A probe for each MiB, so that it is known at once when it goes on.
    expect(engine.link.published.filter((one) => one === 'probe').length).toBe(1 + 15);
    await pass(0);
  });

  it.each([-1e15, 1e15, Number.NaN])(
    'is counted as before after a probe that says %d',
    async (n) => {
      const { engine, bus, open } = scriptedBus();
      await open();
      engine.echoes = false;
      for (const probe of forgedProbes(1, n, n)) engine.link.sink.received('probe', probe);
      const mebibyte = Buffer.alloc(1024 * 1024);
      const outcomes = Array.from({ length: 20 }, () => bus.publish('room', mebibyte));
      expect(outcomes.filter((outcome) => outcome === 'sent').length).toBe(15);
    },
  );

  it('keeps few probes in mind, and those that were sent last', async () => {
    const unheard = new InFlight(1, Math.random);
    const all = Array.from({ length: 1025 }, () => unheard.probe());
    expect(unheard.heard(all[0]!)).toBe(false);
    expect(unheard.heard(Buffer.concat([all[1]!, Buffer.alloc(1)]))).toBe(false);
    expect(unheard.heard(all[2]!)).toBe(true);
    expect(unheard.heard(all[1]!)).toBe(false);
    expect(unheard.heard(all[2]!)).toBe(false);
    expect(unheard.heard(all[1024]!)).toBe(true);
  });

  it('is not given to an engine that has 262,144 small messages', async () => {
    const { engine, bus, open } = scriptedBus();
    await open();
    engine.echoes = false;
    const nothing = Buffer.alloc(0);
    let sent = 0;
    for (let at = 0; at < 270_000; at++) if (bus.publish('r', nothing) === 'sent') sent += 1;
    expect(sent).toBe(262_144);
  });

  it('is taken again as soon as the engine goes on', async () => {
    const { engine, bus, open } = scriptedBus();
    await open();
    const mebibyte = Buffer.alloc(1024 * 1024 - 1024);
    for (let round = 0; round < 10; round++) {
      for (let at = 0; at < 15; at++) expect(bus.publish('room', mebibyte)).toBe('sent');
      await turn();
    }
    expect(engine.link.bytes).toBeGreaterThan(140 * 1024 * 1024);
  });
});

describe('EngineBus: listeners', () => {
  it('calls a listener that subscribes again meanwhile only for the next message', async () => {
    const { engine, bus, open } = scriptedBus();
    await open();
    const heard: string[] = [];
    const once = () => {
      const subscription = bus.subscribe('room', (bytes) => {
        if (heard.push(bytes.toString()) > 10) throw new Error('called again and again');
        subscription.close();
        once();
      });
    };
    const other = bus.subscribe('room', () => {});
    once();
    for (const text of ['1', '2']) engine.link.sink.received('room', message(text));
    other.close();
    engine.link.sink.received('room', message('3'));
    expect(heard).toEqual(['1', '2', '3']);
  });
});

describe('EngineBus: several listeners of one subject', () => {
  it('are called until each closes, and the engine hears of the first and of the last', async () => {
    const { engine, bus, open } = scriptedBus();
    await open();
    const heard: string[] = [];
    const listener = (bytes: Buffer) => void heard.push(bytes.toString());
    const one = bus.subscribe('room', listener);
    const same = bus.subscribe('room', listener);
    engine.link.sink.received('room', message('1'));
    one.close();
    one.close();
    engine.link.sink.received('room', message('2'));
    expect(bus.subscriptionCount).toBe(2);
    same.close();
    engine.link.sink.received('room', message('3'));
    expect(heard).toEqual(['1', '1', '2']);
    expect(bus.subscriptionCount).toBe(1);
    const again = bus.subscribe('room', listener);
    same.close();
    engine.link.sink.received('room', message('4'));
    expect(heard.at(-1)).toBe('4');
    again.close();
  });
});

describe('EngineBus: waiting and closing', () => {
  it('keeps one question and one behind it, however often it is asked while the engine is silent', async () => {
    const { engine, bus, open } = scriptedBus();
    await open();
    engine.settles = false;
    const { asked } = engine.link;
    const promises = new Set<Promise<unknown>>();
    for (let i = 0; i < 100_000; i++) promises.add(bus.settled()).add(bus.receivers('room'));
    await turn();
    expect([promises.size, engine.link.asked - asked]).toEqual([4, 2]);
    engine.link.sink.lost(undefined);
    const outcomes = await Promise.allSettled(promises);
    expect(outcomes.map(({ status }) => status)).toEqual(Array(4).fill('rejected'));
  });

  it('asks again for what was subscribed while a question was under way', async () => {
    const { engine, bus, open } = scriptedBus();
    await open();
    const { asked } = engine.link;
    const first = bus.settled();
    bus.subscribe('late', () => {});
    await Promise.all([first, bus.settled(), bus.settled()]);
    expect(engine.link.asked - asked).toBe(2);
    await bus.settled();
    expect(engine.link.asked - asked).toBe(3);
  });

  it('rejects settled() and receivers() with BUS_DOWN when the link is lost before their answer', async () => {
    const { engine, bus, open } = scriptedBus();
    await open();
    engine.settles = false;
    const waiting = [bus.settled(), bus.receivers('room')].map((one) =>
      one.then(String, (error: unknown) => error),
    );
    await turn();
    engine.link.sink.lost(new Error('gone'));
    for (const one of waiting) expect(isHeadraceError(await one, BUS_ERRORS.BUS_DOWN)).toBe(true);
  });

  it('asks the link who listens, whatever is listened to here', async () => {
    const { engine, bus, open } = scriptedBus();
    await open();
    bus.subscribe('here', () => {});
    engine.listening.set('elsewhere', 2);
    expect(await bus.receivers('elsewhere')).toBe(2);
    expect(await bus.receivers('here')).toBe(0);
  });

  it('close waits 2 s for an engine that is stopped, and every call waits for the same', async () => {
    const { engine, bus, clock, events, open, pass } = scriptedBus();
    await open();
    engine.settles = false;
    let closed = 0;
    for (let i = 0; i < 2; i++) {
      void bus.close().then(() => {
        closed += 1;
      });
    }
    await pass(1900);
    expect(closed).toBe(0);
    await pass(200);
    expect(closed).toBe(2);
    expect(engine.link.closes).toEqual([true, false]);
    expect(events).toEqual(['up 0', 'down 2000 undefined']);
    expect(clock.nextDelay).toBe(-1);
    bus.subscribe('room', () => {}).close();
  });

  it('closes a link that comes after close', async () => {
    const { engine, bus, clock, events, open } = scriptedBus();
    const opening = open();
    await bus.close();
    await opening;
    expect(engine.link.closes).toEqual([false]);
    expect(events).toEqual([]);
    expect(clock.nextDelay).toBe(-1);
  });
});
