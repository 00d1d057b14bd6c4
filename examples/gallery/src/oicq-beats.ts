// A messenger over UDP, as OICQ was: clients behind a NAT are reached by the mapping of their last datagram. They measure how
// long it lives: a beat asks for its answer after a silence, and the answer comes only through a mapping that still lives.
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { StringCodec } from '@headrace/codec';
import {
  Bootstrap,
  type Channel,
  type ChannelOptions,
  type Context,
  type Handler,
  type Server,
  ServerBootstrap,
  type Timer,
} from '@headrace/core';
import {
  type PerPeerOptions,
  perPeer,
  provePeer,
  type ToPeerOptions,
  toPeer,
} from '@headrace/datagram';
import { AdaptiveInterval, type AdaptiveIntervalOptions } from '@headrace/handlers';
import { endsBySignal, listening, type System, shown } from './start.ts';

type Print = (line: string) => void;

const ANSWER_MS = 1000;
const MAX_SILENCE_MS = 600_000;

/** One for each peer: `LOGIN id [cookie]`, `BEAT`, `PROBE ms`, `TO id text`. */
class PeerHandler implements Handler {
  private readonly users: Map<string, Channel>;
  private readonly print: Print;
  private readonly cookie: string;
  private id: string | undefined = undefined;
  private late: Timer | undefined = undefined;

  constructor(users: Map<string, Channel>, print: Print, cookie: string) {
    this.users = users;
    this.print = print;
    this.cookie = cookie;
  }

  channelRead(ctx: Context, text: string): void {
    const [, word, first = '', rest = ''] = /^(\S+) ?(\S*) ?(.*)/s.exec(text) ?? [];
    if (word === 'LOGIN') this.login(ctx, first, rest);
    else if (this.id === undefined) ctx.writeAndFlush('WHO');
    else if (word === 'BEAT') ctx.writeAndFlush('BEAT');
    else if (word === 'PROBE') this.probe(ctx, Number(first));
    else if (word === 'TO') this.users.get(first)?.writeAndFlush(`FROM ${this.id} ${rest}`);
  }

  channelInactive(ctx: Context): void {
    this.late?.cancel();
    if (this.id !== undefined && this.users.get(this.id) === ctx.channel) {
      this.users.delete(this.id);
      this.print(`${shown(this.id)} is gone`);
    }
    ctx.fireChannelInactive();
  }

  /** Anybody can write another one's address: who signs in repeats what we sent there. */
  private login(ctx: Context, id: string, cookie: string): void {
    if (cookie !== this.cookie) {
      ctx.writeAndFlush(`C ${this.cookie}`);
      return;
    }
    provePeer(ctx.channel);
    if (this.id === undefined) this.print(`${shown(id)} is there`);
    this.id = id;
    this.users.set(id, ctx.channel);
    const { host, port } = ctx.channel.remoteAddress as { host: string; port: number };
    ctx.writeAndFlush(`OK ${host}:${port}`);
  }

  private probe(ctx: Context, ms: number): void {
    if (!(ms >= 1 && ms <= MAX_SILENCE_MS)) return;
    this.late?.cancel();
    this.late = ctx.clock.schedule(() => void ctx.writeAndFlush(`LATE ${ms}`), ms);
  }
}

export function startServer(
  place: PerPeerOptions,
  print: Print,
  options: ChannelOptions = {},
  random: (bytes: number) => Buffer = randomBytes,
): Promise<Server> {
  // Not longer than the LOGIN that it answers.
  const cookie = () => random(4).toString('base64url');
  const users = new Map<string, Channel>();
  return new ServerBootstrap()
    .childOptions(options)
    .childHandler(({ pipeline }) =>
      pipeline.addLast(new StringCodec(), new PeerHandler(users, print, cookie())),
    )
    .bind({ listener: perPeer({ idleMs: 2 * MAX_SILENCE_MS, ...place }) });
}

/** Signs in, then asks for one late answer after another. */
export class BeatingClient implements Handler {
  readonly interval: AdaptiveInterval;
  private readonly id: string;
  private readonly print: Print;
  private timer: Timer | undefined = undefined;
  private state: 'signing-in' | 'waiting' | 'asking' = 'signing-in';
  /** Something else was sent or came: the mapping did not have the silence that was asked for. */
  private isDisturbed = false;
  /** Our address as the server sees it. */
  private place = '';
  /** The server did not know us when we asked whether it is there. */
  private wasUnknown = false;

  constructor(id: string, interval: AdaptiveIntervalOptions, print: Print) {
    this.id = id;
    this.interval = new AdaptiveInterval(interval);
    this.print = print;
  }

  channelActive(ctx: Context): void {
    this.signIn(ctx);
    ctx.fireChannelActive();
  }

  channelInactive(ctx: Context): void {
    this.timer?.cancel();
    ctx.fireChannelInactive();
  }

  channelRead(ctx: Context, text: string): void {
    const [, word, rest = ''] = /^(\S+) ?(.*)/s.exec(text) ?? [];
    if (word === 'C') this.send(ctx, `LOGIN ${this.id} ${rest}`);
    else if (word === 'WHO') this.unknown(ctx);
    else if (word === 'OK' && this.state === 'signing-in') this.signedIn(ctx, rest);
    else if (word === 'LATE' && this.state === 'waiting') this.alive(ctx, Number(rest));
    else if (word === 'BEAT' && this.state === 'asking') this.mappingLost(ctx);
    else if (word === 'FROM') {
      this.isDisturbed = true;
      this.print(shown(text));
    }
  }

  /** A line of the user. */
  write(ctx: Context, text: string) {
    this.isDisturbed = true;
    return ctx.write(text);
  }

  private send(ctx: Context, text: string): void {
    ctx.writeAndFlush(text).onSettled(() => {});
  }

  private after(ctx: Context, ms: number, task: () => void): void {
    this.timer?.cancel();
    this.timer = ctx.clock.schedule(task, ms);
  }

  private signIn(ctx: Context): void {
    this.state = 'signing-in';
    this.send(ctx, `LOGIN ${this.id}`);
    this.after(ctx, ANSWER_MS, () => this.signIn(ctx));
  }

  private unknown(ctx: Context): void {
    this.wasUnknown = this.state === 'asking';
    this.signIn(ctx);
  }

  /** Where our place is another one, the mapping was lost; where it is not, the server had been started again. */
  private signedIn(ctx: Context, place: string): void {
    const isLost = this.wasUnknown && place !== this.place;
    this.wasUnknown = false;
    this.place = place;
    if (isLost) this.mappingLost(ctx);
    else this.probe(ctx);
  }

  private probe(ctx: Context): void {
    const ms = Math.round(this.interval.currentMs);
    this.state = 'waiting';
    this.isDisturbed = false;
    this.send(ctx, `PROBE ${ms}`);
    this.after(ctx, ms + ANSWER_MS, () => this.ask(ctx));
  }

  private alive(ctx: Context, ms: number): void {
    if (!this.isDisturbed && ms === Math.round(this.interval.currentMs)) {
      this.interval.answered(this.interval.currentMs);
      this.print(`a mapping lives for ${ms} ms`);
    }
    this.probe(ctx);
  }

  /** No late answer: was it the mapping, or is nobody there? A mapping begins anew with the question. */
  private ask(ctx: Context): void {
    this.state = 'asking';
    this.send(ctx, 'BEAT');
    this.after(ctx, ANSWER_MS, () => this.signIn(ctx));
  }

  private mappingLost(ctx: Context): void {
    if (!this.isDisturbed) {
      this.print(`no mapping after ${Math.round(this.interval.currentMs)} ms`);
      this.interval.lost(this.interval.currentMs);
    }
    this.probe(ctx);
  }
}

export function startClient(
  place: ToPeerOptions,
  client: BeatingClient,
  options: ChannelOptions = {},
): Promise<Channel<unknown, string>> {
  return new Bootstrap()
    .options(options)
    .handler(({ pipeline }) => pipeline.addLast(new StringCodec(), client))
    .connect({ transport: toPeer(place) }) as Promise<Channel<unknown, string>>;
}

export const system: System = {
  what: 'a messenger over UDP whose clients find how long their NAT remembers them (OICQ)',
  defaults: { port: 8000, intervalMs: 30_000 },
  roles: {
    async server({ host, port }) {
      listening(await startServer({ host, port }, console.log), host);
    },
    async client({ host, port, intervalMs }) {
      const search = { minMs: intervalMs, stepMs: intervalMs, maxMs: MAX_SILENCE_MS };
      const client = new BeatingClient(
        String(process.pid),
        { ...search, confirmations: 1 },
        console.log,
      );
      const channel = await startClient({ host, port }, client);
      endsBySignal(() => channel.close());
      for await (const line of createInterface(process.stdin)) {
        channel.writeAndFlush(line).onSettled(() => {});
      }
    },
  },
  peers: { client: 'oicq-beats.py', server: 'oicq-beats.py' },
};
