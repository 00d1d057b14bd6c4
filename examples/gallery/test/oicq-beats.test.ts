import type { Channel, Clock, DatagramNetwork, DatagramSocket } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { type SimulatedHost, Simulation } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { BeatingClient, startClient, startServer } from '../src/oicq-beats.ts';

const HOUR_MS = 3_600_000;
const SEARCH = { minMs: 30_000, stepMs: 30_000, maxMs: 600_000, confirmations: 1 };

/** Between a host and the others: what comes passes only within this time of what passed before it. */
class Nat implements DatagramNetwork {
  lifetimeMs: number;
  private readonly inner: DatagramNetwork;
  private readonly clock: Clock;

  constructor(inner: DatagramNetwork, clock: Clock, lifetimeMs: number) {
    this.inner = inner;
    this.clock = clock;
    this.lifetimeMs = lifetimeMs;
  }

  datagramSocket(...given: Parameters<DatagramNetwork['datagramSocket']>): DatagramSocket {
    const socket = this.inner.datagramSocket(...given);
    const send = socket.send.bind(socket);
    const open = socket.open.bind(socket);
    let last = Number.NEGATIVE_INFINITY;
    socket.send = (...datagram) => {
      last = this.clock.now();
      send(...datagram);
    };
    socket.open = (user) => {
      open({
        bound: () => user.bound(),
        arrived: (...datagram) => {
          if (this.clock.now() - last > this.lifetimeMs) return;
          last = this.clock.now();
          user.arrived(...datagram);
        },
        caught: (error) => user.caught(error),
        failed: (error) => user.failed(error),
        closed: () => user.closed(),
      });
    };
    return socket;
  }
}

interface Scene {
  readonly sim: Simulation;
  readonly client: BeatingClient;
  readonly printed: string[];
  channel?: Channel<unknown, string>;
  nat?: Nat;
  clientHost?: SimulatedHost;
}

function scene(lifetimeMs: number): Scene {
  const printed: string[] = [];
  const sim = new Simulation({ seed: 1 });
  const client = new BeatingClient('10001', SEARCH, (line) => void printed.push(line));
  const all: Scene = { sim, client, printed };
  sim.host('server', async (host) => {
    const place = { port: 8000, network: host, clock: host.clock };
    await startServer(
      place,
      () => {},
      host.options,
      (bytes) => host.randomBytes(bytes),
    );
  });
  sim.host('client', async (host) => {
    all.clientHost = host;
    all.nat = new Nat(host, host.clock, lifetimeMs);
    const place = { host: 'server', port: 8000, network: all.nat, clock: host.clock };
    all.channel = await startClient(place, client, host.options);
  });
  return all;
}

describe('a client behind a NAT', () => {
  it.each([
    [35_000, 30_000],
    [100_000, 90_000],
    [180_000, 150_000],
  ])('finds an interval below the %d ms that a mapping lives', async (lifetimeMs, least) => {
    const { sim, client } = scene(lifetimeMs);
    await sim.run({ untilMs: HOUR_MS });
    expect(client.interval.isSettled).toBe(true);
    expect(client.interval.safeMs).toBeLessThanOrEqual(lifetimeMs);
    expect(client.interval.safeMs).toBeGreaterThanOrEqual(least);
  });

  it('beats at the longest interval where nothing is forgotten', async () => {
    const { sim, client } = scene(HOUR_MS);
    await sim.run({ untilMs: 3 * HOUR_MS });
    expect(client.interval.safeMs).toBe(SEARCH.maxMs);
  });

  it('takes a server that is gone for no sign of a mapping', async () => {
    const all = scene(100_000);
    all.sim.at(40_000, () => all.sim.partition('client', 'server'));
    await all.sim.run({ untilMs: HOUR_MS });
    expect(all.printed.filter((line) => line.startsWith('no mapping'))).toEqual([]);
    expect(all.client.interval.safeMs).toBe(30_000);
  });

  it.each([
    ['its next mapping has another port', '192.0.2.1:2', 'no mapping after 30000 ms'],
    ['the server was started again', '192.0.2.1:1', undefined],
  ])('signs in again where %s', (_why, place, last) => {
    const printed: string[] = [];
    const search = { ...SEARCH, minMs: 30_000 };
    const client = new BeatingClient('10001', search, (line) => void printed.push(line));
    const channel = new EmbeddedChannel(client);
    const said = (): unknown[] => {
      const all: unknown[] = [];
      for (let it = channel.readOutbound(); it !== undefined; it = channel.readOutbound())
        all.push(it);
      return all;
    };
    channel.writeInbound('C one', 'OK 192.0.2.1:1');
    expect(said()).toEqual(['LOGIN 10001', 'LOGIN 10001 one', 'PROBE 30000']);
    channel.advance(31_000);
    channel.writeInbound('WHO', 'C two', `OK ${place}`);
    expect(said().slice(0, 3)).toEqual(['BEAT', 'LOGIN 10001', 'LOGIN 10001 two']);
    expect(printed.at(-1)).toBe(last);
  });
});
