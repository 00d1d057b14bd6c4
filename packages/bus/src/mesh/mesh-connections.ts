import { exponential, ReconnectingClient, type ReconnectingClientOptions } from '@headrace/client';
import { LengthFieldFrameDecoder, LengthFieldPrepender } from '@headrace/codec';
import {
  AttributeKey,
  Bootstrap,
  type Channel,
  type Clock,
  type ConnectPlace,
  type Context,
  type Handler,
  type Logger,
  type Server,
  ServerBootstrap,
} from '@headrace/core';
import { SettableFuture } from '@headrace/core/authoring';
import { bytesHeartbeat, ConnectionLimitHandler, HeartbeatHandler } from '@headrace/handlers';
import { ALIVE, ALIVE_ANSWER, MAX_FRAME_BYTES } from './mesh-frame.ts';
import type { MeshEnd, MeshGreeting } from './mesh-greeting.ts';
import { type HandshakeOwner, MeshHandshake, type Verdict } from './mesh-handshake.ts';
import type { MeshPlace } from './mesh-place.ts';
import type { MeshWay } from './mesh-plan.ts';

/** Maximum size of a frame before the other end has proved its key, in bytes. */
const MAX_GREETING_BYTES = 4096;
const LENGTH_BYTES = 4;
/** Maximum number of connections to a node, and of addresses that others make it dial. This bus is not for more nodes. */
export const MAX_NODES = 1024;
/** Delays between attempts to connect to one node. */
const RETRY = exponential({ baseMs: 100, maxMs: 1000, jitter: 'equal' });

/** The times and tools of all connections of a link. */
export interface MeshHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly heartbeatMs: number;
  readonly unheardMs: number;
  readonly connectTimeoutMs: number;
}

/** Makes the connections between nodes, up to the end of their handshake. */
export class MeshConnections {
  private readonly way: MeshWay;
  private readonly host: MeshHost;
  private readonly heartbeat = bytesHeartbeat({ ping: ALIVE, pong: ALIVE_ANSWER });

  constructor(way: MeshWay, host: MeshHost) {
    this.way = way;
    this.host = { ...host, logger: withoutChatter(host.logger) };
  }

  /** Listens. `owner` is called for each connection, before its handshake. */
  listen(owner: () => HandshakeOwner, signal?: AbortSignal): Promise<Server> {
    const { port, host, network, server } = this.way;
    const limit = { total: MAX_NODES, perAddress: MAX_NODES };
    // A worker of `node:cluster` is a node of its own: a port that it shares with other workers leads to any of them.
    const target = network === undefined ? { port, host, exclusive: true } : { port, network };
    return new ServerBootstrap()
      .options(this.common())
      .childOptions(this.channelOptions())
      .handler(({ pipeline }) => pipeline.addLast(new ConnectionLimitHandler(limit)))
      .childHandler((channel) => this.build(channel, owner(), 'acceptor'))
      .bind({ ...target, ...server, ...(signal && { signal }) });
  }

  /** Connects once, and resolves with the channel when its handshake has ended with `join`. */
  async connect(place: MeshPlace, owner: HandshakeOwner, signal: AbortSignal): Promise<Channel> {
    const channel = await this.bootstrap(owner).connect(this.placeOf(place), { signal });
    await joinOf(channel);
    return channel;
  }

  /** Makes a client that connects, and makes the handshake, again and again. */
  client(
    places: readonly MeshPlace[],
    owner: HandshakeOwner,
    shouldRetry: NonNullable<ReconnectingClientOptions['shouldRetry']> = () => true,
  ): ReconnectingClient {
    const { clock, logger, random, connectTimeoutMs } = this.host;
    return new ReconnectingClient({
      bootstrap: this.bootstrap(owner),
      addresses: places.map((place) => this.placeOf(place)),
      raceMs: false,
      connectTimeoutMs,
      ready: joinOf,
      // The handshake has a deadline of its own.
      readyTimeoutMs: false,
      retry: RETRY,
      shouldRetry,
      clock,
      logger,
      random,
    });
  }

  /** Replaces the handshake of a connection by the handler of its messages, and begins with heartbeats. */
  begin(ctx: Context, handler: Handler): void {
    const { heartbeatMs, unheardMs, random } = this.host;
    const { pipeline } = ctx;
    const heartbeat = new HeartbeatHandler({
      format: this.heartbeat,
      intervalMs: heartbeatMs,
      timeoutMs: heartbeatMs,
      maxMissed: Math.max(1, Math.round(unheardMs / heartbeatMs)),
      random,
    });
    pipeline.addLast(heartbeat, handler);
    pipeline.remove(ctx.handler);
    pipeline.replace(LengthFieldFrameDecoder, decoder(MAX_FRAME_BYTES));
  }

  private bootstrap(owner: HandshakeOwner): Bootstrap {
    return new Bootstrap()
      .options({ ...this.channelOptions(), connectTimeoutMs: this.host.connectTimeoutMs })
      .handler((channel) => {
        const join = new Join(owner);
        channel.attributes.set(JOIN, join);
        channel.onClosed(() => join.ended());
        return this.build(channel, join, 'dialer');
      });
  }

  private build({ pipeline }: Channel, owner: HandshakeOwner, side: 'dialer' | 'acceptor') {
    return pipeline.addLast(
      decoder(MAX_GREETING_BYTES),
      new LengthFieldPrepender({ lengthFieldLength: LENGTH_BYTES, maxBodyLength: MAX_FRAME_BYTES }),
      new MeshHandshake(owner, side, this.host.connectTimeoutMs),
    );
  }

  private placeOf(place: MeshPlace): ConnectPlace {
    const { network, client } = this.way;
    return { ...place, ...client, ...(network && { network }) };
  }

  private common() {
    const { clock, logger } = this.host;
    return { clock, logger };
  }

  private channelOptions() {
    return {
      ...this.common(),
      // A peer has a limit for its messages, and each write to a lost peer would be a line of the log.
      maxOutboundBytes: Number.POSITIVE_INFINITY,
      hooks: { writeFailed: () => {} },
    };
  }
}

/** Passes on warnings and errors. The log of a bus does not need each connection that comes and goes. */
function withoutChatter(logger: Logger): Logger {
  return {
    log: (level, ...line) => {
      if (level === 'warn' || level === 'error') logger.log(level, ...line);
    },
  };
}

function decoder(maxBytes: number): LengthFieldFrameDecoder {
  return new LengthFieldFrameDecoder({
    maxFrameLength: maxBytes + LENGTH_BYTES,
    lengthFieldLength: LENGTH_BYTES,
    initialBytesToStrip: LENGTH_BYTES,
  });
}

/** The handshake of a dialed connection. */
const JOIN = new AttributeKey<Join>('meshJoin');

/** Resolves when the handshake of a dialed connection has ended with `join`, and rejects otherwise. */
async function joinOf({ attributes }: Channel): Promise<void> {
  await attributes.get(JOIN)!.promise;
}

/** The handshake of one dialed connection, as a promise. */
class Join implements HandshakeOwner {
  readonly promise: SettableFuture = new SettableFuture();
  readonly node: MeshEnd;
  private readonly owner: HandshakeOwner;

  constructor(owner: HandshakeOwner) {
    this.node = owner.node;
    this.owner = owner;
    // A connection that ends before its handshake is awaited fails the attempt to connect, too.
    this.promise.onSettled(() => {});
  }

  decide(other: MeshGreeting): Verdict {
    return this.owner.decide(other);
  }

  done(ctx: Context, other: MeshGreeting, verdict: Verdict): void {
    this.owner.done(ctx, other, verdict);
    if (verdict === 'join') this.promise.succeed();
    else this.promise.fail(new Error('this connection is not needed'));
  }

  refused(ctx: Context, why: string): void {
    this.owner.refused(ctx, why);
    this.promise.fail(new Error(why));
  }

  ended(): void {
    this.promise.fail(new Error('the connection ended before its handshake'));
  }
}
