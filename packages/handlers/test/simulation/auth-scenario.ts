import { textLines } from '@headrace/codec';
import {
  AttributeKey,
  type Channel,
  ChannelGroup,
  type Context,
  ServerBootstrap,
} from '@headrace/core';
import {
  AuthHandler,
  type AuthOptions,
  type AuthVerdict,
  HEARTBEAT_PRESETS,
  HeartbeatHandler,
  SessionRegistry,
} from '@headrace/handlers';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { CHAOS, type ChaosScenario, expectNone, QUIET_AT_MS } from './chaos-scenario.ts';
import { Ledger } from './ledger.ts';
import { stayConnected, whileOpen } from './stay-connected.ts';

interface User {
  readonly id: string;
}
type Options = AuthOptions<string, User, string>;
const USER = new AttributeKey<User>('user');

const POLICIES = ['allow', 'kick-older', 'refuse'] as const;
/** Two of them are one user on two machines. */
const MACHINES: Readonly<Record<string, string>> = { ann: 'ann', bob: 'bob', bobby: 'bob' };

/** What the checks look at, of the life of the server that goes on now. */
interface Life {
  readonly host: SimulatedHost;
  readonly members: ChannelGroup;
  readonly sessions: SessionRegistry<User>;
  readonly channels: Set<Channel>;
}

/** The authenticator is slow, and sometimes its directory fails. */
async function lookUp(host: SimulatedHost, text: string): Promise<AuthVerdict<User, string>> {
  const id = text.slice('AUTH:'.length);
  const random = host.random();
  await new Promise<void>((resolve) => {
    host.clock.schedule(resolve, random * random * 6000);
  });
  if (random < 0.05) throw noDirectory();
  return id === 'mallory' ? { refused: 'unknown' } : { principal: { id } };
}

/** As the system reports it: what the network does is no fault of the program. */
function noDirectory(): Error {
  const text = 'connect ECONNREFUSED: the directory is down';
  return Object.assign(new Error(text), { code: 'ECONNREFUSED', syscall: 'connect' });
}

class AuthWorld {
  readonly ledger = new Ledger();
  readonly faults: string[] = [];
  readonly open = new Map<string, string>();
  private readonly sim: Simulation;
  private readonly policy: (typeof POLICIES)[number];
  private life: Life | undefined = undefined;

  constructor(sim: Simulation) {
    this.sim = sim;
    this.policy = POLICIES[sim.seed % POLICIES.length]!;
  }

  serve(host: SimulatedHost): Promise<unknown> {
    const members = new ChannelGroup('members');
    const sessions = new SessionRegistry<User>(({ id }) => id);
    const channels = new Set<Channel>();
    const life = { host, members, sessions, channels };
    this.life = life;
    this.sim.watch(host, 'members', () => members.size);
    this.sim.watch(host, 'sessions', () => sessions.size);
    const options: Options = {
      authenticate: (text) => lookUp(host, text),
      isCredentials: (text) => text.startsWith('AUTH:'),
      timeoutMs: 8000,
      principalKey: USER,
      group: members,
      sessions,
      duplicatePolicy: this.policy,
      earlyMessages: this.sim.seed % 2 === 0 ? 'hold' : 'hold-following',
      replies: { accepted: () => 'AUTH_OK' },
    };
    return new ServerBootstrap()
      .childOptions(host.options)
      .childHandler((channel) => {
        channels.add(channel);
        channel.onClosed(() => channels.delete(channel));
        channel.pipeline.addLast(
          ...textLines(),
          new HeartbeatHandler({ silenceMs: 12_000, random: host.random }),
          new AuthHandler(options),
          { channelRead: (ctx: Context, text: string) => this.hear(life, ctx.channel, text) },
        );
      })
      .bind({ network: host, port: 7 });
  }

  /** `ann#1.3 message 4` */
  private hear({ members }: Life, channel: Channel, text: string): void {
    const [connection = ''] = text.split(' ', 1);
    this.ledger.heard(connection, text);
    const user = channel.attributes.get(USER)?.id;
    const expected = MACHINES[connection.split('#')[0]!];
    if (user === undefined || user !== expected) {
      this.faults.push(`${text} was heard of ${user ?? 'one who is not signed in'}`);
    }
    if (channel.isOpen && !members.has(channel)) this.faults.push(`${text}: not a member`);
  }

  talk(host: SimulatedHost, name: string): void {
    stayConnected(host, (connection) => ({
      handlers: [
        ...textLines(),
        new HeartbeatHandler({ ...HEARTBEAT_PRESETS.strict, random: host.random }),
        { channelRead: () => {} },
      ],
      connected: (channel) => {
        this.open.set(name, connection);
        channel.onClosed(() => this.open.delete(name));
        const say = () => {
          const text = `${connection} message ${this.ledger.countOf(connection).sent + 1}`;
          this.ledger.sent(connection, text);
          channel.writeAndFlush(text);
        };
        if (this.sim.seed % 2 === 0) say();
        channel.writeAndFlush(`AUTH:${MACHINES[name] ?? name}`);
        for (let i = 0; i < 4; i++) say();
        // Some are in a hurry: they say all they have, and end.
        if (host.random() < 0.2) channel.end({ lingerMs: 10_000 });
        whileOpen(host, channel, 1000, () => {
          if (host.clock.now() < QUIET_AT_MS - 5000) say();
        });
      },
    }));
  }

  /** Members are the open channels that are signed in and that nobody has ended. */
  look(): void {
    const { life } = this;
    if (life?.host.isRunning !== true || life.host.currentProcess === undefined) return;
    const isIn = (channel: Channel) =>
      channel.isOpen && !channel.isEnding && channel.attributes.get(USER) !== undefined;
    const expected = [...life.channels].filter(isIn);
    for (const channel of expected) {
      if (!life.members.has(channel)) this.faults.push('an open signed-in channel is no member');
    }
    const stranger = life.members.members().find((channel) => !life.channels.has(channel));
    if (stranger !== undefined) this.faults.push('a member is not open');
    if (this.policy === 'allow') return;
    const ids = expected.map((channel) => channel.attributes.get(USER)!.id);
    if (new Set(ids).size < ids.length) this.faults.push(`an id is in twice: ${ids.join(' ')}`);
  }
}

async function signInUnderChaos(sim: Simulation): Promise<void> {
  const world = new AuthWorld(sim);
  sim.host('server', (host) => world.serve(host));
  for (const name of [...Object.keys(MACHINES), 'mallory']) {
    sim.host(name, (host) => world.talk(host, name));
  }
  sim.link([...Object.keys(MACHINES), 'mallory'], 'server').latency({ minMs: 1, maxMs: 60 });
  sim.chaos(CHAOS);
  for (let atMs = 250; atMs < QUIET_AT_MS; atMs += 250) sim.at(atMs, () => world.look());
  await sim.run({ untilMs: QUIET_AT_MS });
  expectNone([...world.faults, ...world.ledger.faults]);
  if (world.ledger.total < 20) throw new Error(`only ${world.ledger.total} messages were heard`);
}

export const authScenario: ChaosScenario = {
  claim: 'nobody who is not signed in is heard, and who is signed in is heard in order',
  scenario: signInUnderChaos,
};
