import { textLines } from '@headrace/codec';
import { type Channel, type Handler, ServerBootstrap } from '@headrace/core';
import { HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';
import { type SimulatedHost, Simulation } from '@headrace/simulation';
import { describe, expect, it } from 'vitest';
import { stayConnected } from './stay-connected.ts';

/** When the link is cut. */
const CUT_MS = 20_000;
const SHARE = 0.05;

interface Setting {
  readonly seed?: number;
  readonly keepAlive: boolean;
  readonly handlers?: (host: SimulatedHost) => Handler[];
  /** The server writes this often. */
  readonly writesEveryMs?: number;
  /** Something is sent and acknowledged right before the cut, which is what Linux counts from. */
  readonly speaksBefore?: boolean;
  /** The server writes once, right after the cut. */
  readonly writesOnce?: boolean;
  readonly fault?: (sim: Simulation) => void;
}

interface Outcome {
  /** From the cut to the end of the server's channel; `undefined` if there was none within 50 s. */
  readonly afterMs: number | undefined;
  readonly reason: string | undefined;
  readonly writes: { succeeded: number; failed: number };
}

/** A server with one silent client whose link is cut: what the server notices within 50 s. */
async function afterTheCut(setting: Setting): Promise<Outcome> {
  const { keepAlive, handlers = () => [], writesEveryMs, writesOnce = false } = setting;
  const sim = new Simulation({ seed: setting.seed ?? 1 });
  const writes = { succeeded: 0, failed: 0 };
  let closedAt: number | undefined;
  let channel: Channel | undefined;
  const write = (text: string) => {
    channel!.writeAndFlush(text).onSettled((error) => {
      if (error === undefined) writes.succeeded += 1;
      else writes.failed += 1;
    });
  };
  // The table is about TCP: what Headrace adds against stuck output is left out.
  const options = { outboundStallMs: false, keepAlive, keepAliveInitialDelayMs: 5000 } as const;
  sim.host('server', (host) =>
    new ServerBootstrap()
      .childOptions({ ...host.options, ...options })
      .childHandler((accepted) => {
        accepted.pipeline.addLast(...textLines(), ...handlers(host));
        channel = accepted;
        accepted.onClosed(() => {
          closedAt = sim.now;
        });
      })
      .bind({ network: host, port: 7 }),
  );
  // It answers heartbeats, and stays away when the connection is lost.
  sim.host('client', (host) =>
    stayConnected(
      host,
      () => ({ handlers: [...textLines(), new HeartbeatHandler()], connected: () => {} }),
      { maxPauseMs: 1e9 },
    ),
  );
  sim.at(CUT_MS, () => {
    if (setting.fault === undefined) sim.partition('client', 'server');
    else setting.fault(sim);
  });
  if (setting.speaksBefore === true) sim.at(CUT_MS - 100, () => write('hello'));
  if (writesOnce) sim.at(CUT_MS + 100, () => write('once'));
  for (let atMs = 2000; writesEveryMs !== undefined && atMs < 50_000; atMs += writesEveryMs) {
    sim.at(CUT_MS + atMs, () => channel!.isOpen && write(`tick ${atMs}`));
  }
  await sim.run({ untilMs: CUT_MS + 50_000 });
  const afterMs = closedAt === undefined ? undefined : closedAt - CUT_MS;
  return { afterMs, reason: channel?.closeInfo?.reason, writes };
}

const heartbeat = (preset: keyof typeof HEARTBEAT_PRESETS) => (host: SimulatedHost) => [
  new HeartbeatHandler({ ...HEARTBEAT_PRESETS[preset], random: host.random }),
];

/** The earliest and latest of 40 seeds, whose heartbeats stand at other places when the link is cut. */
async function rangeOf(setting: Setting): Promise<readonly [number, number]> {
  const found: number[] = [];
  for (let seed = 1; seed <= 40; seed++) {
    const { afterMs, reason } = await afterTheCut({ ...setting, seed });
    expect(reason).toBe('heartbeat');
    found.push(afterMs!);
  }
  return [Math.min(...found), Math.max(...found)];
}

// Measured with a veth pair that was cut, on Linux; a heartbeat's times are those of its preset.
describe('a link that is cut, as measured on Linux', () => {
  it('keepalive of 5 s on an idle socket ends it after 15.3 s', async () => {
    const { afterMs, reason } = await afterTheCut({ keepAlive: true, speaksBefore: true });
    expect(reason).toBe('unreachable');
    expect(Math.abs(afterMs! - 15_300)).toBeLessThan(15_300 * SHARE);
  });

  it('keepalive of 5 s sees nothing within 50 s while a write is pending', async () => {
    const { afterMs, writes } = await afterTheCut({ keepAlive: true, writesOnce: true });
    expect(afterMs).toBeUndefined();
    expect(writes).toEqual({ succeeded: 1, failed: 0 });
  });

  it('without keepalive an idle socket stays for ever', async () => {
    expect((await afterTheCut({ keepAlive: false })).afterMs).toBeUndefined();
  });

  it('without keepalive a write every 2 s succeeds for 50 s', async () => {
    const { afterMs, writes } = await afterTheCut({ keepAlive: false, writesEveryMs: 2000 });
    expect(afterMs).toBeUndefined();
    expect(writes).toEqual({ succeeded: 24, failed: 0 });
  });

  it('the strict heartbeat ends it within 6 to 9 s', async () => {
    const [first, last] = await rangeOf({ keepAlive: false, handlers: heartbeat('strict') });
    expect(first).toBeGreaterThan(6000 * (1 - SHARE));
    expect(last).toBeLessThan(9000 * (1 + SHARE));
  });

  it('the relaxed heartbeat ends it within 30 to 40 s', async () => {
    const [first, last] = await rangeOf({ keepAlive: false, handlers: heartbeat('relaxed') });
    expect(first).toBeGreaterThan(30_000 * (1 - SHARE));
    expect(last).toBeLessThan(40_000 * (1 + SHARE));
  });
});

describe('a peer that stands still', () => {
  const fault = (sim: Simulation) => sim.freeze('client');

  it('is not seen by keepalive: its kernel answers', async () => {
    expect((await afterTheCut({ keepAlive: true, fault })).afterMs).toBeUndefined();
  });

  it('is not seen by writes: its kernel takes them', async () => {
    const { afterMs, writes } = await afterTheCut({ keepAlive: true, writesEveryMs: 2000, fault });
    expect(afterMs).toBeUndefined();
    expect(writes).toEqual({ succeeded: 24, failed: 0 });
  });

  it('is seen by the heartbeat', async () => {
    const handlers = heartbeat('strict');
    const [first, last] = await rangeOf({ keepAlive: true, handlers, fault });
    expect(first).toBeGreaterThan(6000 * (1 - SHARE));
    expect(last).toBeLessThan(9000 * (1 + SHARE));
  });
});
