import { type Channel, ChannelError, type LogLevel, OptionError } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { Backends, type BackendsOptions } from '../../src/address/backends.ts';

interface Place {
  readonly host: string;
  readonly port: number;
}

const A = { host: 'a', port: 1 };
const B = { host: 'b', port: 1 };
const C = { host: 'c', port: 1 };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function balanced(places: readonly Place[], options: BackendsOptions<Place> = {}) {
  const clock = new VirtualClock();
  const lines: string[] = [];
  const logger = { log: (level: LogLevel, text: string) => void lines.push(`${level} ${text}`) };
  const down = new Set<Place>();
  const tried: string[] = [];
  const dial = async (place: Place): Promise<Channel> => {
    tried.push(place.host);
    if (down.has(place)) throw new ChannelError('CHANNEL_REFUSED', 'nobody listens there');
    return EmbeddedChannel.with({ clock });
  };
  const backends = new Backends(places, { clock, logger, ...options });
  const connect = (key?: string) => backends.connect(dial, key === undefined ? {} : { key });
  return { backends, clock, lines, down, tried, dial, connect };
}

describe('the choice of a place', () => {
  it('is the place with the fewest connections, by default', async () => {
    const { backends, connect, tried } = balanced([A, B]);
    const first = await connect();
    await connect();
    expect(tried).toEqual(['a', 'b']);
    await connect();
    expect(backends.status.map(({ connections }) => connections)).toEqual([2, 1]);
    first.close();
    expect(backends.status.map(({ connections }) => connections)).toEqual([1, 1]);
  });

  it('takes the places in turn with round-robin, whatever their connections', async () => {
    const { connect, tried } = balanced([A, B, C], { pick: 'round-robin' });
    for (let i = 0; i < 4; i++) (await connect()).close();
    expect(tried).toEqual(['a', 'b', 'c', 'a']);
  });

  it('is the same for a key with hash, and only the keys of a place that left move', async () => {
    const { backends, connect, tried } = balanced([A, B, C], { pick: 'hash' });
    const keys = Array.from({ length: 300 }, (_, i) => `10.0.0.${i}`);
    for (const key of keys) await connect(key);
    const before = tried.splice(0);
    for (const host of ['a', 'b', 'c'])
      expect(before.filter((one) => one === host).length).toBeGreaterThan(60);
    backends.update([A, C]);
    for (const key of keys) await connect(key);
    const moved = keys.filter((_, i) => tried[i] !== before[i]);
    expect(moved).toEqual(keys.filter((_, i) => before[i] === 'b'));
  });

  it('needs a key with hash', async () => {
    const { connect } = balanced([A], { pick: 'hash' });
    await expect(connect()).rejects.toThrow("pick: 'hash' needs a key");
  });
});

describe('a place whose connects fail', () => {
  it('is passed over in the same connect, and ejected after some failures', async () => {
    const { backends, clock, connect, down, lines, tried } = balanced([A, B], { maxFailures: 2 });
    down.add(A);
    await connect();
    expect(tried.splice(0)).toEqual(['a', 'b']);
    await connect();
    expect(tried.splice(0)).toEqual(['a', 'b']);
    expect(lines).toEqual([
      'warn the backend a:1 gets no connections for 10000 ms: 2 connects failed in a row: nobody listens there',
    ]);
    await connect();
    expect(tried.splice(0)).toEqual(['b']);
    expect(backends.status.map(({ isUsable }) => isUsable)).toEqual([false, true]);
    down.clear();
    await clock.advance(10_000);
    await connect();
    expect(tried.splice(0)).toEqual(['a']);
    expect(lines.at(-1)).toBe('info the backend a:1 connects again');
  });

  it('is tried if no other place is left', async () => {
    const { connect, down, tried } = balanced([A], { maxFailures: 1 });
    down.add(A);
    await expect(connect()).rejects.toThrow('nobody listens there');
    down.clear();
    await connect();
    expect(tried).toEqual(['a', 'a']);
  });

  it('counts no connection', async () => {
    const { backends, connect, down } = balanced([A]);
    down.add(A);
    await connect().catch(() => {});
    expect(backends.status[0]!.connections).toBe(0);
  });

  it('ends the tries after maxTries places', async () => {
    const { connect, down, tried } = balanced([A, B, C], { maxTries: 2 });
    for (const place of [A, B, C]) down.add(place);
    await expect(connect()).rejects.toThrow('nobody listens there');
    expect(tried).toHaveLength(2);
  });

  it('is not ejected for a client that has left, nor for a mistake of the program', async () => {
    const { backends } = balanced([A, B], { maxFailures: 1 });
    const aborter = new AbortController();
    const leaves = async (): Promise<Channel> => {
      aborter.abort(new Error('the client has left'));
      throw new ChannelError('CHANNEL_CLOSED', 'aborted');
    };
    await expect(backends.connect(leaves, { signal: aborter.signal })).rejects.toThrow(
      'the client has left',
    );
    const wrong = async (): Promise<Channel> => {
      throw new OptionError('OPTION_INVALID', 'port is 0', {});
    };
    await expect(backends.connect(wrong)).rejects.toThrow('port is 0');
    expect(backends.status.every(({ isUsable }) => isUsable)).toBe(true);
  });
});

describe('the check of a place', () => {
  function checked(options: BackendsOptions<Place> = {}) {
    const sick = new Set<Place>();
    const signals: AbortSignal[] = [];
    const check = async (place: Place, { signal }: { signal: AbortSignal }): Promise<void> => {
      signals.push(signal);
      if (sick.has(place)) throw new Error('out of memory');
    };
    const all = balanced([A, B], { check, checkEveryMs: 1000, ...options });
    const pass = async (ms: number): Promise<void> => {
      await all.clock.advance(ms);
      await turn();
    };
    return { ...all, sick, signals, pass };
  }

  it('keeps connections away from a place until it passes again', async () => {
    const { backends, connect, lines, pass, sick, tried } = checked();
    sick.add(A);
    await pass(0);
    expect(lines).toEqual([
      'warn the backend a:1 gets no connections, its check failed: out of memory',
    ]);
    await connect();
    await connect();
    expect(tried.splice(0)).toEqual(['b', 'b']);
    sick.clear();
    await pass(1000);
    expect(lines.at(-1)).toBe('info the backend a:1 passes its check again');
    await connect();
    expect(tried).toEqual(['a']);
    backends.close();
  });

  it('fails after its time, and its signal aborts', async () => {
    const signals: AbortSignal[] = [];
    const check = (_place: Place, { signal }: { signal: AbortSignal }): Promise<never> => {
      signals.push(signal);
      return new Promise(() => {});
    };
    const { backends, pass } = checked({ check, checkTimeoutMs: 500 });
    await pass(0);
    expect(backends.status[0]!.isUsable).toBe(true);
    await pass(500);
    expect(backends.status.map(({ isUsable }) => isUsable)).toEqual([false, false]);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    backends.close();
  });

  it('stops for a place that has left, and for all places after close', async () => {
    const { backends, clock, pass, signals } = checked();
    await pass(0);
    expect(signals).toHaveLength(2);
    backends.update([A]);
    await pass(1000);
    expect(signals).toHaveLength(3);
    backends.close();
    await pass(5000);
    expect(signals).toHaveLength(3);
    expect(clock.pendingTimers).toBe(0);
  });
});

it('refuses an empty list and a place that is listed twice', () => {
  expect(() => new Backends([])).toThrow('at least one place');
  expect(() => new Backends([A, { ...A }])).toThrow('each place once');
});
