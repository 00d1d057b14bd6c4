import {
  type Channel,
  CLIENT_ADDRESS,
  type Context,
  type Handler,
  type RejectedError,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ConnectionLimitHandler,
  type ConnectionLimitOptions,
} from '../../src/limit/connection-limit-handler.ts';
import { type Listening, listeningClock, listeningWith } from './listening.ts';

function serverWith(options: ConnectionLimitOptions): Listening & {
  readonly limit: ConnectionLimitHandler;
} {
  const limit = new ConnectionLimitHandler(options);
  return { limit, ...listeningWith(limit) };
}

const clock = listeningClock;

describe('ConnectionLimitHandler', () => {
  it('refuses above the total', () => {
    const { limit, accept } = serverWith({ total: 2 });
    const first = accept('10.0.0.1');
    expect(accept('10.0.0.2').wasAccepted).toBe(true);
    const third = accept('10.0.0.3');
    expect(third.wasAccepted).toBe(false);
    expect(third.child.closeInfo?.reason).toBe('refused');
    first.child.close();
    expect(limit.open).toBe(1);
    expect(accept('10.0.0.3').wasAccepted).toBe(true);
    expect(limit.counters).toEqual({ accepted: 3, refusedTotal: 1, refusedPerAddress: 0 });
  });

  it('refuses above the number for one address, and others are served', () => {
    const { limit, accept } = serverWith({ perAddress: 2 });
    const first = accept('10.0.0.1');
    accept('10.0.0.1');
    expect(accept('10.0.0.1').wasAccepted).toBe(false);
    expect(accept('::ffff:10.0.0.1').wasAccepted).toBe(false);
    expect(accept('10.0.0.2').wasAccepted).toBe(true);
    first.child.abort();
    expect(limit.openOf('10.0.0.1')).toBe(1);
    expect(accept('10.0.0.1').wasAccepted).toBe(true);
  });

  it('counts an IPv6 /64 network as one client', () => {
    const { limit, accept } = serverWith({ perAddress: 1 });
    accept('2001:db8:0:1::1');
    expect(accept('2001:db8:0:1:ffff::2').wasAccepted).toBe(false);
    expect(accept('2001:db8:0:2::1').wasAccepted).toBe(true);
    expect(limit.clients).toBe(2);
  });

  it('lets a refused connection say a last word, no longer than allowed', () => {
    const seen: RejectedError[] = [];
    const onRefused = (child: Channel, error: RejectedError) => {
      seen.push(error);
      child.pipeline.addLast({
        channelActive: (ctx: Context) => void ctx.writeAndFlush('ERR:TOO_MANY'),
      });
    };
    // Those of the tests before, also of other files: a worker has one such clock.
    clock.cancelTimers();
    const { limit, accept } = serverWith({ total: 1, onRefused, lastWordMs: 500, maxLastWords: 1 });
    accept('10.0.0.1');
    const second = accept('10.0.0.2');
    expect(second.sent).toEqual(['ERR:TOO_MANY']);
    expect(seen.map((error) => error.code)).toEqual(['HR_ERR_REJECTED_TOTAL']);
    expect(second.child.isOpen).toBe(true);
    const third = accept('10.0.0.3');
    expect(third.sent).toEqual([]);
    expect(third.child.isOpen).toBe(false);
    clock.advance(500);
    expect(second.child.closeInfo?.reason).toBe('refused');
    expect(accept('10.0.0.4').sent).toEqual(['ERR:TOO_MANY']);
    expect(limit.open).toBe(1);
    clock.advance(500);
    expect(clock.pendingTimers).toBe(0);
  });

  it('names the limit, the number and the client in its error', () => {
    const seen: RejectedError[] = [];
    const onRefused = (_child: Channel, error: RejectedError) => void seen.push(error);
    const { accept } = serverWith({ perAddress: 1, onRefused });
    accept('10.0.0.1');
    accept('10.0.0.1');
    expect(seen[0]).toMatchObject({
      code: 'HR_ERR_REJECTED_PER_ADDRESS',
      details: { client: '10.0.0.1', open: 1, limit: 1 },
    });
    clock.advance(1000);
  });

  it('counts in total only what has no client address', () => {
    const { limit, accept } = serverWith({ perAddress: 1, total: 2, clientOf: () => undefined });
    expect([accept('10.0.0.1'), accept('10.0.0.1')].every((one) => one.wasAccepted)).toBe(true);
    expect(accept('10.0.0.1').wasAccepted).toBe(false);
    expect(limit.clients).toBe(0);
  });

  it('is back at zero after any order of connects, closes and resets', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ host: fc.integer({ min: 1, max: 4 }), closes: fc.nat(3) })),
        (steps) => {
          const { limit, accept } = serverWith({ total: 8, perAddress: 3 });
          const open: EmbeddedChannel[] = [];
          for (const { host, closes } of steps) {
            const { child, wasAccepted } = accept(`10.0.0.${host}`);
            if (wasAccepted) open.push(child);
            for (let i = 0; i < closes && open.length > 0; i++) {
              const [victim] = open.splice((host * 7 + i) % open.length, 1);
              if (i % 2 === 0) victim!.abort();
              else victim!.close();
            }
            expect(limit.open).toBe(open.length);
          }
          for (const child of open) {
            child.register();
            child.embedded.sink.failed(new Error('reset'));
          }
          expect([limit.open, limit.clients]).toEqual([0, 0]);
        },
      ),
    );
  });

  it.each([
    [5, 100, 1],
    [100, 5, 1],
    [10, 10, 0],
  ])(
    'warns if total %i or perAddress %i is below the places of strangers of its listener',
    (total, perAddress, warnings) => {
      const lines: string[] = [];
      const logger = { log: (_level: string, text: string) => void lines.push(text) };
      const limit = new ConnectionLimitHandler({ total, perAddress });
      const server = EmbeddedChannel.with({ logger, register: false }, limit);
      Object.assign(server, { isServer: true });
      server.embedded.connectionless = { placesForStrangers: 10 };
      server.register();
      expect(lines.length).toBe(warnings);
      expect(lines.every((line) => line.includes('set both to 10 or more'))).toBe(true);
    },
  );

  it('refuses invalid limits', () => {
    expect(() => new ConnectionLimitHandler({ total: 0 })).toThrow(/total is 0/);
    expect(() => new ConnectionLimitHandler({ perAddress: 1.5 })).toThrow(/perAddress is 1.5/);
    expect(() => new ConnectionLimitHandler({ total: Number.POSITIVE_INFINITY })).not.toThrow();
  });
});

describe("ConnectionLimitHandler in the connections' own pipeline", () => {
  const from = (host: string) => ({ host, port: 1, family: 'IPv4' as const });

  /** Tells the client's address as a PROXY decoder does. */
  function tell(channel: EmbeddedChannel, host: string): void {
    channel.attributes.set(CLIENT_ADDRESS, from(host));
    channel.run(() => channel.pipeline.fireUserEventTriggered('the header'));
  }

  it('counts the clients behind a proxy, once their addresses are known', () => {
    const limit = new ConnectionLimitHandler({ perAddress: 1, waitForClient: true });
    const events: unknown[] = [];
    const app = (): Handler => ({
      userEventTriggered: (_ctx: Context, event) => void events.push(event),
    });
    const [first, second, third] = [1, 2, 3].map(() => new EmbeddedChannel(limit, app()));
    expect(limit.open).toBe(0);
    tell(first!, '10.0.0.1');
    tell(second!, '10.0.0.1');
    tell(third!, '10.0.0.2');
    expect([first, second, third].map((channel) => channel!.isOpen)).toEqual([true, false, true]);
    expect(second!.closeInfo?.reason).toBe('refused');
    expect(events).toEqual(['the header', 'the header']);
    expect(limit.openOf('10.0.0.1')).toBe(1);
    first!.finish();
    expect(limit.openOf('10.0.0.1')).toBe(0);
  });

  it('leaves the pipeline with its decision', () => {
    const limit = new ConnectionLimitHandler();
    const channel = new EmbeddedChannel(limit);
    expect(limit.open).toBe(1);
    expect(channel.pipeline.names()).toEqual([]);
    channel.writeInbound('passes');
    expect(channel.readInbound()).toBe('passes');
  });

  it('acts on nothing that a refused connection sends while it gets its last message', () => {
    const onRefused = (child: Channel) => void child.writeAndFlush('ERR:TOO_MANY');
    const limit = new ConnectionLimitHandler({ total: 1, onRefused });
    new EmbeddedChannel(limit);
    const refused = new EmbeddedChannel(limit);
    expect(refused.readOutbound()).toBe('ERR:TOO_MANY');
    refused.writeInbound('do this');
    expect(refused.readInbound()).toBeUndefined();
    refused.advance(1000);
    expect(refused.closeInfo?.reason).toBe('refused');
  });
});

it.each([
  [
    'throws',
    (): void => {
      throw new Error('no last word');
    },
  ],
  ['rejects', () => Promise.reject(new Error('no last word'))],
])('a refused connection is closed when onRefused %s', async (_what, fails) => {
  const onRefused = fails as () => void;
  const { accept } = serverWith({ total: 1, onRefused, lastWordMs: 60_000 });
  accept('10.0.0.1');
  const { child } = accept('10.0.0.2');
  await Promise.resolve();
  expect(child.closeInfo?.reason).toBe('refused');
});
