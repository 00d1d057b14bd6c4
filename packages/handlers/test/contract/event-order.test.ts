import { ProxyProtocolDecoder } from '@headrace/codec';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import * as handlers from '@headrace/handlers';
import {
  AuthenticatedEvent,
  AuthFailedEvent,
  AuthHandler,
  ConnectionLimitHandler,
  HeartbeatHandler,
  HeartbeatMissedEvent,
  HeartbeatReceivedEvent,
  IdleCloseHandler,
  IdleStateEvent,
  IdleStateHandler,
  IpFilterHandler,
  MaxAgeHandler,
  MessageRateHandler,
  OverloadGuard,
  ProtocolDetector,
  ReadTimeoutHandler,
  UserEventHandler,
} from '@headrace/handlers';
import { describe, expect, it } from 'vitest';

const idle = () => new IdleStateHandler({ readerIdleMs: 1000 });
const proxy = () => new ProxyProtocolDecoder({ trusted: 'any' });
const auth = () => new AuthHandler({ authenticate: () => ({ principal: 'ann' }) });
const heartbeat = () => new HeartbeatHandler({ intervalMs: 1000 });
const on = (type: { readonly name: string }) => new UserEventHandler(type as never, () => {});

/** One that fires, and one that would wait for it for ever. */
const PAIRS: readonly (readonly [fires: () => Handler, answers: () => Handler])[] = [
  [idle, () => new IdleCloseHandler()],
  [idle, () => on(IdleStateEvent)],
  [proxy, () => new ConnectionLimitHandler({ total: 1, waitForClient: true })],
  [proxy, () => new IpFilterHandler({ rules: [], waitForClient: true })],
  [auth, () => on(AuthenticatedEvent)],
  [auth, () => on(AuthFailedEvent)],
  [heartbeat, () => on(HeartbeatReceivedEvent)],
  [heartbeat, () => on(HeartbeatMissedEvent)],
  [() => new MaxAgeHandler({ maxAgeMs: 1000 }), () => on(handlers.ConnectionExpiredEvent)],
  [() => new MessageRateHandler({ perSecond: 1 }), () => on(handlers.MessageRateExceededEvent)],
  [() => new OverloadGuard(), () => on(handlers.OverloadEvent)],
  [
    () => new ProtocolDetector({ protocols: [], timeoutMs: 1000 }),
    () => on(handlers.ProtocolDetectedEvent),
  ],
];

const nameOf = (handler: Handler): string => handler.constructor.name;

describe('a handler that answers the events of another one', () => {
  it.each(
    PAIRS.map(([fires, answers]) => [nameOf(answers()), nameOf(fires()), fires, answers] as const),
  )('%s before %s is refused', (answerer, firer, fires, answers) => {
    const { pipeline } = new EmbeddedChannel();
    pipeline.addLast(answers());
    expect(() => pipeline.addLast(fires())).toThrow(`put ${firer} before ${answerer}`);
    pipeline.addFirst(fires());
    expect(pipeline.names()).toEqual([`${firer}#0`, `${answerer}#0`]);
  });

  it('is not refused before a ReadTimeoutHandler, which fires no event', () => {
    const { pipeline } = new EmbeddedChannel();
    pipeline.addLast(new IdleCloseHandler(), new ReadTimeoutHandler({ timeoutMs: 1000 }));
    expect(pipeline.names()).toEqual(['IdleCloseHandler#0', 'ReadTimeoutHandler#0']);
  });

  it('waits for no header where it decides at once', () => {
    const { pipeline } = new EmbeddedChannel();
    pipeline.addLast(new ConnectionLimitHandler({ total: 1 }), proxy());
    expect(pipeline.names()).toContain('ProxyProtocolDecoder#0');
  });
});
