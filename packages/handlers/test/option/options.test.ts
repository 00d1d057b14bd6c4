import { ChannelGroup, isHeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import * as handlers from '../../src/index.ts';
import * as opentelemetry from '../../src/opentelemetry/index.ts';
import * as services from '../../src/service/index.ts';

const exported: Readonly<Record<string, unknown>> = {
  ...handlers,
  ...opentelemetry,
  ...services,
};

const NUMBER = z.number();
const prices = services.defineService('prices', {});
const place = new handlers.ExchangeHandler({ format: handlers.jsonRpcExchange() });

/** What takes an options object, called with one that may be wrong. */
const takers: Readonly<Record<string, (options: never) => unknown>> = {
  AdaptiveInterval: (options) => new handlers.AdaptiveInterval(options),
  Announcer: (options) => new handlers.Announcer(new ChannelGroup('announced'), options),
  AuthHandler: (options) => new handlers.AuthHandler(options),
  BroadcastHandler: (options) => new handlers.BroadcastHandler(new ChannelGroup('all'), options),
  CallLimit: (options) => new services.CallLimit(options),
  CallMetrics: (options) => new services.CallMetrics(options),
  ConnectionLimitHandler: (options) => new handlers.ConnectionLimitHandler(options),
  ConnectionRateHandler: (options) => new handlers.ConnectionRateHandler(options),
  EchoHandler: (options) => new handlers.EchoHandler(options),
  ExchangeHandler: (options) => new handlers.ExchangeHandler(options),
  FileRegion: (options) => new handlers.FileRegion('a', options),
  FlushConsolidationHandler: (options) => new handlers.FlushConsolidationHandler(options),
  ForwardHandler: (options) => new handlers.ForwardHandler(options),
  GlobalTraffic: (options) => new handlers.GlobalTraffic(options),
  GuessLimiter: (options) => new handlers.GuessLimiter(options),
  HeartbeatHandler: (options) => new handlers.HeartbeatHandler(options),
  IdleCloseHandler: (options) => new handlers.IdleCloseHandler(options),
  IdleStateHandler: (options) => new handlers.IdleStateHandler(options),
  IpFilterHandler: (options) => new handlers.IpFilterHandler(options),
  LoggingHandler: (options) => new handlers.LoggingHandler(options),
  MaxAgeHandler: (options) => new handlers.MaxAgeHandler(options),
  MaxMessagesHandler: (options) => new handlers.MaxMessagesHandler(options),
  MessageRateHandler: (options) => new handlers.MessageRateHandler(options),
  MetricsHandler: (options) => new handlers.MetricsHandler(options),
  OverloadGuard: (options) => new handlers.OverloadGuard(options),
  PcapHandler: (options) => new handlers.PcapHandler(options),
  PcapWriter: (options) => new handlers.PcapWriter(options),
  ProtocolDetector: (options) => new handlers.ProtocolDetector(options),
  ReadTimeoutHandler: (options) => new handlers.ReadTimeoutHandler(options),
  RequestHandler: (options) => new handlers.RequestHandler(options),
  RetryBudget: (options) => new services.RetryBudget(options),
  ServerMetrics: (options) => new handlers.ServerMetrics(options),
  ServicePlaces: (options) => new services.ServicePlaces([place], options),
  SessionRegistry: (options) => new handlers.SessionRegistry(String, options),
  StreamWriteHandler: (options) => new handlers.StreamWriteHandler(options),
  TracingHandler: (options) => new opentelemetry.TracingHandler(options),
  TrafficCounter: (options) => new handlers.TrafficCounter(options),
  TrafficShapingHandler: (options) => new handlers.TrafficShapingHandler(options),
  WriteTimeoutHandler: (options) => new handlers.WriteTimeoutHandler(options),
  bytesHeartbeat: (options) => handlers.bytesHeartbeat(options),
  call: (options) => services.call(NUMBER, NUMBER, options),
  clientOf: (options) => services.clientOf(prices, place, options),
  defineService: (options) => services.defineService('prices', {}, options),
  exponential: (options) => services.exponential(options),
  logCalls: (options) => services.logCalls(options),
  messageHeartbeat: (options) => handlers.messageHeartbeat(options),
  metricsOf: (options) => handlers.metricsOf('name', () => ({}), options),
  requestAll: (options) => handlers.requestAll([], Buffer.alloc(0), options),
  serve: (options) => services.serve(prices, {}, options),
  stream: (options) => services.stream(NUMBER, NUMBER, options),
  switchProtocol: (options) => {
    const channel = new EmbeddedChannel({});
    return handlers.switchProtocol(channel.pipeline.lastContext()!, options);
  },
  textHeartbeat: (options) => handlers.textHeartbeat(options),
  traceClient: (options) => opentelemetry.traceClient(options),
  traceServer: (options) => opentelemetry.traceServer(options),
};

/** Exported classes and functions that take none: events are made by handlers, the rest takes values. */
const others: ReadonlySet<string> = new Set([
  'AnswerQueue',
  'AuthFailedEvent',
  'AuthenticatedEvent',
  'CombinedHandler',
  'ConnectionExpiredEvent',
  'DiagnosticsHandler',
  'FlowControlHandler',
  'HeartbeatMissedEvent',
  'HeartbeatProbeEvent',
  'HeartbeatReceivedEvent',
  'IdleStateEvent',
  'MatchHandler',
  'MessageRateExceededEvent',
  'OverloadEvent',
  'ProtocolDetectedEvent',
  'ReadWhenWritable',
  'RelayHandler',
  'Service',
  'UserEventHandler',
  'addressKey',
  'binaryExchange',
  'compareServices',
  'describeService',
  'emptyFrameHeartbeat',
  'fromPino',
  'isHttpRequest',
  'jsonRpcExchange',
  'match',
  'matchTag',
  'metricsListener',
  'notice',
  'noticesOf',
  'observeMetrics',
  'pipeChannels',
  'principalOf',
  'prometheusText',
  'refusal',
  'replaceWith',
  'restoreSignIn',
  'secretsEqual',
  'serveAll',
  'startsWith',
]);

/** Those that do not work without. */
const requiring: ReadonlySet<string> = new Set([
  'AuthHandler',
  'CallLimit',
  'ExchangeHandler',
  'ForwardHandler',
  'IdleStateHandler',
  'IpFilterHandler',
  'MaxAgeHandler',
  'MaxMessagesHandler',
  'MessageRateHandler',
  'MetricsHandler',
  'PcapHandler',
  'PcapWriter',
  'ProtocolDetector',
  'RequestHandler',
  'TracingHandler',
  'TrafficCounter',
  'bytesHeartbeat',
  'messageHeartbeat',
  'switchProtocol',
  'traceClient',
  'traceServer',
]);

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (thrown) {
    return thrown;
  }
  return undefined;
}

function textOf(act: () => unknown): string {
  const thrown = thrownBy(act);
  if (!isHeadraceError(thrown, 'OPTION_INVALID')) return `no OptionError: ${String(thrown)}`;
  return thrown.message;
}

it('knows of every exported class and function whether it takes options', () => {
  const names = Object.keys(exported).filter((name) => typeof exported[name] === 'function');
  expect(names.sort()).toEqual([...Object.keys(takers), ...others].sort());
});

describe.each(Object.keys(takers))('%s', (name) => {
  const take = takers[name]!;

  it('refuses an unknown option', () => {
    const text = textOf(() => take({ unknownOption: 1 } as never));
    expect(text).toContain(`${name} has no option unknownOption (1); `);
  });

  it('refuses a value that is not an options object', () => {
    const wrong: unknown[] = [null, 80, 'text', [], () => {}];
    if (requiring.has(name)) wrong.push(undefined);
    for (const value of wrong) {
      expect(textOf(() => take(value as never))).toMatch(
        new RegExp(`^${name} takes an object with`),
      );
    }
  });

  if (!requiring.has(name)) {
    it('needs none', () => {
      expect(thrownBy(() => take(undefined as never))).toBeUndefined();
      expect(thrownBy(() => take({} as never))).toBeUndefined();
    });
  } else {
    it('names what is missing', () => {
      expect(textOf(() => take({} as never))).toMatch(
        new RegExp(`^${name}: \\w+ is undefined, but must be `),
      );
    });
  }
});

it('refuses values that would count as another, with what is allowed', () => {
  const authenticate = () => ({ refused: 'no' });
  const wrong: readonly (readonly [act: () => unknown, text: string])[] = [
    [
      () => takers.AuthHandler!({ authenticate, refusalPolicy: 'stays' } as never),
      `refusalPolicy is "stays", but must be 'close' or 'stay'`,
    ],
    [
      () => takers.AuthHandler!({ authenticate, replies: { acepted: () => 'OK' } } as never),
      'replies has no option acepted (a function); did you mean accepted?',
    ],
    [
      () => takers.MessageRateHandler!({ perSecond: 1, excessPolicy: 'dropp' } as never),
      `excessPolicy is "dropp", but must be 'slow-down', 'drop' or 'close'`,
    ],
    [
      () => takers.IdleStateHandler!({ readerIdleSeconds: 5 } as never),
      'IdleStateHandler has no option readerIdleSeconds (5); did you mean readerIdleMs?',
    ],
    [
      () => takers.GlobalTraffic!({ clock: {} } as never),
      'clock is an object, but must be a Clock, such as systemClock',
    ],
    [
      () => takers.TrafficCounter!({ clock: {} } as never),
      'clock is an object, but must be a Clock, such as systemClock',
    ],
    [
      () => takers.IpFilterHandler!({ rules: [{}] } as never),
      'rules is undefined, but must be a text such as 192.0.2.0/24, or a BlockList',
    ],
  ];
  for (const [act, text] of wrong) expect(textOf(act)).toBe(text);
});

it('refuses limits that are none, before and after the handler is added', () => {
  const shaping = new handlers.TrafficShapingHandler();
  const set = () => shaping.setLimits({ readPerSecond: 1 } as never);
  expect(set).toThrow('setLimits has no option readPerSecond (1)');
});
