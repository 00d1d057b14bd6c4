import { ChannelGroup } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import {
  describeOptionTakers,
  type OptionTakers,
  optionErrorOf,
} from '../../../core/test/fixture/option-takers.ts';
import * as handlers from '../../src/index.ts';
import * as metrics from '../../src/metrics/index.ts';
import * as opentelemetry from '../../src/opentelemetry/index.ts';

const exported: Readonly<Record<string, unknown>> = {
  ...handlers,
  ...metrics,
  ...opentelemetry,
};

/** What takes an options object, called with one that may be wrong. */
const takers: OptionTakers = {
  AdaptiveInterval: (options) => new handlers.AdaptiveInterval(options),
  Announcer: (options) => new handlers.Announcer(new ChannelGroup('announced'), options),
  AuthHandler: (options) => new handlers.AuthHandler(options),
  BroadcastHandler: (options) => new handlers.BroadcastHandler(new ChannelGroup('all'), options),
  ConnectionLimitHandler: (options) => new handlers.ConnectionLimitHandler(options),
  ConnectionRateHandler: (options) => new handlers.ConnectionRateHandler(options),
  EchoHandler: (options) => new handlers.EchoHandler(options),
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
  RelayHandler: (options) => new handlers.RelayHandler(new EmbeddedChannel({}), options),
  RequestHandler: (options) => new handlers.RequestHandler(options),
  ServerMetrics: (options) => new handlers.ServerMetrics(options),
  SessionRegistry: (options) => new handlers.SessionRegistry(String, options),
  StreamWriteHandler: (options) => new handlers.StreamWriteHandler(options),
  TracingHandler: (options) => new opentelemetry.TracingHandler(options),
  TrafficCounter: (options) => new handlers.TrafficCounter(options),
  TrafficShapingHandler: (options) => new handlers.TrafficShapingHandler(options),
  WriteTimeoutHandler: (options) => new handlers.WriteTimeoutHandler(options),
  bytesHeartbeat: (options) => handlers.bytesHeartbeat(options),
  messageHeartbeat: (options) => handlers.messageHeartbeat(options),
  metricsOf: (options) => handlers.metricsOf('name', () => ({}), options),
  pipeChannels: (options) =>
    handlers.pipeChannels(new EmbeddedChannel({}), new EmbeddedChannel({}), options),
  switchProtocol: (options) => {
    const channel = new EmbeddedChannel({});
    return handlers.switchProtocol(channel.pipeline.lastContext()!, options);
  },
  textHeartbeat: (options) => handlers.textHeartbeat(options),
};

/** Exported classes and functions that take none: events are made by handlers, the rest takes values. */
const others: ReadonlySet<string> = new Set([
  'AuthFailedEvent',
  'AuthenticatedEvent',
  'CombinedHandler',
  'ConnectionExpiredEvent',
  'DiagnosticsHandler',
  'FlowControlHandler',
  'HeartbeatMissedEvent',
  'HeartbeatProbeEvent',
  'HeartbeatReceivedEvent',
  'Histogram',
  'IdleStateEvent',
  'MatchHandler',
  'MessageRateExceededEvent',
  'OverloadEvent',
  'ProtocolDetectedEvent',
  'ReadWhenWritable',
  'TokenBuckets',
  'UserEventHandler',
  'addressKey',
  'buckets',
  'emptyFrameHeartbeat',
  'fromPino',
  'isHttpRequest',
  'match',
  'matchTag',
  'metricsListener',
  'observeMetrics',
  'principalOf',
  'prometheusText',
  'replaceWith',
  'restoreSignIn',
  'secretsEqual',
  'startsWith',
]);

/** Those that do not work without. */
const requiring: ReadonlySet<string> = new Set([
  'AuthHandler',
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
]);

describeOptionTakers({ exported, takers, others, requiring });

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
  for (const [act, text] of wrong) expect(optionErrorOf(act)).toBe(text);
});

it('refuses limits that are none, before and after the handler is added', () => {
  const shaping = new handlers.TrafficShapingHandler();
  const set = () => shaping.setLimits({ readPerSecond: 1 } as never);
  expect(set).toThrow('setLimits has no option readPerSecond (1)');
});
