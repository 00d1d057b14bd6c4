import { Readable } from 'node:stream';
import { exponential, fixed, type Loss, PlaceBalance, RetryBudget, spread } from '@headrace/client';
import { textLines } from '@headrace/codec';
import { type Channel, ChannelError, type MemoryTarget, OptionError } from '@headrace/core';
import { isOwnFault, markPeerLeaving } from '@headrace/core/authoring';
import { HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryWorld, story } from './memory-world.ts';

let world: MemoryWorld;
beforeEach(() => {
  world = new MemoryWorld();
});
afterEach(() => world.end());

const code = (error: unknown): unknown => (error as { code?: unknown }).code;
const outcome = (future: PromiseLike<void>): Promise<unknown> =>
  Promise.resolve(future).then(() => 'sent', code);

describe('ReconnectingClient, its connections', () => {
  it('comes back every second, for the first connect as for a loss', async () => {
    const client = world.client(['a'], { retry: fixed(1000) });
    const states = story(client);
    const started = client.start();
    await world.pass(1500);
    await world.up('a');
    await world.pass(1000);
    await started;
    expect(client.state.name).toBe('online');
    await world.pass(20_000);
    await world.down('a');
    await world.pass(1500);
    await world.up('a');
    await world.pass(1000);
    expect(states).toEqual([
      'connecting 1 a',
      'waiting 1000 refused',
      'connecting 2 a',
      'waiting 1000 refused',
      'connecting 3 a',
      'online',
      'waiting 0 reset',
      'connecting 1 a',
      'waiting 1000 refused',
      'connecting 2 a',
      'waiting 1000 refused',
      'connecting 3 a',
      'online',
    ]);
  });

  it('waits for growing times, and begins again after a stable connection only', async () => {
    const client = world.client(['a'], {
      retry: exponential({ baseMs: 1000, jitter: 'none' }),
      stableMs: 10_000,
    });
    const states = story(client);
    await world.up('a');
    await world.start(client);
    for (const onlineMs of [7000, 7000, 11_000]) {
      await world.pass(onlineMs);
      world.connections('a')[0]?.close();
      await world.pass(4000);
    }
    const waits = states.filter((line) => line.startsWith('waiting'));
    expect(waits).toEqual(['waiting 2000 peer', 'waiting 4000 peer', 'waiting 1000 peer']);
  });

  it('tries at once after a move, and eight moves later only if a connection was stable between', async () => {
    const client = world.client(['a'], { retry: fixed(1000), stableMs: 10_000 });
    const states = story(client);
    await world.up('a');
    await world.start(client);
    const move = async (): Promise<void> => {
      client.channel?.close('moved');
      await world.pass(500);
    };
    for (let i = 0; i < 8; i++) await move();
    const waits = () => states.filter((line) => line.startsWith('waiting'));
    expect(client.state.name).toBe('online');
    expect(waits()).toEqual([]);
    await move();
    expect(waits()).toEqual(['waiting 1000 moved']);
    await world.pass(11_000);
    await move();
    expect(waits()).toHaveLength(1);
    expect(client.state.name).toBe('online');
  });

  it('waits 5 s at most while connects are refused, and longer after tries that cost the server work', async () => {
    const client = world.client(['a'], { retry: spread() });
    const states = story(client);
    await world.up('a');
    await world.start(client);
    await world.down('a');
    await world.pass(28_000);
    const waits = () => states.filter((line) => line.startsWith('waiting'));
    const refused = [3000, 4500, 5000, 5000, 5000, 5000];
    expect(waits()).toEqual(['waiting 999 reset', ...refused.map((ms) => `waiting ${ms} refused`)]);
    await world.up('a');
    await world.pass(5000);
    expect(client.state.name).toBe('online');

    const refusing = world.client(['a'], {
      retry: spread(),
      ready: async () => Promise.reject(new Error('busy')),
    });
    const other = story(refusing);
    void refusing.start().catch(() => {});
    await world.pass(60_000);
    const costly = [1000, 3000, 6000, 12_000, 23_000, 30_000];
    expect(other.filter((line) => line.startsWith('waiting'))).toEqual(
      costly.map((ms) => `waiting ${ms} ready`),
    );
  });

  it('waits for as long as a refusal asks for, and half of it longer for some', async () => {
    let answers = 0;
    const addresses = async () => {
      answers += 1;
      if (answers < 3) throw new ChannelError('CHANNEL_FAILED', 'busy', { retryAfterMs: 20_000 });
      return [world.place('a')];
    };
    const client = world.client(['a'], { addresses, retry: fixed(100) });
    const states = story(client);
    await world.up('a');
    const started = client.start();
    await world.pass(60_000);
    await started;
    const waits = states.filter((line) => line.startsWith('waiting'));
    expect(waits).toEqual(['waiting 25000 error', 'waiting 25000 error']);
  });

  it('leaves only the place in peace that asked for it', async () => {
    const askedMs: Record<string, number> = { a: 20_000, b: 0 };
    const tried: string[] = [];
    const ready = async (): Promise<void> => {
      const { name } = (client.state as { readonly place: MemoryTarget }).place;
      tried.push(name!);
      const retryAfterMs = askedMs[name!];
      throw new ChannelError('CHANNEL_FAILED', 'busy', retryAfterMs ? { retryAfterMs } : {});
    };
    const client = world.client(['a', 'b'], { retry: fixed(1000), order: 'given', ready });
    const states = story(client);
    for (const name of ['a', 'b']) await world.up(name);
    void client.start().catch(() => {});
    await world.pass(24_500);
    expect(tried.filter((name) => name === 'a')).toHaveLength(1);
    expect(tried.filter((name) => name === 'b')).toHaveLength(25);
    await world.pass(600);
    expect(tried.filter((name) => name === 'a')).toHaveLength(2);

    // If all places ask for a rest, the client waits for the shortest.
    askedMs.b = 4000;
    states.length = tried.length = 0;
    await world.pass(9500);
    expect(states.filter((line) => line.startsWith('waiting'))).toEqual([
      'waiting 5000 ready',
      'waiting 5000 ready',
    ]);
    expect(tried).toEqual(['b', 'b']);
    await client.close();
  });

  it('does not ask a route service that wants a rest while a place is known', async () => {
    let asked = 0;
    const addresses = async () => {
      asked += 1;
      if (asked === 2) throw new ChannelError('CHANNEL_FAILED', 'busy', { retryAfterMs: 20_000 });
      return [world.place('a')];
    };
    const client = world.client(['a'], { addresses, retry: fixed(1000) });
    const states = story(client);
    await world.up('a');
    await world.start(client);
    await world.down('a');
    await world.pass(24_500);
    expect(asked).toBe(2);
    expect(states.filter((line) => line.startsWith('connecting')).length).toBeGreaterThan(20);
    await world.pass(3000);
    expect(asked).toBeGreaterThan(2);
    await client.close();
  });

  it('goes elsewhere at once after a planned end, however often, and waits after failures', async () => {
    const client = world.client(['a', 'b', 'c'], { retry: spread() });
    const states = story(client);
    for (const name of ['a', 'b', 'c']) await world.up(name);
    await world.start(client);
    for (let i = 0; i < 12; i += 1) {
      const { name } = (client.state as { readonly place: MemoryTarget }).place;
      states.length = 0;
      await world.stop(name!);
      await world.pass(1200);
      expect(states).toEqual([
        'waiting 150 peer',
        expect.stringMatching(/^connecting 1/),
        'online',
      ]);
      await world.up(name!);
    }
    states.length = 0;
    for (const name of ['a', 'b', 'c']) for (const one of world.connections(name)) one.abort();
    await world.pass(10);
    expect(states).toEqual([expect.stringMatching(/^waiting \d{3,4} reset$/)]);
  });

  it('a place with a planned end has not failed: it is only the last one of the next round', async () => {
    const client = world.client(['a', 'b'], { retry: fixed(100) });
    for (const name of ['a', 'b']) await world.up(name);
    await world.start(client);
    const places: (string | undefined)[] = [];
    for (let i = 0; i < 4; i += 1) {
      const { place } = client.state as { readonly place: MemoryTarget };
      places.push(place.name);
      await world.stop(place.name);
      await world.up(place.name);
      await world.pass(1500);
    }
    expect(places).toEqual(['a', 'b', 'a', 'b']);
  });

  it('an end in order of the only place that it knows is not planned, unless the server has said so', async () => {
    const client = world.client(['a'], { retry: () => 5000 });
    const states = story(client);
    await world.up('a');
    await world.start(client);
    world.connections('a')[0]?.close();
    await world.pass(6000);
    expect(states.splice(0)).toContain('waiting 5000 peer');
    for (const end of ['close', 'abort'] as const) {
      markPeerLeaving(client.channel!);
      world.connections('a')[0]?.[end]();
      await world.pass(1000);
      expect(states.splice(0)).toEqual(['waiting 150 moved', 'connecting 1 a', 'online']);
    }
    await world.stop('a');
    await world.pass(10);
    expect(states).toEqual(['waiting 5000 peer']);
  });

  it('a policy that is faster, that gives up, or a shouldRetry with a time, decides on a planned end as well', async () => {
    const waits: string[] = [];
    for (const options of [
      { retry: () => 20 },
      { retry: () => undefined },
      { shouldRetry: () => ({ afterMs: 7000 }) },
      { shouldRetry: () => false },
    ]) {
      for (const name of ['a', 'b']) await world.up(name);
      const client = world.client(['a', 'b'], options);
      const states = story(client);
      await world.start(client);
      states.length = 0;
      await world.stop('a');
      await world.pass(1000);
      waits.push(states[0]!);
      void client.close();
      await world.down('b');
    }
    expect(waits).toEqual([
      'waiting 20 peer',
      'closed given-up',
      'waiting 7000 peer',
      'closed given-up',
    ]);
  });

  it('a server that ends each connection at once is not a reason to connect for ever', async () => {
    world.onAccepted = (channel) => void channel.end();
    const client = world.client(['a', 'b'], { retry: () => 60_000 });
    const states = story(client);
    for (const name of ['a', 'b']) await world.up(name);
    await world.start(client);
    await world.pass(10_000);
    expect(states.filter((line) => line === 'online')).toHaveLength(9);
    expect(states.at(-1)).toBe('waiting 60000 peer');
  });

  it('a server that announces the end of each connection, and ends none, is not left with more and more of them', async () => {
    const client = world.client(['a', 'b'], { retry: fixed(1000) });
    for (const name of ['a', 'b']) await world.up(name);
    await world.start(client);
    for (let i = 0; i < 50; i += 1) {
      client.moveOn();
      await world.pass(1500);
      expect(client.state.name).toBe('online');
    }
    const open = ['a', 'b'].flatMap((name) => world.connections(name));
    expect(open.length).toBeLessThanOrEqual(9);
  });

  it.each([
    ['and ends none', Number.POSITIVE_INFINITY],
    ['and ends it half a second later', 500],
  ])(
    'a server that announces the end of each connection at once, %s, is connected to less and less often',
    async (_, endsAfterMs) => {
      const client = world.client(['a', 'b'], {
        retry: exponential({ maxMs: 60_000, jitter: 'none' }),
      });
      for (const name of ['a', 'b']) await world.up(name);
      let count = 0;
      client.on('state', (state) => {
        if (state.name !== 'online') return;
        count += 1;
        const { channel } = state;
        if (endsAfterMs < 60_000) world.clock.schedule(() => channel.end(), endsAfterMs);
        client.moveOn();
      });
      await world.start(client);
      for (let i = 0; i < 40; i += 1) await world.pass(15_000);
      expect(count).toBeGreaterThan(15);
      expect(count).toBeLessThan(40);
    },
  );

  it('gives up after five tries, with an error and a state', async () => {
    const client = world.client(['a'], { retry: fixed(3000, { attempts: 5 }) });
    const states = story(client);
    const started = client.start().catch((error: unknown) => error);
    await world.pass(12_001);
    const error = await started;
    expect(code(error)).toBe('HR_ERR_RECONNECT_GIVEN_UP');
    expect((error as Error).message).toContain('given up after 5 tries');
    expect(code((error as Error).cause)).toBe('HR_ERR_CHANNEL_REFUSED');
    expect(states.filter((line) => line.startsWith('connecting'))).toHaveLength(5);
    expect(client.state).toMatchObject({ name: 'closed', reason: 'given-up', error });
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('success during the tries ends them, and the next loss has five again', async () => {
    const client = world.client(['a'], { retry: fixed(3000, { attempts: 5 }) });
    const states = story(client);
    void client.start();
    await world.pass(7000);
    await world.up('a');
    await world.pass(20_000);
    expect(client.state.name).toBe('online');
    states.length = 0;
    await world.down('a');
    await world.pass(13_000);
    expect(states.filter((line) => line.startsWith('connecting'))).toHaveLength(5);
    expect(states.at(-1)).toBe('closed given-up');
  });

  it('a place that failed goes to the end, even when its connection was lost', async () => {
    await world.up('b');
    await world.up('c');
    const client = world.client(['a', 'b', 'c'], { retry: fixed(100) });
    const states = story(client);
    void client.start();
    await world.pass(200);
    await world.down('b');
    await world.pass(300);
    expect(states.filter((line) => line.startsWith('connecting'))).toEqual([
      'connecting 1 a',
      'connecting 2 b',
      'connecting 3 c',
    ]);
  });

  it('tries all places before the first wait, even when a place is not ready', async () => {
    await world.up('b');
    const client = world.client(['a', 'b', 'c', 'd'], {
      retry: fixed(1000),
      ready: () => Promise.reject(new Error('not ready')),
    });
    const states = story(client);
    const losses: string[] = [];
    client.on('loss', ({ kind, place }) => losses.push(`${place?.name} ${kind}`));
    void client.start();
    await world.pass(1);
    expect(states).toEqual([
      ...['connecting 1 a', 'connecting 2 b', 'readying'],
      ...['connecting 3 c', 'connecting 4 d', 'waiting 1000 refused'],
    ]);
    expect(losses).toEqual(['a refused', 'b ready', 'c refused', 'd refused']);
    await world.pass(1000);
    expect(states.slice(6)).toEqual([
      ...['connecting 5 a', 'connecting 6 b', 'readying'],
      ...['connecting 7 c', 'connecting 8 d', 'waiting 1000 refused'],
    ]);
  });

  it('policies count rounds, and the error of the end counts tries', async () => {
    const rounds: number[] = [];
    const retry = (round: number) => (rounds.push(round) < 2 ? 1000 : undefined);
    const client = world.client(['a', 'b', 'c'], { retry });
    const started = client.start().catch((error: Error) => error.message);
    await world.pass(1);
    await world.pass(1000);
    expect(await started).toContain('given up after 6 tries');
    expect(rounds).toEqual([2, 3]);
  });

  it('waits within a round as long as shouldRetry says, and gives up when it says no', async () => {
    const client = world.client(['a', 'b'], {
      shouldRetry: ({ place }) => (place?.name === 'a' ? { afterMs: 7000 } : false),
    });
    const states = story(client);
    void client.start().catch(() => {});
    await world.pass(7001);
    expect(states).toEqual([
      'connecting 1 a',
      'waiting 7000 refused',
      'connecting 2 b',
      'closed given-up',
    ]);
  });

  it('a place that does not answer is joined by the next ones, and the first that connects wins', async () => {
    await world.up('c');
    const plain = world.bootstrap();
    const aborted: string[] = [];
    const client = world.client(['a', 'b', 'c', 'd'], {
      raceMs: 200,
      bootstrap: {
        connect: (place, options) => {
          if (place.name === 'c') return plain.connect(place, options);
          options.signal.addEventListener('abort', () => aborted.push(place.name));
          return new Promise(() => {});
        },
      },
    });
    const states = story(client);
    void client.start();
    await world.pass(401);
    expect(states).toEqual(['connecting 1 a', 'connecting 2 b', 'connecting 3 c', 'online']);
    expect(client.state).toMatchObject({ place: { name: 'c' } });
    expect(aborted).toEqual(['a', 'b']);
    await world.pass(20_000);
    expect(states).toHaveLength(4);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('connects within the time of a race where the first place is a black hole', async () => {
    await world.up('b');
    const plain = world.bootstrap();
    const client = world.client(['a', 'b'], {
      bootstrap: {
        connect: (place, options) =>
          place.name === 'a' ? new Promise(() => {}) : plain.connect(place, options),
      },
    });
    void client.start();
    await world.pass(251);
    expect(client.state.name).toBe('online');
  });

  it('without a race one place follows the other', async () => {
    const client = world.client(['a', 'b'], {
      raceMs: false,
      bootstrap: { connect: () => new Promise(() => {}) },
    });
    const states = story(client);
    void client.start();
    await world.pass(9999);
    expect(states).toEqual(['connecting 1 a']);
    await world.pass(2);
    expect(states).toEqual(['connecting 1 a', 'connecting 2 b']);
  });

  it('a place of a race that fails lets the next one join at once, and the others go on', async () => {
    await world.up('c');
    const plain = world.bootstrap();
    let connectA = (): void => {};
    const client = world.client(['a', 'b', 'c'], {
      bootstrap: {
        connect: async (place, options) => {
          if (place.name === 'b') throw new ChannelError('CHANNEL_REFUSED', 'refused');
          await new Promise<void>((resolve) => {
            if (place.name === 'a') connectA = resolve;
          });
          return plain.connect(world.place('c'), options);
        },
      },
    });
    const states = story(client);
    const losses: string[] = [];
    client.on('loss', ({ place, error }) => losses.push(`${place?.name}: ${error.message}`));
    void client.start();
    await world.pass(251);
    expect(states).toEqual(['connecting 1 a', 'connecting 2 b', 'connecting 3 c']);
    expect(losses).toEqual(['b: refused']);
    connectA();
    await world.pass(1);
    expect(client.state).toMatchObject({ name: 'online', place: { name: 'a' } });
  });

  it('gives up in the middle of a race when shouldRetry says no', async () => {
    const aborted: unknown[] = [];
    const client = world.client(['a', 'b'], {
      shouldRetry: () => false,
      bootstrap: {
        connect: (place, { signal }) => {
          if (place.name === 'b') return Promise.reject(new Error('no'));
          signal.addEventListener('abort', () => aborted.push(place.name));
          return new Promise(() => {});
        },
      },
    });
    const started = client.start().catch((error: Error) => error.message);
    await world.pass(251);
    expect(await started).toBe('given up after 2 tries: no');
    expect(aborted).toEqual(['a']);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('the tries of the first round are free, whatever the budget has', async () => {
    const budget = new RetryBudget({ perSecond: 0.001, burst: 1 });
    const client = world.client(['a', 'b', 'c'], { retry: fixed(1000), budget });
    const states = story(client);
    void client.start();
    await world.pass(1);
    expect(states).toEqual([
      ...['connecting 1 a', 'connecting 2 b', 'connecting 3 c'],
      'waiting 1000 refused',
    ]);
    expect(budget.tryTake(world.clock.now())).toBe(true);
  });

  it('a budget holds for the later places of a round too, and for those that join a race', async () => {
    const budget = new RetryBudget({ perSecond: 1, burst: 1 });
    const client = world.client(['a', 'b'], { retry: fixed(60_000), budget });
    const states = story(client);
    void client.start();
    await world.pass(60_001);
    // The first round is free; the second one has one token, and waits for the next.
    expect(states.slice(2)).toEqual([
      'waiting 60000 refused',
      'connecting 3 a',
      'waiting 1000 refused',
    ]);
    await world.pass(1000);
    expect(states.slice(5)).toEqual(['connecting 4 b', 'waiting 60000 refused']);
    const hanging = world.client(['a', 'b'], {
      retry: fixed(1000),
      connectTimeoutMs: 2000,
      budget,
      bootstrap: { connect: () => new Promise(() => {}) },
    });
    const others = story(hanging);
    void hanging.start();
    await world.pass(3200);
    expect(others).toEqual(['connecting 1 a', 'connecting 2 b', 'waiting 1000 timeout']);
    await world.pass(60);
    while (budget.tryTake(world.clock.now())) {}
    await world.pass(500);
    expect(others.slice(3)).toEqual(['connecting 3 a']);
    await world.pass(750);
    expect(others.slice(3)).toEqual(['connecting 3 a', 'connecting 4 b']);
  });

  it('clients that share a balance go to different places, and to the free one after a loss', async () => {
    for (const name of ['a', 'b', 'c']) await world.up(name);
    const balance = new PlaceBalance();
    const options = { order: 'shuffle', balance, retry: fixed(100) } as const;
    const clients = [1, 2, 3].map(() => world.client(['a', 'b', 'c'], options));
    for (const client of clients) await world.start(client);
    const counts = () => ['a', 'b', 'c'].map((name) => world.connections(name).length);
    expect(counts()).toEqual([1, 1, 1]);
    void clients[0]!.close();
    await world.pass(3000);
    const other = world.client(['a', 'b', 'c'], options);
    await world.start(other);
    expect(counts()).toEqual([1, 1, 1]);
    for (const client of [...clients, other]) void client.close();
    await world.pass(3000);
    for (const name of ['a', 'b', 'c']) expect(balance.connectionsTo(world.place(name))).toBe(0);
  });

  it('asks a function for the places before each round through them, and uses the last ones while it fails', async () => {
    const answers: (readonly string[] | Error)[] = [['a', 'b'], new Error('down'), ['c']];
    let asked = 0;
    const client = world.client([], {
      retry: fixed(1000),
      addresses: async (): Promise<MemoryTarget[]> => {
        const answer = answers[Math.min(asked++, 2)]!;
        if (answer instanceof Error) throw answer;
        return answer.map((name) => world.place(name));
      },
    });
    const states = story(client);
    await world.up('c');
    void client.start();
    await world.pass(3500);
    expect(states.filter((line) => line.startsWith('connecting'))).toEqual([
      'connecting 1 asking',
      'connecting 1 a',
      'connecting 2 b',
      'connecting 3 asking',
      'connecting 3 a',
      'connecting 4 b',
      'connecting 5 asking',
      'connecting 5 c',
    ]);
    expect(client.state.name).toBe('online');
  });

  it('a function for the places is told when all of its places have failed, but not after a loss', async () => {
    const told: (boolean | undefined)[] = [];
    const client = world.client([], {
      retry: fixed(1000),
      addresses: ({ haveFailed }: { readonly haveFailed?: boolean }) => {
        told.push(haveFailed);
        return [world.place(told.length < 3 ? 'dead' : 'a')];
      },
    });
    await world.up('a');
    const started = client.start();
    await world.pass(2001);
    await started;
    expect(told).toEqual([false, true, true]);
    await world.down('a');
    await world.pass(3500);
    expect(told).toEqual([false, true, true, false, true, true]);
  });

  it('a function for the places that gives none, or never answers, is a loss', async () => {
    const answers = [() => [], () => new Promise<never>(() => {}), () => 'a' as never];
    let asked = 0;
    const client = world.client([], {
      retry: fixed(1000, { attempts: 3 }),
      connectTimeoutMs: 5000,
      addresses: () => answers[asked++]!(),
    });
    const states = story(client);
    const started = client.start().catch(code);
    await world.pass(10_000);
    expect(await started).toBe('HR_ERR_RECONNECT_GIVEN_UP');
    expect(states.filter((line) => line.startsWith('waiting'))).toEqual([
      'waiting 1000 error',
      'waiting 1000 timeout',
    ]);
  });

  it('a connect that takes too long is a loss, and a connection that comes later is closed', async () => {
    const late: Array<() => void> = [];
    const bootstrap = world.bootstrap();
    const closed: boolean[] = [];
    const client = world.client(['a'], {
      retry: fixed(1000, { attempts: 1 }),
      connectTimeoutMs: 3000,
      bootstrap: {
        connect: async (place) => {
          await new Promise<void>((resolve) => late.push(resolve));
          const channel = await bootstrap.connect(place);
          channel.onClosed(() => closed.push(true));
          return channel;
        },
      },
    });
    await world.up('a');
    const started = client.start().catch((error: Error) => error.cause);
    await world.pass(3001);
    expect(code(await started)).toBe('HR_ERR_TIMEOUT_CONNECT');
    late[0]?.();
    await world.pass(10);
    expect(closed).toEqual([true]);
  });

  it('is online when ready has resolved; a rejection and a time-out are losses', async () => {
    await world.up('a');
    const signIns = [
      () => Promise.reject(new Error('who are you?')),
      () => new Promise(() => {}),
      () => {
        throw new Error('thrown');
      },
      () => Promise.resolve(),
    ];
    let asked = 0;
    const client = world.client(['a'], {
      retry: fixed(1000),
      readyTimeoutMs: 2000,
      ready: () => signIns[asked++]!(),
    });
    const states = story(client);
    const errors: unknown[] = [];
    client.on('state', (state) => {
      if (state.name === 'waiting') errors.push(state.loss.error.message);
    });
    void client.start();
    await world.pass(8000);
    expect(states).toEqual([
      'connecting 1 a',
      'readying',
      'waiting 1000 ready',
      'connecting 2 a',
      'readying',
      'waiting 1000 ready',
      'connecting 3 a',
      'readying',
      'waiting 1000 ready',
      'connecting 4 a',
      'readying',
      'online',
    ]);
    expect(errors[0]).toBe('who are you?');
    expect(errors[1]).toContain('readyTimeoutMs (2000)');
    expect(errors[2]).toBe('thrown');
    expect(world.connections('a')).toHaveLength(1);
  });

  it('says of a connection that closes before it is ready that it was not ready', async () => {
    await world.up('a');
    const losses: unknown[] = [];
    const client = world.client(['a'], {
      ready: (channel: Channel) =>
        new Promise((_, reject) => channel.onClosed(() => reject(new Error('no welcome')))),
      shouldRetry: ({ kind, during, error }: Loss) => {
        losses.push([kind, during, error.message]);
        return during !== 'readying';
      },
    });
    const started = client.start();
    started.catch(() => {});
    await world.pass(10);
    for (const connection of world.connections('a')) void connection.close();
    await world.pass(10);
    const text = 'the connection was lost before `ready` (peer)';
    expect(losses).toEqual([['peer', 'readying', text]]);
    await expect(started).rejects.toThrow(`given up after 1 try: ${text}`);
  });

  it('fills no log with the stacks of functions that fail for each try', async () => {
    await world.up('b');
    const losses: unknown[] = [];
    const shouldRetry = ({ during, error }: Loss) => {
      losses.push([during, isOwnFault(error)]);
      return false;
    };
    const ready = () => Promise.reject(new Error('no welcome'));
    const connect = () => Promise.reject(new Error('no server is free'));
    for (const client of [
      world.client(['a'], { shouldRetry, bootstrap: { connect } }),
      world.client(['b'], { shouldRetry, ready }),
    ]) {
      client.start().catch(() => {});
      await world.pass(10);
    }
    expect(losses).toEqual([
      ['connecting', false],
      ['readying', false],
    ]);
  });

  it('shouldRetry gets the loss, and says no, or when', async () => {
    const client = world.client(['a'], {
      retry: fixed(1000),
      shouldRetry: ({ during, kind }) =>
        kind === 'moved' ? { afterMs: 7000 } : during === 'connecting',
    });
    const states = story(client);
    await world.up('a');
    await world.start(client);
    client.channel?.close('moved');
    await world.pass(7500);
    expect(states).toContain('waiting 7000 moved');
    expect(client.state.name).toBe('online');
    world.connections('a')[0]?.close();
    await world.pass(10);
    expect(states.at(-1)).toBe('closed given-up');
  });

  it('gives up with the error of a policy or a shouldRetry that is not valid', async () => {
    for (const options of [
      { retry: () => Number.NaN },
      { retry: () => 'soon' as never },
      { retry: () => undefined },
      {
        shouldRetry: () => {
          throw new Error('oops');
        },
      },
    ]) {
      const client = world.client(['a'], options);
      const started = client.start().catch(code);
      await world.pass(10);
      expect(await started).toBe('HR_ERR_RECONNECT_GIVEN_UP');
    }
  });

  it('does not try again what is configured wrongly', async () => {
    const client = world.client(['a'], {
      bootstrap: {
        connect: () => Promise.reject(new OptionError('OPTION_CONFLICT', 'no handler')),
      },
    });
    const started = client.start().catch((error: Error) => error.message);
    await world.pass(10);
    expect(await started).toBe('given up after 1 try: no handler');
  });

  it('a place that a function or a server gave wrongly is a loss like others', async () => {
    await world.up('a');
    const plain = world.bootstrap();
    const bootstrap = {
      connect: async (place: MemoryTarget, options: { readonly signal: AbortSignal }) => {
        if (place.name === 'a') return plain.connect(place, options);
        throw new OptionError('OPTION_INVALID', 'port is 0');
      },
    };
    const addresses = () => [world.place('wrong'), world.place('a')];
    const client = world.client([], { bootstrap, addresses });
    const causes: unknown[] = [];
    client.on('loss', ({ error }) => causes.push([error.message, (error.cause as Error).message]));
    await world.start(client);
    expect(causes).toEqual([
      ['a place that the client was given is not valid: port is 0', 'port is 0'],
    ]);
    const sent = world.client(['a'], { bootstrap });
    sent.preferOnce([world.place('wrong')]);
    await world.start(sent);
    expect([client.state.name, sent.state.name]).toEqual(['online', 'online']);
  });

  it('in the order given, begins with the first place again after a stable connection', async () => {
    await world.up('b');
    const client = world.client(['a', 'b'], { retry: fixed(100) });
    const states = story(client);
    void client.start();
    await world.pass(11_000);
    await world.up('a');
    await world.down('b');
    await world.pass(101);
    expect(states.filter((line) => line.startsWith('connecting'))).toEqual([
      ...['connecting 1 a', 'connecting 2 b', 'connecting 1 a'],
    ]);
  });

  it('tries no more than 32 places in a round, each that a server names once', async () => {
    const tried: string[] = [];
    const client = world.client(['own'], {
      retry: fixed(1000),
      bootstrap: {
        connect: async ({ name }) => {
          tried.push(name);
          throw new Error('no');
        },
      },
    });
    client.preferOnce([...Array(2000)].map((_, i) => world.place(`p${Math.floor(i / 2)}`)));
    void client.start();
    await world.pass(1);
    expect(tried).toEqual([...Array(32)].map((_, i) => `p${i}`));
    expect(client.state.name).toBe('waiting');
    await world.pass(1000);
    expect(tried.slice(32)).toEqual(['own']);
  });

  it('comes to all places of a long list, 32 in a round', async () => {
    const names = [...Array(70)].map((_, i) => `p${i}`);
    const tried: string[] = [];
    for (const addresses of [names.map((name) => world.place(name)), undefined]) {
      tried.length = 0;
      const client = world.client([], {
        retry: fixed(1000),
        addresses: addresses ?? (() => names.map((name) => world.place(name))),
        bootstrap: {
          connect: async ({ name }) => {
            tried.push(name);
            throw new Error('no');
          },
        },
      });
      void client.start();
      await world.pass(1);
      expect(tried).toEqual(names.slice(0, 32));
      await world.pass(2000);
      expect(tried.slice(0, 70)).toEqual(names);
      void client.close();
    }
  });

  it('has no two tries of one place under way', async () => {
    await world.up('a');
    const plain = world.bootstrap();
    const begun: (() => void)[] = [];
    const client = world.client(['a', 'b'], {
      raceMs: 100,
      connectTimeoutMs: 9000,
      bootstrap: {
        connect: async (_place, options) => {
          await new Promise<void>((resolve) => begun.push(resolve));
          return plain.connect(world.place('a'), options);
        },
      },
    });
    const states = story(client);
    client.preferOnce([world.place('a'), world.place('a')]);
    void client.start();
    await world.pass(50);
    client.preferOnce([world.place('a')]);
    await world.pass(500);
    expect(states).toEqual(['connecting 1 a', 'connecting 2 b']);
    for (const go of begun) go();
    await world.pass(1);
    expect(world.connections('a')).toHaveLength(1);
  });

  it('a budget spaces the tries of all clients of a process', async () => {
    const budget = new RetryBudget({ perSecond: 2, burst: 1 });
    const clients = Array.from({ length: 5 }, () =>
      world.client(['a'], { retry: fixed(60_000), budget }),
    );
    await world.up('a');
    for (const client of clients) await world.start(client);
    await world.pass(20_000);
    await world.down('a');
    await world.up('a');
    const begun = world.clock.now();
    const onlineAt: number[] = [];
    for (const client of clients) {
      client.on('state', ({ name }) => {
        if (name === 'online') onlineAt.push(world.clock.now() - begun);
      });
    }
    await world.pass(5000);
    expect(onlineAt).toEqual([0, 500, 1000, 1500, 2000]);
  });

  it('a changed network tries at once, and resets the adaptive interval', async () => {
    let resets = 0;
    const adaptive = { reset: () => (resets += 1) };
    const client = world.client(['a'], { retry: () => 60_000, adaptive });
    void client.start();
    await world.pass(1000);
    expect(client.state.name).toBe('waiting');
    await world.up('a');
    client.networkChanged();
    await world.pass(1);
    expect(client.state.name).toBe('online');
    client.networkChanged();
    await world.pass(1);
    expect(client.state.name).toBe('online');
    expect(resets).toBe(2);
    expect(world.connections('a')).toHaveLength(1);
  });

  it('a changed network takes no client past the budget, however often it changes', async () => {
    const budget = new RetryBudget({ perSecond: 2, burst: 1 });
    const options = { retry: fixed(60_000), budget };
    const clients = Array.from({ length: 5 }, () => world.client(['a'], options));
    const onlineAt: number[] = [];
    for (const client of clients) {
      void client.start();
      client.on('state', ({ name }) => {
        if (name === 'online') onlineAt.push(world.clock.now() - begun);
      });
    }
    await world.pass(10_000);
    await world.up('a');
    const begun = world.clock.now();
    for (let passed = 0; passed < 2500; passed += 100) {
      for (const client of clients) client.networkChanged();
      await world.pass(100);
    }
    expect(onlineAt).toEqual([0, 500, 1000, 1500, 2000]);
  });

  it('a changed network makes the heartbeat beat, so that a connection that is dead is found soon', async () => {
    const heartbeat = () =>
      new HeartbeatHandler({ intervalMs: 600_000, timeoutMs: 2000, maxMissed: 1, jitter: 0 });
    const client = world.client(['a'], {
      retry: fixed(1000),
      bootstrap: world
        .bootstrap()
        .handler((channel) =>
          channel.pipeline.addLast(...textLines({ maxLength: 99 }), heartbeat()),
        ),
    });
    await world.up('a');
    await world.start(client);
    const losses: string[] = [];
    client.on('loss', ({ kind }) => losses.push(kind));
    await world.pass(5000);
    expect(losses).toEqual([]);
    client.networkChanged();
    await world.pass(2001);
    expect(losses).toEqual(['heartbeat']);
  });

  it('a changed network restarts a connect that is under way', async () => {
    const aborted: boolean[] = [];
    const client = world.client(['a'], {
      bootstrap: {
        connect: (_place, { signal }) => {
          signal.addEventListener('abort', () => aborted.push(true));
          return new Promise(() => {});
        },
      },
    });
    void client.start();
    await world.pass(100);
    client.networkChanged();
    await world.pass(100);
    expect(aborted).toEqual([true]);
    expect(client.state).toMatchObject({ name: 'connecting', attempt: 1 });
  });

  it('leaves a server that is silent, by the heartbeat in its pipeline', async () => {
    const heartbeat = () => new HeartbeatHandler({ ...HEARTBEAT_PRESETS.strict, jitter: 0 });
    const client = world.client(['a'], {
      retry: fixed(1000),
      bootstrap: world
        .bootstrap()
        .handler((channel) =>
          channel.pipeline.addLast(...textLines({ maxLength: 99 }), heartbeat()),
        ),
    });
    await world.up('a');
    await world.start(client);
    const losses: string[] = [];
    client.on('state', (state) => {
      if (state.name === 'waiting') losses.push(`${state.loss.kind} at ${world.clock.now()}`);
    });
    await world.pass(9000);
    expect(losses).toHaveLength(1);
    expect(losses[0]).toMatch(/^heartbeat at \d+$/);
    await world.pass(1010);
    expect(client.state.name).toBe('online');
  });

  it('close is final in each state, and leaves no timer', async () => {
    const hanging = { connect: () => new Promise<never>(() => {}) };
    const cases = [
      { client: world.client(['a']), state: 'idle', start: false },
      { client: world.client(['a'], { bootstrap: hanging }), state: 'connecting', start: true },
      { client: world.client(['a']), state: 'waiting', start: true },
      {
        client: world.client(['b'], { ready: () => new Promise(() => {}) }),
        state: 'readying',
        start: true,
      },
      { client: world.client(['b']), state: 'online', start: true },
    ];
    await world.up('b');
    for (const { client, state, start } of cases) {
      const states = story(client);
      if (start) void client.start();
      await world.pass(1);
      expect(client.state.name).toBe(state);
      const closing = client.close();
      const write = client.write('too late');
      expect(code(write.error)).toBe('HR_ERR_CHANNEL_CLOSED');
      await world.pass(2500);
      await closing;
      client.networkChanged();
      await client.close();
      await world.pass(60_000);
      expect(states.filter((line) => line.startsWith('closed'))).toEqual(['closed local']);
      expect(states.at(-1)).toBe('closed local');
    }
    expect(world.connections('b')).toHaveLength(0);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('is closed once by a listener of a loss beside other tries, whatever shouldRetry says', async () => {
    const client = world.client(['a', 'b'], {
      shouldRetry: () => false,
      bootstrap: {
        connect: ({ name }) =>
          name === 'a' ? new Promise(() => {}) : Promise.reject(new Error('no')),
      },
    });
    const states = story(client);
    client.on('loss', () => void client.close());
    void client.start();
    await world.pass(300);
    expect(states).toEqual(['connecting 1 a', 'connecting 2 b', 'closed local']);
  });

  it('a signal closes it, also one that has aborted before', async () => {
    await world.up('a');
    const abort = new AbortController();
    const client = world.client(['a'], { signal: abort.signal });
    await world.start(client);
    abort.abort(new Error('enough'));
    expect(client.state).toMatchObject({ name: 'closed', reason: 'aborted' });
    await world.pass(2500);
    expect(world.connections('a')).toHaveLength(0);
    const late = world.client(['a'], { signal: abort.signal });
    await expect(late.start()).rejects.toThrow('enough');
  });

  it('a listener may close it, or throw, and the states stay in order', async () => {
    await world.up('a');
    const client = world.client(['a']);
    client.on('state', ({ name }) => {
      if (name === 'connecting') void client.close();
      throw new Error('a listener');
    });
    const states = story(client);
    await world.start(client).catch(() => {});
    await world.pass(5000);
    expect(states).toEqual(['connecting 1 a', 'closed local']);
    expect(world.connections('a')).toHaveLength(0);
  });
});

describe('ReconnectingClient, its writes', () => {
  it('keeps writes in order without a connection, and sends them after ready, before later ones', async () => {
    const client = world.client(['a'], {
      retry: fixed(1000),
      ready: (channel) => channel.writeAndFlush('sign-in'),
    });
    const early = [client.write('1'), client.write('2')];
    void client.start();
    client.on('state', ({ name }) => {
      if (name === 'online') client.writeAndFlush('4');
    });
    await world.pass(500);
    early.push(client.write('3'));
    expect([client.waitingMessages, client.waitingBytes]).toEqual([3, 195]);
    await world.up('a');
    await world.pass(1000);
    expect(await Promise.all(early.map(outcome))).toEqual(['sent', 'sent', 'sent']);
    expect(world.lines).toEqual(['sign-in', '1', '2', '3', '4']);
    expect(client.waitingMessages).toBe(0);
  });

  it('does not repeat a write that was given to a connection', async () => {
    const client = world.client(['a'], { retry: fixed(1000) });
    await world.up('a');
    await world.start(client);
    const unflushed = outcome(client.write('unflushed'));
    await world.down('a');
    await world.up('a');
    await world.pass(2000);
    expect(await unflushed).toBe('HR_ERR_CHANNEL_CLOSED');
    expect(client.state.name).toBe('online');
    expect(world.lines).toEqual([]);
  });

  it('fails only the writes that wait too long', async () => {
    const client = world.client(['a'], { offline: { maxAgeMs: 1000 } });
    const old = outcome(client.write('old'));
    await world.pass(600);
    const young = outcome(client.write('young'));
    await world.pass(401);
    expect(client.waitingMessages).toBe(1);
    expect(await old).toBe('HR_ERR_REJECTED_QUEUE');
    await world.up('a');
    void client.start();
    await world.pass(10);
    expect(await young).toBe('sent');
  });

  it('says why there is no connection when a write waits too long, is one too many, or may not wait', async () => {
    const options = [{ maxAgeMs: 1000 }, { maxMessages: 1 }, { policy: 'fail' }] as const;
    const clients = options.map((offline) => world.client(['a'], { offline, retry: fixed(200) }));
    for (const client of clients) client.start().catch(() => {});
    await world.pass(10);
    const writes = clients.flatMap((client) => [client.write('1'), client.write('2')]);
    for (const write of writes) write.catch(() => {});
    await world.pass(1001);
    const errors = writes.flatMap(({ error }) => error ?? []);
    const late = 'no connection within offline.maxAgeMs (1000) after the write';
    const full =
      '1 messages with 65 bytes wait for a connection, and this one exceeds offline.maxMessages (1) or offline.maxBytes (1048576)';
    const none = "there is no connection, and offline.policy is 'fail'";
    expect(errors.map(({ message }) => message)).toEqual(
      [late, late, full, none, none].map((text) =>
        expect.stringContaining(`${text}: nobody listens there`),
      ),
    );
    for (const { cause } of errors) expect(code(cause)).toBe('HR_ERR_CHANNEL_REFUSED');
    const tooLong = clients[1]!.write('x'.repeat(2 ** 20));
    expect([tooLong.error!.message, tooLong.error!.cause]).toEqual([
      'a message of 1048640 bytes exceeds offline.maxBytes (1048576)',
      undefined,
    ]);
    await world.up('a');
    await world.pass(500);
    clients[2]!.channel!.end();
    const ending = clients[2]!.write('1').error!;
    expect([ending.message, ending.cause]).toEqual([none, undefined]);
  });

  it('a stream that waits for a connection may break, and one that is refused is closed', async () => {
    const silent = () => new Readable({ read() {} });
    const streams = [silent(), silent(), silent(), silent(), silent()];
    const [waiting, full, late, refused, closed] = streams;
    const client = world.client(['a'], { offline: { maxMessages: 1, maxAgeMs: 1000 } });
    client.start().catch(() => {});
    const fails = world.client(['a'], { offline: { policy: 'fail' } });
    const writes = [client.write(waiting as never), client.write(full as never)];
    waiting!.destroy(new Error('upstream lost'));
    writes.push(fails.write(refused as never));
    await world.pass(1001);
    writes.push(client.write(late as never));
    await world.pass(1001);
    await client.close();
    writes.push(client.write(closed as never));
    for (const write of writes) await expect(write).rejects.toThrow();
    expect(streams.map(({ destroyed }) => destroyed)).toEqual([true, true, true, true, true]);
  });

  it('too many fail: the newest, or the oldest', async () => {
    const reject = world.client(['a'], { offline: { maxMessages: 2 } });
    const drop = world.client(['a'], { offline: { maxMessages: 2, onFull: 'drop-oldest' } });
    const outcomes = [reject, drop].map((client) =>
      ['1', '2', '3'].map((text) => outcome(client.write(text))),
    );
    await world.up('a');
    await world.start(reject);
    await world.start(drop);
    const full = 'HR_ERR_REJECTED_QUEUE';
    expect(await Promise.all(outcomes[0]!)).toEqual(['sent', 'sent', full]);
    expect(await Promise.all(outcomes[1]!)).toEqual([full, 'sent', 'sent']);
  });

  it('bytes are bounded, and one message that is too long fails alone', async () => {
    const client = world.client(['a'], { offline: { maxBytes: 200, onFull: 'drop-oldest' } });
    const first = client.write('x'.repeat(10));
    const long = client.write('x'.repeat(137));
    expect(code(long.error)).toBe('HR_ERR_REJECTED_QUEUE');
    expect(first.isSettled).toBe(false);
    client.write('y'.repeat(100)).catch(() => {});
    expect(code(first.error)).toBe('HR_ERR_REJECTED_QUEUE');
    expect(() => client.write(null as never)).toThrow(TypeError);
  });

  it("fails writes at once with the policy 'fail', and when it is closed", async () => {
    const client = world.client(['a'], { offline: { policy: 'fail' } });
    expect(code(client.write('1').error)).toBe('HR_ERR_REJECTED_QUEUE');
    const waiting = world.client(['a']);
    const write = waiting.write('1');
    await waiting.close();
    expect(code(write.error)).toBe('HR_ERR_CHANNEL_CLOSED');
    expect(write.error).toBeInstanceOf(ChannelError);
  });

  it('sends what waits only as fast as the channel takes it, and later writes behind it', async () => {
    const small = new MemoryWorld(1024);
    const client = small.client(['a'], {
      bootstrap: small
        .bootstrap()
        .options({ writeBufferHighBytes: 2048, writeBufferLowBytes: 1024 }),
    });
    const expected = Array.from({ length: 200 }, (_, i) => `${i} ${'x'.repeat(100)}`);
    for (const line of expected.slice(0, 150)) client.write(line);
    await small.up('a');
    let most = 0;
    client.on('state', (state) => {
      if (state.name !== 'online') return;
      for (const line of expected.slice(150)) client.writeAndFlush(line);
      most = state.channel.pendingOutboundBytes;
    });
    await small.start(client);
    await small.pass(100);
    expect(small.lines).toEqual(expected);
    expect(most).toBeLessThan(5000);
    await small.end();
  });

  it('keeps writes for the next connection while this one is ending', async () => {
    const client = world.client(['a'], { retry: fixed(10) });
    await world.up('a');
    await world.start(client);
    client.channel?.end();
    expect(client.channel).toBeUndefined();
    const write = outcome(client.writeAndFlush('after'));
    await world.pass(3000);
    expect(await write).toBe('sent');
    expect(world.lines).toEqual(['after']);
  });

  it('logs one line for the unhandled failed writes of an absence', async () => {
    const logged: string[] = [];
    const logger = { log: (level: string, text: string) => logged.push(`${level} ${text}`) };
    const client = world.client(['a'], { offline: { maxMessages: 1 }, logger });
    for (const text of ['1', '2', '3']) client.write(text);
    client.write('4').catch(() => {});
    await world.settle();
    expect(logged).toEqual([
      'warn a write without a connection failed, and nothing handled its error',
    ]);
  });

  it('refuses invalid options', () => {
    const make = (options: object) => () => world.client(['a'], options);
    expect(make({ addresses: [] })).toThrow(
      'addresses is an array, but must be a non-empty list of places',
    );
    expect(make({ addresses: undefined })).toThrow('ReconnectingClient: addresses is undefined');
    expect(make({ addresses: { host: 'a' } })).toThrow(
      'addresses is an object, but must be a non-empty list',
    );
    expect(make({ addresses: [{ port: 1 }, { port: 0 }] })).toThrow('addresses[1]: port is 0');
    expect(make({ addresses: [{ host: 'a' }] })).toThrow(
      /^addresses\[0\]: connect needs exactly one of port, path, .* but got host$/,
    );
    expect(make({ addresses: ['a:1'] })).toThrow('addresses[0]: connect takes an object with');
    expect(make({ addresses: [{ path: '' }] })).toThrow('addresses[0]: path is ""');
    expect(make({ bootstrap: {} })).toThrow(
      'bootstrap is an object, but must be an object with connect(',
    );
    expect(make({ retry: 1000 })).toThrow('retry is 1000, but must be a function');
    expect(make({ order: 'random' })).toThrow(
      "order is \"random\", but must be 'shuffle' or 'given'",
    );
    expect(make({ offline: { maxMessage: 1 } })).toThrow('did you mean maxMessages?');
    expect(make({ offline: { policy: 'drop' } })).toThrow('offline.policy is "drop"');
    expect(make({ connectTimeoutMs: 0 })).toThrow('connectTimeoutMs is 0');
    expect(make({ adress: 1 })).toThrow('no option adress');
  });
});
