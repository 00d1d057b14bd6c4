import type { LookupAddress } from 'node:dns';
import { type Channel, ChannelError, systemClock, TimedOutError } from '@headrace/core';
import { VirtualClock } from '@headrace/core/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { interleaved, raceAddresses } from '../../src/address/address-race.ts';
import { RacingConnector } from '../../src/address/racing-connector.ts';

const v4 = (last: number): LookupAddress => ({ address: `192.0.2.${last}`, family: 4 });
const v6 = (last: number): LookupAddress => ({ address: `2001:db8::${last}`, family: 6 });

/** What connecting to an address does: takes so long, rejects, or throws. */
type Take = number | Error | 'throws';

/** Connects as it is told to. */
class Race {
  readonly clock = new VirtualClock();
  readonly log: string[] = [];
  readonly abort = new AbortController();
  readonly result: Promise<string>;

  constructor(takes: readonly Take[], raceMs = 250, signal?: AbortSignal) {
    const addresses = takes.map((_, index) => v4(index));
    const running = raceAddresses({
      addresses,
      raceMs,
      clock: this.clock,
      signal: signal ?? this.abort.signal,
      connect: (address, signal) =>
        this.connect(address, takes[addresses.indexOf(address)]!, signal),
    });
    this.result = running.then(
      (channel) => `won ${channel.id}`,
      (error: Error) => error.message,
    );
  }

  private connect({ address }: LookupAddress, takes: Take, signal: AbortSignal): Promise<Channel> {
    this.log.push(`${this.clock.now()} start ${address}`);
    if (takes === 'throws') throw new Error('thrown');
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => {
        this.log.push(`${this.clock.now()} abort ${address}`);
        reject(signal.reason as Error);
      });
      const close = () => this.log.push(`close ${address}`);
      if (takes instanceof Error) reject(takes);
      else this.clock.schedule(() => resolve({ id: address, close } as unknown as Channel), takes);
    });
  }

  async pass(ms: number): Promise<this> {
    for (let passed = 0; passed < ms; passed += 10) {
      this.clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this;
  }
}

describe('a race of addresses', () => {
  let race: Race;
  afterEach(() => expect(race.clock.pendingTimers).toBeLessThan(3));

  it('starts them apart, earlier ones go on, the first that connects wins, the others are aborted', async () => {
    race = await new Race([10_000, 600, 200, 0]).pass(1000);
    expect(await race.result).toBe('won 192.0.2.2');
    expect(race.log).toEqual([
      '0 start 192.0.2.0',
      '250 start 192.0.2.1',
      '500 start 192.0.2.2',
      '700 abort 192.0.2.0',
      '700 abort 192.0.2.1',
    ]);
  });

  it('an earlier attempt may still win', async () => {
    race = await new Race([300, 10_000]).pass(1000);
    expect(await race.result).toBe('won 192.0.2.0');
  });

  it('starts the next attempt at once when one has failed, and fails with the first error', async () => {
    race = await new Race([new Error('one'), new Error('two'), new Error('three')]).pass(10);
    expect(await race.result).toBe('one');
    expect(race.log.map((line) => line.split(' ')[0])).toEqual(['0', '10', '10']);
  });

  it('fails with the error of an address that was reached, if there is one', async () => {
    const refused = new ChannelError('CHANNEL_REFUSED', 'nobody listens there');
    const noRoute = new ChannelError('CHANNEL_FAILED', 'no route');
    const late = new TimedOutError('TIMEOUT_CONNECT', 'no answer');
    const handshake = new ChannelError('TLS_HANDSHAKE_FAILED', 'a wrong certificate');
    race = await new Race([noRoute, refused, late, handshake]).pass(10);
    expect(await race.result).toMatch(
      /^a wrong certificate; other addresses of the name: no route; /,
    );
    race = await new Race([noRoute, refused, late]).pass(10);
    const all = 'no route; other addresses of the name: nobody listens there; no answer';
    expect(await race.result).toBe(all);
    race = await new Race([noRoute, refused, refused]).pass(10);
    expect(await race.result).toBe(all);
  });

  it('fails with the error of an address that was reached, though another one never answers', async () => {
    const handshake = new ChannelError('TLS_HANDSHAKE_FAILED', 'a wrong certificate');
    const never = 100_000;
    race = await new Race([never, handshake]).pass(2700);
    expect(race.log.at(-1)).toBe('250 start 192.0.2.1');
    await race.pass(70);
    expect(await race.result).toBe('a wrong certificate');
    expect(race.log.at(-1)).toMatch(/^27[56]0 abort 192.0.2.0$/);
    race = await new Race([handshake, never]).pass(2600);
    expect(await race.result).toBe('a wrong certificate');
    race = await new Race([never, handshake, 2000]).pass(2600);
    expect(await race.result).toBe('won 192.0.2.2');
  });

  it('takes a connector that throws for one that rejects, even when its turn comes by the clock', async () => {
    race = await new Race([10_000, 'throws', 100]).pass(600);
    expect(await race.result).toBe('won 192.0.2.2');
    race = await new Race(['throws', 10]).pass(300);
    expect(await race.result).toBe('won 192.0.2.1');
  });

  it('is aborted as a whole', async () => {
    race = new Race([10_000, 10_000]);
    await race.pass(300);
    race.abort.abort(new Error('enough'));
    expect(await race.result).toBe('enough');
    expect(race.log.filter((line) => line.includes('abort'))).toHaveLength(2);
  });

  it('closes a connection that comes in the moment in which another one has won', async () => {
    race = await new Race([600, 350]).pass(700);
    expect(await race.result).toBe('won 192.0.2.0');
    expect(race.log.at(-1)).toBe('close 192.0.2.1');
  });

  it('tries no address when it is aborted before it starts', async () => {
    race = new Race([10, 10], 250, AbortSignal.abort(new Error('enough')));
    await race.pass(300);
    expect([await race.result, race.log]).toEqual(['enough', []]);
  });

  it('puts the families in turn, the first one first', () => {
    expect(interleaved([v6(1), v6(2), v6(3), v4(1)])).toEqual([v6(1), v4(1), v6(2), v6(3)]);
    expect(interleaved([v4(1), v4(2), v6(1)])).toEqual([v4(1), v6(1), v4(2)]);
    expect(interleaved([])).toEqual([]);
  });
});

describe('RacingConnector', () => {
  const signal = new AbortController().signal;
  type Place = { host?: string; port: number; lookup?: never };
  const get = () => {
    throw new Error('none');
  };

  it('gives the connector the name, and one address for each attempt', async () => {
    const asked: unknown[] = [];
    const connector = {
      connect: (place: object) => {
        const { host, lookup } = place as { host: string; lookup: (...args: unknown[]) => void };
        lookup(host, { all: true }, (_error: unknown, addresses: unknown) =>
          asked.push(host, addresses),
        );
        return Promise.resolve({ id: host } as Channel);
      },
    };
    const lookup = (_host: string, _options: object, done: (...args: unknown[]) => void) =>
      done(null, [v6(1), v4(1)]);
    const racing = new RacingConnector<Place, Channel>(connector, 250, systemClock);
    await racing.connect({ host: 'chat.example', port: 1, lookup: lookup as never }, { signal });
    expect(asked).toEqual(['chat.example', [v6(1)]]);
  });

  it('tries each address of a name once, and not more than 32', async () => {
    const tried: string[] = [];
    const connector = {
      connect: (place: object) =>
        new Promise<Channel>((_resolve, reject) => {
          const { lookup } = place as { lookup: (...args: unknown[]) => void };
          lookup('chat.example', {}, (_error: unknown, address: string) => {
            tried.push(address);
            reject(new Error('nobody'));
          });
        }),
    };
    const addresses = Array.from({ length: 1000 }, (_, i) => v4(i % 50));
    const lookup = (_host: string, _options: object, done: (...args: unknown[]) => void) =>
      done(null, addresses);
    const racing = new RacingConnector<Place, Channel>(connector, 250, systemClock);
    const place = { host: 'chat.example', port: 1, lookup: lookup as never };
    await expect(racing.connect(place, { signal })).rejects.toThrow('nobody');
    expect(tried).toEqual(addresses.slice(0, 32).map(({ address }) => address));
  });

  it.each<[string, (done: (error: unknown, answer?: unknown) => void) => unknown]>([
    ['nothing', (done) => done(null)],
    ['a list of nothing', (done) => done(null, [null, { address: ['127.0.0.1'] }])],
    ['a rejection', () => Promise.reject(new Error('none'))],
    ['a list that throws', (done) => done(null, [Object.defineProperty({}, 'address', { get })])],
  ])('fails the connect if a lookup answers later with %s', async (_what, answer) => {
    const connector = {
      connect: (place: object) =>
        new Promise<Channel>((_resolve, reject) => {
          const { lookup } = place as { lookup: (...args: unknown[]) => void };
          lookup('chat.example', { all: true }, reject);
        }),
    };
    const lookup = async (_host: string, _options: object, done: () => void) => {
      await new Promise((resolve) => setImmediate(resolve));
      await answer(done);
    };
    const racing = new RacingConnector<Place, Channel>(connector, 250, systemClock);
    const place = { host: 'chat.example', port: 1, lookup: lookup as never };
    await expect(racing.connect(place, { signal })).rejects.toThrow(/found no address|none/);
  });

  it('hands an address, a path and an unknown name on as they are', async () => {
    const asked: unknown[] = [];
    const connector = {
      connect: (place: unknown): Promise<Channel> => {
        asked.push(place);
        return Promise.resolve({} as Channel);
      },
    };
    const racing = new RacingConnector<unknown, Channel>(connector, 250, systemClock);
    await racing.connect({ host: '127.0.0.1', port: 1 }, { signal });
    await racing.connect({ path: '/x' }, { signal });
    await racing.connect('ws://somewhere', { signal });
    expect(asked).toEqual([{ host: '127.0.0.1', port: 1 }, { path: '/x' }, 'ws://somewhere']);
  });
});
