// A handler before the application, such as a PROXY decoder with TLS, holds channelActive back while channel.isActive is true.
// Until then, no handler begins: no greeting, no time that counts, no upstream, no decision about the balancer's address.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import * as codec from '@headrace/codec';
import { MessageToMessageDecoder, ProxyProtocolDecoder } from '@headrace/codec';
import * as core from '@headrace/core';
import {
  type Channel,
  ChannelGroup,
  type Context,
  DrainEvent,
  DuplexHandler,
  type Handler,
  sequential,
} from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import * as gateway from '@headrace/gateway';
import { Gateway, type GatewayPort } from '@headrace/gateway';
import * as handlers from '@headrace/handlers';
import {
  AuthHandler,
  BroadcastHandler,
  bytesHeartbeat,
  CombinedHandler,
  ConnectionLimitHandler,
  ConnectionRateHandler,
  DIAGNOSTICS_CHANNELS,
  DiagnosticsHandler,
  ForwardHandler,
  HeartbeatHandler,
  IdleStateHandler,
  IpFilterHandler,
  LoggingHandler,
  MaxAgeHandler,
  MetricsHandler,
  PcapHandler,
  ProtocolDetector,
  ReadTimeoutHandler,
  ReadWhenWritable,
  RelayHandler,
  RequestHandler,
  TrafficShapingHandler,
} from '@headrace/handlers';
import * as opentelemetry from '@headrace/handlers/opentelemetry';
import { TracingHandler } from '@headrace/handlers/opentelemetry';
import * as lasting from '@headrace/lasting';
import { ResumeHandler, ResumeTable } from '@headrace/lasting';
import * as mqtt from '@headrace/mqtt';
import { MqttDecoder } from '@headrace/mqtt';
import * as resp from '@headrace/resp';
import * as rpc from '@headrace/rpc';
import {
  ExchangeCallHandler,
  type ExchangeFormat,
  ExchangeHandler,
  type JsonRpcExchange,
  jsonRpcExchange,
} from '@headrace/rpc';
import * as stomp from '@headrace/stomp';
import * as websocket from '@headrace/websocket';
import { HttpEndpoint } from '@headrace/websocket';
import * as yamux from '@headrace/yamux';
import { YamuxHandler } from '@headrace/yamux';
import { afterEach, describe, expect, it } from 'vitest';

const LINE = Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n');

const decoder = (): ProxyProtocolDecoder =>
  new ProxyProtocolDecoder({ trusted: 'any', headerTimeoutMs: false });

interface Kind {
  readonly make: (acts: string[]) => Handler;
  /** What it does in the end: the same as without a decoder, its decision by the client's address, or nothing. @default the same */
  readonly does?: 'decides' | 'nothing';
}

const refusals = (acts: string[]) => ({
  waitForClient: true,
  onRefused: (_child: Channel, error: Error) => void acts.push(error.message),
});

const asks = (): ExchangeFormat<JsonRpcExchange> => jsonRpcExchange();

/** Handlers of each kind that acts when it is active, or when it is added to an active channel. */
const KINDS: Readonly<Record<string, Kind | Kind['make']>> = {
  AuthHandler: (acts) =>
    new AuthHandler({
      authenticate: () => ({ refused: 'no' }),
      authenticateChannel: () => {
        acts.push('asked');
        return undefined;
      },
    }) as Handler,
  'AuthHandler, deadline': () =>
    new AuthHandler({ authenticate: () => ({ refused: 'no' }), timeoutMs: 1000 }) as Handler,
  BroadcastHandler: { make: () => new BroadcastHandler(new ChannelGroup('all')), does: 'nothing' },
  CombinedHandler: () =>
    new CombinedHandler(new ReadTimeoutHandler({ timeoutMs: 1000 }), {
      write: (ctx: Context, message: unknown) => ctx.write(message),
    }) as Handler,
  ConnectionLimitHandler: {
    make: (acts) => full(new ConnectionLimitHandler({ total: 1, ...refusals(acts) })),
    does: 'decides',
  },
  ConnectionRateHandler: {
    make: (acts) => full(new ConnectionRateHandler({ perSecond: 1e-9, ...refusals(acts) })),
    does: 'decides',
  },
  DiagnosticsHandler: (acts) => {
    const note = (message: unknown) =>
      void (`${(message as { channel: Channel }).channel.id}` === 'a' && acts.push('published'));
    subscribe(ACTIVE, note);
    listening.push(note);
    return new DiagnosticsHandler();
  },
  DuplexHandler: (acts) => new DuplexHandler(() => void acts.push('stream')) as Handler,
  ExchangeCallHandler: () =>
    calling(new ExchangeCallHandler({ format: asks(), timeoutMs: LONG_MS }), (handler) =>
      handler.request(CALL),
    ),
  ExchangeHandler: () =>
    calling(new ExchangeHandler({ format: asks(), timeoutMs: LONG_MS }), (handler) =>
      handler.request(CALL),
    ),
  'ExchangeHandler, notice': () =>
    calling(new ExchangeHandler({ format: asks(), timeoutMs: LONG_MS }), (handler) =>
      handler.notify(CALL),
    ),
  ForwardHandler: (acts) =>
    new ForwardHandler({
      connect: () => {
        acts.push('connect');
        return new Promise<never>(() => {});
      },
    }) as Handler,
  // Its class is not exported.
  GatewayHandler: (acts) => new Gateway({ cluster: { gatewayPort: portFor(acts) } }).handler(),
  HeartbeatHandler: () =>
    new HeartbeatHandler({
      format: bytesHeartbeat({ ping: Buffer.from('p') }),
      intervalMs: 500,
      timeoutMs: 250,
      jitter: 0,
    }) as Handler,
  HttpEndpointHandler: () => new HttpEndpoint({ timeoutMs: 1000 }).handler() as Handler,
  IdleStateHandler: () => new IdleStateHandler({ readerIdleMs: 1000 }),
  IpFilterHandler: {
    make: (acts) =>
      new IpFilterHandler({ rules: [{ deny: '203.0.113.0/24' }], ...refusals(acts) }) as Handler,
    does: 'decides',
  },
  LoggingHandler: (acts) => {
    const log = (_level: string, text: string) =>
      void (text.includes(' ACTIVE') && acts.push(text));
    return sequential(new LoggingHandler({ logger: { log } }) as Handler);
  },
  MaxAgeHandler: () => new MaxAgeHandler({ maxAgeMs: 1000 }) as Handler,
  MetricsHandler: (acts) =>
    new MetricsHandler({
      metrics: { track: () => void acts.push('tracked'), countError: () => {}, add() {} } as never,
    }) as Handler,
  MqttDecoder: { make: () => new MqttDecoder(), does: 'nothing' },
  PcapHandler: (acts) =>
    new PcapHandler({ writer: { packet: () => void acts.push('packet') } as never }) as Handler,
  ProtocolDetector: () => new ProtocolDetector({ protocols: [], timeoutMs: 1000 }) as Handler,
  ProxyProtocolDecoder: () => new ProxyProtocolDecoder({ trusted: 'any', headerTimeoutMs: 1000 }),
  ReadTimeoutHandler: () => new ReadTimeoutHandler({ timeoutMs: 1000 }),
  ReadWhenWritable: { make: () => new ReadWhenWritable(), does: 'nothing' },
  RelayHandler: {
    make: () => new RelayHandler(EmbeddedChannel.with({}) as Channel) as Handler,
    does: 'nothing',
  },
  RequestHandler: {
    make: () => new RequestHandler({ handle: () => 'answer' }) as Handler,
    does: 'nothing',
  },
  ResumeHandler: () =>
    new ResumeHandler({
      table: new ResumeTable({ windowMs: 1000, helloTimeoutMs: 1000 }),
      childHandler: () => {},
    }) as Handler,
  TracingHandler: (acts) =>
    new TracingHandler({
      tracer: {
        startSpan: () => {
          acts.push('span');
          return { setAttribute() {}, recordException() {}, setStatus() {}, end() {} };
        },
      } as never,
    }) as Handler,
  TrafficShapingHandler: { make: () => new TrafficShapingHandler(), does: 'nothing' },
  'YamuxHandler, open': () =>
    calling(new YamuxHandler({ role: 'client' }), (handler) =>
      handler.open(() => {}, { connectTimeoutMs: LONG_MS }),
    ),
  'YamuxHandler, ping': () =>
    calling(new YamuxHandler({ role: 'client' }), (handler) => handler.ping()),
};

/** Handlers of the listening channel and of outbound connections, which are in front of no decoder. */
const ELSEWHERE = ['OverloadGuard', 'ProxyProtocolEncoder'];

const ACTIVE = DIAGNOSTICS_CHANNELS.active;
const LONG_MS = 1_000_000;
const CALL = { method: 'a' };
const listening: ((message: unknown) => void)[] = [];

afterEach(() => {
  for (const note of listening.splice(0)) unsubscribe(ACTIVE, note);
});

/** A node with one worker. */
function portFor(acts: string[]): GatewayPort {
  return {
    clock: new VirtualClock(),
    logger: { log: () => {} },
    nodeId: 'g',
    state: 'up',
    maxBodyBytes: undefined,
    send: () => {
      acts.push('frame');
      return 'sent';
    },
    ready: () => ['w'],
    isAlive: () => true,
    draining: () => [],
    listen: () => ({ close() {} }),
  };
}

/** Admits one connection, so that the limit refuses the next one. */
function full(limit: ConnectionLimitHandler | ConnectionRateHandler): Handler {
  // On a listening channel, which decides about the connections that are read.
  limit.channelRead!(
    { channel: { isServer: true }, fireChannelRead() {} } as never,
    EmbeddedChannel.with({}),
  );
  return limit as Handler;
}

/** Calls the peer as soon as the handler is added, as an application may. */
function calling<T extends Handler>(
  handler: T,
  call: (handler: T) => PromiseLike<unknown>,
): Handler {
  const added = handler.handlerAdded!;
  return Object.assign(handler, {
    handlerAdded(this: T, ctx: Context): void {
      added.call(this, ctx);
      call(this).then(undefined, () => {});
    },
  });
}

class Seen implements Handler {
  private readonly acts: string[];

  constructor(acts: string[]) {
    this.acts = acts;
  }

  userEventTriggered(_ctx: Context, event: object): void {
    const { name } = event.constructor;
    if (name !== 'ProxyProtocolEvent') this.acts.push(name);
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    this.acts.push(error.name);
  }
}

/** Returns what a handler does in a minute of an active channel. */
function usual(make: (acts: string[]) => Handler): { acts: string[]; sent: unknown[] } {
  const acts: string[] = [];
  const handlers = [make(acts), new Seen(acts)];
  const channel = EmbeddedChannel.with({ id: 'a' }, ...(handlers as never[]));
  channel.advance(60_000);
  return { acts, sent: sentBy(channel) };
}

function sentBy(channel: EmbeddedChannel): unknown[] {
  const sent: unknown[] = [];
  for (let at = channel.readOutbound(); at !== undefined; at = channel.readOutbound())
    sent.push(withoutTime(at));
  return sent;
}

/** Leaves out the time of day, and the rest of the time that the application gives its call. */
function withoutTime(message: unknown): unknown {
  if (message instanceof Buffer) return message.toString('latin1').replace(/Date: .*/, '');
  return { ...(message as object), $timeLeftMs: undefined };
}

const ALL = Object.entries(KINDS).map(([name, kind]) => ({
  name,
  does: 'same',
  ...(typeof kind === 'function' ? { make: kind } : kind),
}));

describe.each(ALL)('$name', ({ make, does }) => {
  function held(when: string): { channel: EmbeddedChannel; acts: string[] } {
    const acts: string[] = [];
    const handlers = [make(acts), new Seen(acts)];
    const isLate = when === 'is added meanwhile';
    const all = [decoder(), ...(isLate ? [] : handlers)];
    const channel = EmbeddedChannel.with({ id: 'a' }, ...(all as never[]));
    if (isLate) channel.run(() => channel.pipeline.addLast(...(handlers as never[])));
    channel.advance(60_000);
    expect([channel.isActive, acts, channel.readHolds, sentBy(channel)]).toEqual([
      true,
      [],
      [],
      [],
    ]);
    return { channel, acts };
  }

  it.each(['is there before', 'is added meanwhile'])(
    'waits for channelActive, which a handler before it holds, and %s',
    (when) => {
      const { channel, acts } = held(when);
      channel.writeInbound(LINE);
      channel.advance(60_000);
      const sent = sentBy(channel);
      const did = { acts: [...acts], sent };
      const hasActed = acts.length + sent.length + (channel.isOpen ? 0 : 1) > 0;
      expect(hasActed).toBe(does !== 'nothing');
      if (does === 'decides') expect(channel.isOpen).toBe(false);
      else expect(did).toEqual(usual(make));
    },
  );

  it('does nothing for a connection that ends before', () => {
    const drained = held('is there before');
    drained.channel.run(() =>
      drained.channel.pipeline.fireUserEventTriggered(new DrainEvent(1000)),
    );
    drained.channel.close();
    const { channel, acts } = held('is added meanwhile');
    channel.endInput();
    channel.advance(60_000);
    expect(channel.isOpen).toBe(false);
    expect([acts, sentBy(channel)]).toEqual([[], []]);
    expect([drained.acts, sentBy(drained.channel)]).toEqual([['DrainEvent'], []]);
  });
});

it('each exported handler that can begin something is tried', () => {
  const packages = [
    core,
    codec,
    mqtt,
    resp,
    stomp,
    handlers,
    opentelemetry,
    rpc,
    websocket,
    yamux,
    lasting,
    gateway,
  ];
  const { handlerAdded } = MessageToMessageDecoder.prototype;
  const found = packages.flatMap((exports) => Object.entries(exports as Record<string, unknown>));
  const beginners = found.filter(([, value]) => {
    const prototype = (value as { prototype?: Handler } | undefined)?.prototype;
    if (prototype?.channelActive !== undefined) return true;
    return prototype?.handlerAdded !== undefined && prototype.handlerAdded !== handlerAdded;
  });
  const tried = new Set([...ELSEWHERE, ...Object.keys(KINDS).map((name) => name.split(',')[0])]);
  expect(beginners.length).toBeGreaterThan(25);
  expect(beginners.map(([name]) => name).filter((name) => !tried.has(name))).toEqual([]);
});
