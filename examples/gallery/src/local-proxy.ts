// Short connections in front, long ones behind: scripts ask over a Unix socket, and share connections to memcached or Redis.
import { tmpdir } from 'node:os';
import * as core from '@headrace/core';
import { DrainGate, Fifo, ReadGate } from '@headrace/core/authoring';
import * as handlers from '@headrace/handlers';
import {
  type Cut,
  PROTOCOLS,
  type Protocol,
  QuestionDecoder,
  ReplyDecoder,
} from './proxy-protocols.ts';
import { endsBySignal, type System } from './start.ts';

/** Number of connections behind, each shared by many scripts. */
const SHARED = 4;
/** Number of questions of one script without their answers, above which its reads are held. */
const MAX_OPEN = 32;
/** Bytes of answers that wait for one script, above which its connection ends. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;
const GONE = 'the server is gone, and may have executed this';

/** The place of an answer in the order of a connection behind. */
interface Place {
  readonly front: Front;
  readonly wantsAnswer: boolean;
  /** The answer of the proxy itself, to which no question was sent. */
  readonly own: Buffer | undefined;
}

/** A connection behind: sends the questions of many scripts, and gives each answer to the script whose turn it is. */
class Back implements core.Handler {
  declare readonly types: core.Types<{ reads: Buffer; passesOn: never; writes: Buffer }>;
  readonly sharable = true;
  private readonly places = new Fifo<Place>();
  private channel: core.Channel | undefined = undefined;
  private connecting: Promise<void> | undefined = undefined;
  private hasEnded = false;
  /** The answer that was missing after the last silence. */
  private late: Place | undefined = undefined;
  /** The scripts that wait until more is accepted. */
  private held: Front[] = [];
  private readonly options: BackOptions;

  constructor(options: BackOptions) {
    this.options = options;
  }

  /** Whether a question can be sent at once. */
  get isReady(): boolean {
    return this.channel?.isWritable === true;
  }

  /** Number of questions that have no answer yet, or wait. */
  get load(): number {
    return this.places.size + this.held.length;
  }

  /** Connects, unless it is connected or about to be. */
  connect(): Promise<void> {
    const { channelOptions, protocol, silentMs, place } = this.options;
    if (this.channel !== undefined) return Promise.resolve();
    this.connecting ??= new core.Bootstrap()
      .options(channelOptions)
      .handler(({ pipeline }) =>
        pipeline.addLast(
          new handlers.IdleStateHandler({ readerIdleMs: silentMs }),
          new ReplyDecoder(protocol),
          this,
        ),
      )
      .connect(place)
      .then((channel) => {
        if (this.hasEnded) channel.close();
      })
      .finally(() => {
        this.connecting = undefined;
        this.release();
      });
    return this.connecting;
  }

  ask(front: Front, { bytes, wantsAnswer, own }: Cut): void {
    // First its place: the connection can fail while it is asked.
    this.places.push({ front, wantsAnswer, own });
    if (own === undefined) this.channel!.writeAndFlush(bytes).onSettled(ignored);
    else this.answerOwn();
  }

  /** Calls the script when questions can be sent, or when no connection can be had. */
  whenReady(front: Front): void {
    this.held.push(front);
    this.connect().catch(ignored);
  }

  end(): void {
    this.hasEnded = true;
    this.channel?.close();
  }

  channelActive(ctx: core.Context): void {
    this.channel = ctx.channel;
  }

  channelRead(ctx: core.Context, reply: Buffer): void {
    const place = this.places.shift();
    // What nobody asked for belongs to no script.
    if (place === undefined) return void ctx.close('bad-input');
    place.front.answer(place.wantsAnswer, reply);
    this.answerOwn();
  }

  channelWritabilityChanged(): void {
    if (this.isReady) this.release();
  }

  userEventTriggered(ctx: core.Context, event: unknown): void {
    if (!(event instanceof handlers.IdleStateEvent)) return void ctx.fireUserEventTriggered(event);
    // It may have been asked a moment ago, but not what it was asked before the last silence.
    const oldest = this.places.peek();
    if (oldest !== undefined && oldest === this.late) ctx.close('timeout');
    this.late = oldest;
  }

  channelInactive(): void {
    this.channel = this.late = undefined;
    const error = this.options.protocol.error(GONE, 'server');
    for (let place = this.places.shift(); place !== undefined; place = this.places.shift())
      place.front.answer(place.wantsAnswer, place.own ?? error);
    // What was not sent yet goes over the next connection.
    if (this.held.length > 0) this.connect().catch(ignored);
  }

  /** The proxy's own answers wait for those that were asked for before them. */
  private answerOwn(): void {
    for (let place = this.places.peek(); place?.own !== undefined; place = this.places.peek()) {
      this.places.shift();
      place.front.answer(place.wantsAnswer, place.own);
    }
  }

  private release(): void {
    for (const front of this.held.splice(0)) {
      if (this.isReady || this.channel === undefined) front.proceed();
      else this.held.push(front);
    }
  }
}

interface BackOptions {
  readonly channelOptions: core.ChannelOptions;
  readonly place: core.ConnectPlace;
  readonly protocol: Protocol;
  readonly silentMs: number;
}

const ignored = (): void => {};

/** The connection of a script. All its questions that have no answer yet are in one connection behind, which keeps their order. */
class Front implements core.Handler {
  declare readonly types: core.Types<{ reads: Cut; passesOn: never; writes: Buffer }>;
  private readonly backs: readonly Back[];
  private readonly protocol: Protocol;
  private ctx!: core.Context;
  private back: Back | undefined = undefined;
  private open = 0;
  private isLast = false;
  /** The question that waits for a connection behind. */
  private waiting: Cut | undefined = undefined;
  private readonly gate = new ReadGate('answers');
  private drain: DrainGate | undefined = undefined;

  constructor(backs: readonly Back[], protocol: Protocol) {
    this.backs = backs;
    this.protocol = protocol;
  }

  private get isBusy(): boolean {
    return this.open > 0 || this.waiting !== undefined;
  }

  handlerAdded(ctx: core.Context): void {
    this.ctx = ctx;
  }

  channelRead({ channel }: core.Context, cut: Cut): void {
    if (this.isLast) return;
    this.isLast = cut.isLast === true;
    if (cut.bytes.length === 0 && cut.own === undefined) {
      this.endIfLast();
      return;
    }
    if (this.open === 0) this.back = bestOf(this.backs);
    if (cut.bytes.length > 0 && !this.back!.isReady) {
      this.waiting = cut;
      this.gate.hold(channel);
      this.back!.whenReady(this);
    } else this.send(cut);
  }

  /** The script has asked all, and still gets its answers. */
  channelShutdown(_ctx: core.Context, direction: core.Direction): void {
    if (direction === 'output') return;
    this.isLast = true;
    this.endIfLast();
  }

  private send(cut: Cut): void {
    this.open += 1;
    if (this.open >= MAX_OPEN) this.gate.hold(this.ctx.channel);
    this.back!.ask(this, cut);
  }

  /** Called when the connection behind accepts questions, or cannot be had. */
  proceed(): void {
    const { waiting, back } = this;
    this.waiting = undefined;
    if (waiting === undefined || !this.ctx.channel.isOpen) return;
    if (back!.isReady) this.send(waiting);
    else {
      this.open += 1;
      this.answer(
        waiting.wantsAnswer,
        this.protocol.error('the server cannot be reached', 'server'),
      );
    }
    this.releaseReads();
  }

  answer(isWanted: boolean, reply: Buffer | undefined): void {
    const { channel } = this.ctx;
    this.open -= 1;
    if (!channel.isOpen) return;
    // After the answers that the script has already.
    if (reply === undefined) channel.end({ reason: 'error' });
    else if (isWanted) this.ctx.writeAndFlush(reply).onSettled(ignored);
    this.releaseReads();
    this.endIfLast();
  }

  private endIfLast(): void {
    if (this.isBusy) return;
    this.drain?.update();
    if (this.isLast) this.ctx.channel.end();
  }

  private releaseReads(): void {
    if (this.open < MAX_OPEN && this.waiting === undefined) this.gate.release();
  }

  userEventTriggered(ctx: core.Context, event: unknown): void {
    if (event instanceof core.DrainEvent) {
      this.drain ??= new DrainGate('answers', () => this.isBusy);
      this.drain.see(event);
    }
    ctx.fireUserEventTriggered(event);
  }
}

/** The connection with the fewest questions, of those that accept one if there are any; what is lost is opened again. */
function bestOf(backs: readonly Back[]): Back {
  let best = backs[0]!;
  for (const back of backs) {
    if (!back.isReady) back.connect().catch(ignored);
    if (back.isReady === best.isReady ? back.load < best.load : back.isReady) best = back;
  }
  return best;
}

/**
 * Sends the questions of all connections at `place` over four to `behind`; ends scripts that are silent for `silentMs`, and
 * connections behind that do not answer from one such silence to the next.
 */
export async function startProxy(
  place: core.BindOptions,
  behind: core.ConnectPlace,
  silentMs: number,
  protocol: Protocol = PROTOCOLS.memcached,
  options: core.ChannelOptions = {},
): Promise<core.Server> {
  const own = () => new Back({ channelOptions: options, place: behind, protocol, silentMs });
  const backs = Array.from({ length: SHARED }, own);
  const end = (): void => {
    for (const back of backs) back.end();
  };
  const bootstrap = new core.ServerBootstrap()
    .childOptions({ maxOutboundBytes: MAX_WAITING_BYTES, allowHalfOpen: true, ...options })
    .childHandler(({ pipeline }) =>
      pipeline.addLast(
        new handlers.IdleStateHandler({ allIdleMs: silentMs }),
        new handlers.IdleCloseHandler({ state: 'all' }),
        new handlers.ReadWhenWritable(),
        new QuestionDecoder(protocol),
        new Front(backs, protocol),
      ),
    );
  const starting = Promise.all(backs.map((back) => back.connect())).then(() =>
    bootstrap.bind(place),
  );
  starting.catch(end);
  const server = await starting;
  const endIfUnused = (): void => {
    if (!server.channel.isOpen && server.connections.size === 0) end();
  };
  server.on('close', endIfUnused);
  server.connections.on('channelLeft', endIfUnused);
  return server;
}

const PORTS = { memcached: undefined, redis: 6379, rpc: 9001 } as const;

function role(name: keyof typeof PORTS): System['roles'][string] {
  return async ({ host, port, intervalMs }) => {
    const path = `${tmpdir()}/headrace-proxy${name === 'memcached' ? '' : `-${name}`}.sock`;
    const behind = { host, port: process.env['PORT'] ? port : (PORTS[name] ?? port) };
    const place = { path, replaceStale: true };
    const server = await startProxy(place, behind, intervalMs, PROTOCOLS[name]);
    console.log(path);
    endsBySignal(() => server.shutdown({ drainTimeoutMs: 1000 }));
  };
}

export const system: System = {
  what: 'short connections of scripts to a Unix socket, over long ones to memcached, Redis or an RPC server',
  defaults: { port: 11_211, intervalMs: 10_000 },
  peers: { client: 'local-proxy.php', compare: 'local-proxy-compare.php' },
  roles: { server: role('memcached'), redis: role('redis'), rpc: role('rpc') },
  whole: ['server'],
};
