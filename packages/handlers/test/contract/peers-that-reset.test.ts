import {
  type Channel,
  type ChannelInitializer,
  type Handler,
  type OutboundBytes,
  sequential,
} from '@headrace/core';
import { connectedPair } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import { ForwardHandler } from '../../src/routing/forward-handler.ts';
import { RequestHandler } from '../../src/routing/request-handler.ts';

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const never = <T>(): Promise<T> => new Promise(() => {});
const isNotSought = new AbortController().signal;

/** A server whose pipeline waits for a promise of the application, and the signal that its function got. */
interface Waiting {
  readonly server: ChannelInitializer;
  readonly signal: () => AbortSignal;
}

function serverOf(make: (heard: (signal: AbortSignal) => void) => Handler): Waiting {
  let heard: AbortSignal | undefined;
  const handler = make((signal) => {
    heard = signal;
  });
  return {
    server: (channel: Channel) => void channel.pipeline.addLast(handler),
    signal: () => heard!,
  };
}

const WAITS: Readonly<Record<string, () => Waiting>> = {
  'AuthHandler authenticate': () =>
    serverOf(
      (heard) =>
        new AuthHandler({
          timeoutMs: false,
          authenticate: (_bytes: Buffer, { signal }) => {
            heard(signal);
            return never<{ refused: string }>();
          },
        }) as unknown as Handler,
    ),
  'AuthHandler authenticateChannel': () =>
    serverOf(
      (heard) =>
        new AuthHandler({
          timeoutMs: false,
          authenticate: () => ({ refused: 'late' }),
          authenticateChannel: ({ signal }) => {
            heard(signal);
            return never<{ refused: string }>();
          },
        }) as unknown as Handler,
    ),
  'ForwardHandler connect': () =>
    serverOf(
      (heard) =>
        new ForwardHandler({
          timeoutMs: false,
          connect: ({ signal }) => {
            heard(signal);
            return never<Channel<unknown, OutboundBytes>>();
          },
        }) as unknown as Handler,
    ),
  'RequestHandler handle': () =>
    serverOf(
      (heard) =>
        new RequestHandler({
          maxPending: 1,
          handle: (_bytes: Buffer, scope) => {
            heard(scope.signal);
            return never<Buffer>();
          },
        }) as unknown as Handler,
    ),
  'a sequential handler': () =>
    serverOf((heard) =>
      sequential({
        channelRead: () => {
          heard(isNotSought);
          return never<void>() as unknown as undefined;
        },
      }),
    ),
};

describe('a peer that resets its connection while reads are held for a promise', () => {
  it.each(Object.keys(WAITS))('is given up within a second: %s', async (name) => {
    const { server: initialize, signal } = WAITS[name]!();
    const { client, server, clock } = connectedPair({ server: initialize });
    client.writeAndFlush(Buffer.from('credentials'));
    await settled();
    client.writeAndFlush(Buffer.from('not read'));
    expect([signal().aborted, server.isReadHeld]).toEqual([false, true]);
    client.abort();
    clock.advance(1000);
    await settled();
    expect(server.closeInfo?.reason).toBe('reset');
    if (signal() !== isNotSought) expect(signal().aborted).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  it.each(Object.keys(WAITS))(
    'stays while its peer stays, and when that ends its half: %s',
    async (name) => {
      const { server: initialize, signal } = WAITS[name]!();
      const { client, server, clock } = connectedPair({
        server: initialize,
        options: { allowHalfOpen: true },
      });
      client.writeAndFlush(Buffer.from('credentials'));
      await settled();
      clock.advance(60_000);
      client.shutdown('output');
      clock.advance(60_000);
      await settled();
      expect([server.isOpen, signal().aborted]).toEqual([true, false]);
      client.abort();
      clock.advance(8000);
      expect(server.isOpen).toBe(false);
    },
  );
});

describe('ForwardHandler', () => {
  it.each([
    [{}, 30_000],
    [{ timeoutMs: 500 }, 500],
  ])('gives a connect up that never settles, with %j', async (options, ms) => {
    const errors: string[] = [];
    let signal: AbortSignal | undefined;
    const { server, clock } = connectedPair({
      server: (channel: Channel) =>
        void channel.pipeline.addLast(
          new ForwardHandler({
            ...options,
            connect: (request) => {
              ({ signal } = request);
              return never<Channel<unknown, OutboundBytes>>();
            },
          }) as unknown as Handler,
          {
            exceptionCaught: (ctx, error) => {
              errors.push((error as Error & { code: string }).code);
              ctx.fireExceptionCaught(error);
            },
          },
        ),
    });
    clock.advance(ms - 1);
    await settled();
    expect([server.isOpen, signal?.aborted]).toEqual([true, false]);
    clock.advance(1);
    await settled();
    expect([server.closeInfo?.reason, signal?.aborted, errors]).toEqual([
      'timeout',
      true,
      ['HR_ERR_TIMEOUT_CONNECT'],
    ]);
    expect(clock.pendingTimers).toBe(0);
  });
});
