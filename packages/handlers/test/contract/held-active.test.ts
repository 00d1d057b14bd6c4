// A handler before the application, such as a PROXY decoder with TLS, holds channelActive back while channel.isActive is true.
import { ProxyProtocolDecoder } from '@headrace/codec';
import { type Context, DuplexHandler, type Handler, sequential } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import {
  AuthHandler,
  bytesHeartbeat,
  ForwardHandler,
  HeartbeatHandler,
  IdleStateHandler,
  LoggingHandler,
  MaxAgeHandler,
  MetricsHandler,
  ProtocolDetector,
  ReadTimeoutHandler,
} from '@headrace/handlers';
import { TracingHandler } from '@headrace/handlers/opentelemetry';
import { describe, expect, it } from 'vitest';

const LINE = Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n');

const decoder = (): ProxyProtocolDecoder =>
  new ProxyProtocolDecoder({ trusted: 'any', headerTimeoutMs: false });

/** Handlers of each kind that acts when it is active, or when it is added to an active channel. */
const KINDS: Readonly<Record<string, (acts: string[]) => Handler>> = {
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
  DuplexHandler: (acts) => new DuplexHandler(() => void acts.push('stream')) as Handler,
  ForwardHandler: (acts) =>
    new ForwardHandler({
      connect: () => {
        acts.push('connect');
        return new Promise<never>(() => {});
      },
    }) as Handler,
  HeartbeatHandler: () =>
    new HeartbeatHandler({
      format: bytesHeartbeat({ ping: Buffer.from('p') }),
      intervalMs: 500,
      timeoutMs: 250,
      jitter: 0,
    }) as Handler,
  IdleStateHandler: () => new IdleStateHandler({ readerIdleMs: 1000 }),
  LoggingHandler: (acts) => {
    const log = (_level: string, text: string) =>
      void (text.includes(' ACTIVE') && acts.push(text));
    return sequential(new LoggingHandler({ logger: { log } }) as Handler);
  },
  MaxAgeHandler: () => new MaxAgeHandler({ maxAgeMs: 1000 }) as Handler,
  MetricsHandler: (acts) =>
    new MetricsHandler({
      metrics: { track: () => void acts.push('tracked'), countError: () => {} } as never,
    }) as Handler,
  ProtocolDetector: () => new ProtocolDetector({ protocols: [], timeoutMs: 1000 }) as Handler,
  ReadTimeoutHandler: () => new ReadTimeoutHandler({ timeoutMs: 1000 }),
  TracingHandler: (acts) =>
    new TracingHandler({
      tracer: {
        startSpan: () => {
          acts.push('span');
          return { setAttribute() {}, recordException() {}, setStatus() {}, end() {} };
        },
      } as never,
    }) as Handler,
};

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
    sent.push(at);
  return sent;
}

describe.each(Object.entries(KINDS))('%s', (_name, make) => {
  it.each(['is there before', 'is added meanwhile'])(
    'waits for channelActive, which a handler before it holds, and %s',
    (when) => {
      const acts: string[] = [];
      const handlers = [make(acts), new Seen(acts)];
      const isLate = when === 'is added meanwhile';
      const all = [decoder(), ...(isLate ? [] : handlers)];
      const channel = EmbeddedChannel.with({ id: 'a' }, ...(all as never[]));
      if (isLate) channel.run(() => channel.pipeline.addLast(...(handlers as never[])));
      channel.advance(60_000);
      expect(channel.isActive).toBe(true);
      expect([acts, channel.readHolds, sentBy(channel)]).toEqual([[], [], []]);

      channel.writeInbound(LINE);
      channel.advance(60_000);
      const sent = sentBy(channel);
      expect(acts.length + sent.length + (channel.isOpen ? 0 : 1)).toBeGreaterThan(0);
      expect({ acts, sent }).toEqual(usual(make));
    },
  );
});
