import { textLines } from '@headrace/codec';
import {
  type Channel,
  ChannelGroup,
  type ChannelGroupOptions,
  type Context,
  ServerBootstrap,
} from '@headrace/core';
import { BroadcastHandler, HEARTBEAT_PRESETS, HeartbeatHandler } from '@headrace/handlers';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { CHAOS, type ChaosScenario, expectNone, QUIET_AT_MS } from './chaos-scenario.ts';
import { stayConnected, whileOpen } from './stay-connected.ts';

const NAMES = ['ann', 'bob', 'cat'];
const KEYS = 3;
/** Large enough that a member that reads nothing is slow soon. */
const FILLER = '.'.repeat(400);
const MEMBER_BYTES = 16 * 1024;
const LAST_BROADCAST_MS = QUIET_AT_MS - 10_000;

/** `tick 17 k2 ….` */
const keyOf = (message: unknown): string => (message as string).split(' ')[2]!;

type Policy = NonNullable<ChannelGroupOptions['slowMember']>;

/** What one connection has heard of the server's ticks and of the other members. */
class Listener {
  readonly latest = new Map<string, number>();
  readonly joinedAt: number;
  lastTick = 0;
  private readonly said = new Map<string, number>();
  private readonly policy: Policy;

  constructor(policy: Policy, joinedAt: number) {
    this.policy = policy;
    this.joinedAt = joinedAt;
  }

  /** What is wrong with it. */
  hear(text: string): string | undefined {
    const [what, number = '', key = ''] = text.split(' ');
    if (what === 'tick') return this.tick(Number(number), key);
    const before = this.said.get(what!) ?? 0;
    this.said.set(what!, Number(number));
    const isRight =
      this.policy === 'close' && before > 0
        ? Number(number) === before + 1
        : Number(number) > before;
    return isRight ? undefined : `${what} ${number} came after ${before}`;
  }

  private tick(number: number, key: string): string | undefined {
    const before = this.policy === 'coalesce' ? (this.latest.get(key) ?? 0) : this.lastTick;
    const isGap = this.policy === 'close' && before > 0 && number !== before + 1;
    this.lastTick = Math.max(this.lastTick, number);
    this.latest.set(key, number);
    return number <= before || isGap ? `tick ${number} came after ${before}` : undefined;
  }
}

/** One life of the server: it sends a numbered tick to all, every 50 ms. */
class Ticker {
  readonly group: ChannelGroup<string>;
  readonly channels = new Set<Channel>();
  readonly latest = new Map<string, number>();
  last = 0;
  private readonly host: SimulatedHost;

  constructor(host: SimulatedHost, policy: Policy) {
    this.host = host;
    this.group = new ChannelGroup<string>('members', {
      slowMember: policy,
      maxMemberBytes: MEMBER_BYTES,
      maxMemberMessages: 20,
      ...(policy === 'coalesce' && { coalesceKey: keyOf }),
    });
    this.tick();
  }

  accept(channel: Channel): void {
    this.channels.add(channel);
    channel.onClosed(() => this.channels.delete(channel));
    channel.pipeline.addLast(
      ...textLines(),
      new HeartbeatHandler({ silenceMs: 12_000, random: this.host.random }),
      { channelActive: () => void this.group.add(channel) },
      new BroadcastHandler<string, string>(this.group),
    );
  }

  private tick(): void {
    if (this.host.clock.now() > LAST_BROADCAST_MS) return;
    this.last += 1;
    const key = `k${this.last % KEYS}`;
    this.latest.set(key, this.last);
    this.group.writeAndFlush(`tick ${this.last} ${key} ${FILLER}`);
    this.host.clock.schedule(() => this.tick(), 100);
  }
}

/** Reads, and sometimes does not read for some seconds. */
function listen(
  host: SimulatedHost,
  policy: Policy,
  found: (listener: Listener) => void,
  report: (fault: string) => void,
): void {
  stayConnected(
    host,
    (connection) => {
      let said = 0;
      const listener = new Listener(policy, host.clock.now());
      return {
        handlers: [
          ...textLines(),
          new HeartbeatHandler({ ...HEARTBEAT_PRESETS.strict, random: host.random }),
          {
            channelRead: (_ctx: Context, text: string) => {
              const fault = listener.hear(text);
              if (fault !== undefined) report(`${connection} with ${policy}: ${fault}`);
            },
          },
        ],
        connected: (channel) => {
          found(listener);
          whileOpen(host, channel, 3000, () => {
            if (host.clock.now() > LAST_BROADCAST_MS) return;
            said += 1;
            channel.writeAndFlush(`${connection} ${said} said`);
            if (host.random() > 0.3) return;
            channel.autoRead = false;
            host.clock.schedule(() => {
              channel.autoRead = true;
            }, host.random() * 6000);
          });
        },
      };
    },
    { maxPauseMs: 500 },
  );
}

async function broadcast(sim: Simulation, policy: Policy): Promise<void> {
  const faults: string[] = [];
  const report = (fault: string) => void faults.push(fault);
  const listeners = new Map<string, Listener>();
  let server: Ticker | undefined;
  const host = sim.host('server', (host) => {
    const ticker = new Ticker(host, policy);
    server = ticker;
    sim.watch(host, 'members', () => ticker.group.size);
    return new ServerBootstrap()
      .childOptions({ ...host.options, writeBufferLowBytes: 2048, writeBufferHighBytes: 4096 })
      .childHandler((channel) => ticker.accept(channel))
      .bind({ network: host, port: 7 });
  });
  for (const name of NAMES) {
    sim.host(name, (host) =>
      listen(host, policy, (listener) => void listeners.set(name, listener), report),
    );
  }
  sim.link(NAMES, 'server').latency({ minMs: 1, maxMs: 30 }).buffer(4096);
  sim.chaos(CHAOS);
  const look = () => {
    if (!host.isRunning || server === undefined) return;
    const open = [...server.channels].filter((channel) => channel.isActive);
    const isSame = open.length === server.group.size && open.every((one) => server!.group.has(one));
    if (!isSame) report(`${server.group.size} members, but ${open.length} open channels`);
    for (const channel of open) {
      // The policies other than `close` hold the rest themselves, and never write past the mark.
      const limit = (policy === 'close' ? MEMBER_BYTES : 4096) + 3 * FILLER.length;
      const { pendingOutboundBytes: held } = channel;
      if (held > limit) report(`${held} bytes wait for a member with ${policy}`);
    }
  };
  for (let atMs = 500; atMs < QUIET_AT_MS; atMs += 500) sim.at(atMs, look);
  await sim.run({ untilMs: QUIET_AT_MS });
  for (const name of NAMES) {
    const listener = listeners.get(name);
    if (listener === undefined || listener.joinedAt > LAST_BROADCAST_MS - 2000) continue;
    if (policy === 'coalesce') {
      for (const [key, number] of server!.latest) {
        if (listener.latest.get(key) !== number) report(`${name} lacks the latest of ${key}`);
      }
    } else if (policy !== 'drop-newest' && listener.lastTick !== server!.last) {
      report(`${name} has tick ${listener.lastTick}, not the last, ${server!.last}`);
    }
  }
  expectNone(faults);
}

/** One for each policy for slow members. */
export const groupScenarios: readonly ChaosScenario[] = (
  ['close', 'drop-newest', 'drop-oldest', 'coalesce'] as const
).map((policy) => ({
  claim: `a group with the policy ${policy} sends in order, and its members are the open channels`,
  scenario: (sim: Simulation) => broadcast(sim, policy),
}));
