import type { BindTarget } from '../bootstrap/bind-target.ts';
import { Bootstrap } from '../bootstrap/bootstrap.ts';
import type { ConnectPlace } from '../bootstrap/connect-target.ts';
import type { Server } from '../bootstrap/server.ts';
import { ServerBootstrap } from '../bootstrap/server-bootstrap.ts';
import type { ChannelOptions } from '../channel/channel-options.ts';
import type { Channel } from '../contract.ts';
import { silentLogger } from '../log/stderr-logger.ts';
import type { Transport } from '../transport/transport.ts';
import type { End } from './last-answers-contract.ts';
import { TransportProbe } from './transport-probe.ts';

/** A kind of transport under test, which either has a listener and clients, or is made in connected pairs. */
export type TransportBench = TransportTraits & (NetworkBench | PairBench);

/** Traits that every bench states. */
export interface TransportTraits {
  /** Name in the titles of the tests. */
  readonly name: string;
  /** Whether the peer sees `abort()` as a reset, and not only as the end. */
  readonly resets: boolean;
  /** Whether the peer sees a reset if `close()` cuts a write that is under way. @default the value of `resets` */
  readonly showsCuts?: boolean;
  /** Whether a channel finds out that its peer reads nothing, see `outboundStallMs`. @default true */
  readonly noticesStalls?: boolean;
  /** Number of bytes that the test of large transfers sends in each direction. @default 4 MiB */
  readonly transferBytes?: number;
}

/** A transport that a server binds and a client connects to. */
export interface NetworkBench {
  /** Returns the place where a server listens. Each test calls this function. */
  readonly bind: () => BindTarget;
  /** Returns the place of the server, for a client. */
  readonly connect: (server: Server) => ConnectPlace;
  /** Returns a place without a listener. */
  readonly nobody: () => ConnectPlace;
}

/** A transport of your own that needs no listener. */
export interface PairBench {
  /** Returns the two ends of one connection, connected or connecting. Each test calls this function. */
  readonly pair: () => TransportPair | Promise<TransportPair>;
}

/** Two ends of one connection. */
export type TransportPair = readonly [near: Transport, far: Transport];

/** Two connected channels. */
export interface Link {
  readonly near: Channel;
  readonly nearProbe: TransportProbe;
  readonly far: Channel;
  readonly farProbe: TransportProbe;
}

/** Opens both ends of a connection, lets `body` use them, and closes them. */
export async function withLink(
  bench: TransportBench,
  near: ChannelOptions,
  far: ChannelOptions,
  body: (link: Link) => Promise<void>,
): Promise<void> {
  const farProbe = new TransportProbe();
  const nearProbe = new TransportProbe();
  const ends = {
    near: { options: near, handler: nearProbe },
    far: { options: far, handler: farProbe },
  };
  const { near: client, far: child, close } = await openEnds(bench, ends);
  try {
    await farProbe.until(() => farProbe.events.includes('active'));
    await body({ near: client, nearProbe, far: child, farProbe });
    client.close();
    await client.closed;
  } finally {
    await close();
  }
}

/** The options and handlers of both ends of a connection. */
export interface EndsOfLink {
  readonly near: End;
  readonly far: End;
}

interface Opened {
  readonly near: Channel;
  readonly far: Channel;
  readonly close: () => Promise<unknown>;
}

/** Opens both ends of a connection. The caller closes them. */
export function openEnds(bench: TransportBench, ends: EndsOfLink): Promise<Opened> {
  return 'pair' in bench ? openPair(bench, ends) : openNetwork(bench, ends);
}

async function openNetwork(bench: NetworkBench, { near, far }: EndsOfLink): Promise<Opened> {
  const server = await new ServerBootstrap()
    .childOptions({ logger: silentLogger, ...far.options })
    .childHandler((channel) => void channel.pipeline.addLast(far.handler))
    .bind(bench.bind());
  const close = async () => {
    await server.close();
    await server.channel.closed;
  };
  try {
    const accepted = new Promise<Channel>((resolve) => server.once('connection', resolve));
    const client = await connect(near, bench.connect(server));
    return { near: client, far: await accepted, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function openPair(bench: PairBench, ends: EndsOfLink): Promise<Opened> {
  const [one, two] = await bench.pair();
  const [near, far] = await Promise.all([
    connect(ends.near, { transport: one }),
    connect(ends.far, { transport: two }),
  ]);
  const close = () => Promise.all([near.close(), far.close()]);
  return { near, far, close };
}

function connect({ options, handler }: End, place: ConnectPlace): Promise<Channel> {
  return new Bootstrap()
    .options({ logger: silentLogger })
    .options(options ?? {})
    .handler((channel) => void channel.pipeline.addLast(handler))
    .connect(place);
}
