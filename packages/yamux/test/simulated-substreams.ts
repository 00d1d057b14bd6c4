import assert from 'node:assert';
import {
  Bootstrap,
  type Channel,
  type Context,
  type Handler,
  ServerBootstrap,
} from '@headrace/core';
import type { SimulatedHost, Simulation } from '@headrace/simulation';
import { YamuxHandler } from '@headrace/yamux';

/** Changes what the server's end sends: gives the frames that go in the place of one. */
export type Tamper = (frame: Buffer) => readonly Buffer[];

const FAULTS_MS = 4000;
const FAULT_MS = { minMs: 50, maxMs: 2000 };
/** By then TCP has sent again what was lost, or given up. */
const TALKS_MS = FAULTS_MS + 12_000;
/** Longer than a substream may take, and a connection to be made again. */
export const SETTLE_MS = 5000;
/** More than a window of yamux, less than one, and one that is read slowly. */
const KINDS = { large: 300_000, small: 2000, slow: 600_000, pushed: 270_000 } as const;
type Kind = keyof typeof KINDS;
const NAMES = Object.keys(KINDS) as Kind[];
const PIECE = 20_000;
/** As long as a substream may last. */
const TALK_MS = 4000;

/** All bytes of each kind. The first byte is the kind; each other one is known by its place. */
const BYTES = NAMES.map((kind, number) => {
  const byteAt = (_: unknown, at: number) =>
    at === 0 ? number : (at * 31 + (at >> 8) + number * 17) & 255;
  return Buffer.from(Uint8Array.from({ length: KINDS[kind] }, byteAt));
});

/** Returns the bytes of a kind, which belong to all seeds. */
function bytesOf(kind: Kind, from: number, to: number): Buffer {
  return BYTES[NAMES.indexOf(kind)]!.subarray(from, to);
}

/** Takes the bytes of one kind, which the first one tells, checks them, and rests now and then if they are the slow ones. */
class Taker implements Handler {
  private kind: Kind | undefined = undefined;
  private taken = 0;
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  channelRead(ctx: Context, part: Buffer): void {
    this.kind ??= NAMES[part[0]!]!;
    const { kind, taken, world } = this;
    this.taken += part.length;
    if (!part.equals(bytesOf(kind, taken, this.taken))) world.faults.push(`other bytes of ${kind}`);
    if (kind !== 'slow') return;
    const hold = ctx.channel.holdReads('slow');
    ctx.clock.schedule(() => hold.release(), 40);
  }

  channelShutdown(ctx: Context): void {
    const { kind, taken, world } = this;
    if (kind === undefined || taken !== KINDS[kind]) world.faults.push(`${taken} bytes of ${kind}`);
    else if (ctx.clock.now() > FAULTS_MS) world.wholeAtLast.add(kind);
    ctx.channel.shutdown('output').onSettled(() => {});
  }
}

/** Says all of a kind as the channel takes it, and then ends its output. */
function say(channel: Channel, kind: Kind, from = 0): void {
  if (!channel.isActive) return;
  if (from >= KINDS[kind]) {
    channel.shutdown('output').onSettled(() => {});
    return;
  }
  const to = Math.min(from + PIECE, KINDS[kind]);
  channel.writeAndFlush(Buffer.from(bytesOf(kind, from, to))).onSettled(() => {});
  channel.onceWritable(() => say(channel, kind, to));
}

class World {
  readonly faults: string[] = [];
  /** Taken as a whole behind the faults. */
  readonly wholeAtLast = new Set<Kind>();
  private readonly tamper: Tamper;
  private readonly channels: Channel[] = [];
  /** Each with its connection; those of a server that crashed are gone with it. */
  private muxes: {
    readonly mux: YamuxHandler;
    readonly channel: Channel;
    readonly role: string;
  }[] = [];

  constructor(tamper: Tamper) {
    this.tamper = tamper;
  }

  async serve(host: SimulatedHost): Promise<void> {
    this.muxes = this.muxes.filter(({ role }) => role === 'client');
    const broken: Handler = {
      sharable: true,
      write: (ctx, frame) => {
        const frames = this.tamper(frame as Buffer);
        return frames.map((one) => ctx.write(one)).at(-1) ?? ctx.write(Buffer.alloc(0));
      },
    };
    await new ServerBootstrap()
      .childOptions(host.options)
      .childHandler((channel) => this.built(host, channel, 'server', ['pushed'], broken))
      .bind({ network: host, port: 7000 });
  }

  /** Connects, and does so again 500 ms after each loss. */
  connect(host: SimulatedHost): void {
    const again = () => void host.clock.schedule(() => this.connect(host), 500);
    new Bootstrap()
      .options(host.options)
      .handler((channel) => this.built(host, channel, 'client', ['large', 'small', 'slow']))
      .connect({ network: host, host: 'server', port: 7000 })
      .then((channel: Channel) => channel.onClosed(again), again);
  }

  private built(
    host: SimulatedHost,
    channel: Channel,
    role: 'client' | 'server',
    kinds: readonly Kind[],
    ...before: Handler[]
  ): void {
    const taken = ({ pipeline }: Channel) => void pipeline.addLast(new Taker(this));
    const childOptions = { ...host.options, allowHalfOpen: true };
    const mux = new YamuxHandler({ role, childOptions, childHandler: taken });
    this.channels.push(channel);
    this.muxes.push({ mux, channel, role });
    channel.pipeline.addLast(...before, mux, {
      channelActive: () => {
        for (const kind of kinds) this.talk(host, channel, mux, kind);
      },
    });
  }

  /** Opens one substream after the other, as long as the connection lasts or until it was whole behind the faults. */
  private talk(host: SimulatedHost, connection: Channel, mux: YamuxHandler, kind: Kind): void {
    if (!connection.isActive || this.wholeAtLast.has(kind)) return;
    const nothing = () => {};
    mux.open(nothing, { ...host.options, allowHalfOpen: true }).then((substream) => {
      // Nobody else notices that a peer which owes no answer has crashed.
      const late = host.clock.schedule(() => connection.abort(), TALK_MS);
      substream.onClosed(() => {
        late.cancel();
        this.talk(host, connection, mux, kind);
      });
      say(substream, kind);
    }, nothing);
  }

  check(): void {
    assert.deepEqual(this.faults, []);
    const bad = this.channels.filter(({ closeInfo }) => closeInfo?.reason === 'bad-input');
    assert.deepEqual(bad.map(String), [], 'a rule of yamux is broken');
    assert.deepEqual([...this.wholeAtLast].sort(), [...NAMES].sort(), 'whole behind the faults');
    const left = this.muxes.filter(({ mux, channel }) => !channel.isOpen && mux.size > 0);
    assert.equal(left.length, 0, 'substreams of a connection that is over');
  }
}

/**
 * A client and a server with substreams over a network that fails, opened by either: what each carries is whole and in order,
 * a slow one stops no other, and all are over when their connection is.
 *
 * @param tamper - for what a broken server sends
 */
export const simulatedSubstreams =
  (tamper: Tamper = (frame) => [frame]) =>
  async (sim: Simulation): Promise<void> => {
    const world = new World(tamper);
    sim.host('server', (host) => world.serve(host));
    sim.host('client', (host) => world.connect(host));
    sim.link('client', 'server').latency({ minMs: 5, maxMs: 40 });
    const chaos = { partition: 30, reset: 45, crash: 20, slow: 20 };
    sim.chaos({ ...chaos, hosts: ['server'], forMs: FAULT_MS, untilMs: FAULTS_MS });
    await sim.run({ untilMs: TALKS_MS });
    world.check();
  };
