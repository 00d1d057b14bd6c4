import { textLines } from '@headrace/codec';
import { type Channel, ChannelGroup, type Context, ServerBootstrap } from '@headrace/core';
import {
  HEARTBEAT_PRESETS,
  HeartbeatHandler,
  IdleCloseHandler,
  IdleStateHandler,
} from '@headrace/handlers';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { CHAOS, type ChaosScenario, expectNone, QUIET_AT_MS } from './chaos-scenario.ts';
import { stayConnected } from './stay-connected.ts';

const POLL_INTERVAL_MS = 500;
/** A look that comes later than this means that the process stood still. */
const STOOD_STILL_MS = 1000;
/** The strict preset finds a dead peer within 9 s; the server calls a peer idle after 12 s. */
const CLIENT_SILENCE_MS = 9000;
const SERVER_SILENCE_MS = 12_000;
const NAMES = ['ann', 'bob', 'cat'];

/** Looks whether a connection stays open although nothing has come in for too long. */
function watchSilence(
  host: SimulatedHost,
  channel: Channel,
  limitMs: number,
  report: (fault: string) => void,
): { heard(): void } {
  const { clock } = host;
  let since = clock.now();
  let lookedAt = since;
  const look = () => {
    if (!channel.isOpen || channel.isEnding) return;
    const now = clock.now();
    // Its own time of standing still does not count against the peer.
    if (now - lookedAt > STOOD_STILL_MS) since = now;
    lookedAt = now;
    const silentMs = now - since;
    if (silentMs > limitMs + 2 * POLL_INTERVAL_MS) {
      report(`${host.name}: open at ${now} ms, but silent for ${silentMs} ms`);
    }
    clock.schedule(look, POLL_INTERVAL_MS);
  };
  clock.schedule(look, POLL_INTERVAL_MS);
  return {
    heard: () => {
      since = clock.now();
    },
  };
}

async function beatUnderChaos(sim: Simulation): Promise<void> {
  const faults: string[] = [];
  const report = (fault: string) => void faults.push(fault);
  const open = new Map<string, Channel>();
  let connections = new ChannelGroup();
  sim.host('server', (host) => {
    connections = new ChannelGroup('connections');
    const group = connections;
    sim.watch(host, 'connections', () => group.size);
    return new ServerBootstrap()
      .childOptions(host.options)
      .childHandler((channel) => {
        let silence = { heard: () => {} };
        channel.pipeline.addLast(
          new IdleStateHandler({ readerIdleMs: SERVER_SILENCE_MS }),
          ...textLines(),
          new HeartbeatHandler({ random: host.random }),
          new IdleCloseHandler(),
          {
            channelActive: () => {
              group.add(channel);
              silence = watchSilence(host, channel, SERVER_SILENCE_MS, report);
            },
            channelReadComplete: () => silence.heard(),
          },
        );
      })
      .bind({ network: host, port: 7 });
  });
  for (const name of NAMES) {
    sim.host(name, (host) =>
      stayConnected(host, () => {
        let silence = { heard: () => {} };
        return {
          handlers: [
            ...textLines(),
            new HeartbeatHandler({ ...HEARTBEAT_PRESETS.strict, random: host.random }),
            { channelReadComplete: (_ctx: Context) => silence.heard() },
          ],
          connected: (channel) => {
            open.set(name, channel);
            silence = watchSilence(host, channel, CLIENT_SILENCE_MS, report);
          },
        };
      }),
    );
  }
  sim.chaos(CHAOS);
  await sim.run({ untilMs: QUIET_AT_MS });
  for (const name of NAMES) if (open.get(name)?.isOpen !== true) report(`${name} is not connected`);
  if (connections.size !== NAMES.length) report(`the server has ${connections.size} connections`);
  expectNone(faults);
}

export const heartbeatScenario: ChaosScenario = {
  claim: 'a dead peer is found within its time, and every client comes back',
  scenario: beatUnderChaos,
};

/** Links and machines are slow, but nothing fails: answers come within the time that they may take. */
async function beatInBadWeather(sim: Simulation): Promise<void> {
  const closed: string[] = [];
  sim.host('server', (host) =>
    new ServerBootstrap()
      .childOptions(host.options)
      .childHandler((channel) => {
        channel.pipeline.addLast(
          new IdleStateHandler({ readerIdleMs: SERVER_SILENCE_MS }),
          ...textLines(),
          new HeartbeatHandler({ random: host.random }),
          new IdleCloseHandler(),
        );
      })
      .bind({ network: host, port: 7 }),
  );
  for (const name of NAMES) {
    sim.host(name, (host) =>
      stayConnected(host, () => ({
        handlers: [
          ...textLines(),
          new HeartbeatHandler({ ...HEARTBEAT_PRESETS.strict, random: host.random }),
        ],
        connected: (channel) =>
          channel.onClosed(() => closed.push(`${name}: ${channel.closeInfo?.reason}`)),
      })),
    );
  }
  sim.link(NAMES, 'server').latency({ minMs: 5, maxMs: 700, shape: 'long-tail' });
  const rates = { partition: 6, freeze: 10, hosts: NAMES };
  // A retransmission may come as late as twice the fault.
  sim.chaos({ ...rates, forMs: { minMs: 50, maxMs: 1000 }, untilMs: 40_000 });
  await sim.run({ untilMs: QUIET_AT_MS });
  if (closed.length > 0) throw new Error(`closed although all live: ${closed.join(', ')}`);
}

export const calmScenario: ChaosScenario = {
  claim: 'no living peer is taken for dead',
  scenario: beatInBadWeather,
};
