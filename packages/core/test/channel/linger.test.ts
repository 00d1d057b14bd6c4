import { describe, expect, it } from 'vitest';
import type { Context, Handler, WriteFuture } from '../../src/contract.ts';
import { DrainEvent } from '../../src/drain/drain-event.ts';
import { SettableFuture } from '../../src/future/settable-future.ts';
import { connectedPair } from '../../src/testing/connected-pair.ts';

const CAPACITY = 1000;
const ANSWER = Buffer.alloc(40 * CAPACITY, 'a');

/** A server whose answer is 40 times as long as what its client takes at once. */
function setUp(options: { readonly outboundStallMs?: false } = {}, handler: Handler = {}) {
  const got = { bytes: 0 };
  const errors: string[] = [];
  const { client, server, clock } = connectedPair({
    capacityBytes: CAPACITY,
    options: { allowHalfOpen: true, autoRead: false, ...options },
    server: ({ pipeline }) => void pipeline.addLast(handler),
    client: ({ pipeline }) =>
      void pipeline.addLast({
        channelRead(_ctx: Context, bytes: Buffer) {
          got.bytes += bytes.length;
        },
        exceptionCaught(_ctx: Context, error: Error & { code?: string }) {
          errors.push(String(error.code));
        },
      }),
  });
  const answer = (): void => {
    server.writeAndFlush(ANSWER).onSettled(() => {});
    server.end({ reason: 'done' });
  };
  const readEvery = (ms: number, reads: number): void => {
    for (let i = 0; i < reads && client.isOpen; i++) {
      clock.advance(ms);
      client.read();
    }
  };
  return { client, server, clock, got, errors, answer, readEvery };
}

describe('a channel after end()', () => {
  it('sends all output to a peer that reads slowly', () => {
    for (const everyMs of [500, 1900, 5000]) {
      const { client, server, clock, got, answer, readEvery } = setUp();
      answer();
      readEvery(everyMs, 45);
      expect([got.bytes, client.isInputShutdown]).toEqual([ANSWER.length, true]);
      client.close();
      clock.advance(0);
      expect(server.closeInfo).toMatchObject({ reason: 'done', by: 'local' });
    }
  });

  it('leaves a peer that reads nothing to the watch for stalls, and resets the connection', () => {
    const { client, server, clock, errors, answer } = setUp();
    answer();
    clock.advance(9000);
    expect(server.isOpen).toBe(true);
    clock.advance(4000);
    expect(server.closeInfo?.reason).toBe('slow-consumer');
    client.read();
    client.read();
    clock.advance(1);
    expect(errors).toEqual(['HR_ERR_CHANNEL_RESET']);
    expect(client.closeInfo?.reason).toBe('reset');
  });

  it('without that watch, resets the connection after the linger time without progress', () => {
    const { client, server, clock, got, answer, readEvery } = setUp({ outboundStallMs: false });
    answer();
    readEvery(1900, 3);
    clock.advance(1900);
    expect(server.isOpen).toBe(true);
    clock.advance(4000);
    expect(server.closeInfo).toMatchObject({ reason: 'done', by: 'local' });
    client.read();
    client.read();
    clock.advance(1);
    expect(client.closeInfo?.reason).toBe('reset');
    expect(got.bytes).toBeLessThan(ANSWER.length);
  });

  it('gives the peer the whole linger time after the output was sent', () => {
    const { client, server, clock, answer, readEvery } = setUp();
    answer();
    readEvery(1500, 39);
    expect(server.isOutputShutdown).toBe(true);
    clock.advance(1999);
    expect([server.isOpen, client.isOpen]).toEqual([true, true]);
    clock.advance(2);
    expect(server.closeInfo).toMatchObject({ reason: 'done', by: 'local' });
    client.read();
    client.close();
    expect(client.closeInfo?.reason).toBe('local');
  });

  it('resets a connection whose handler does not end its output in time', () => {
    const never: Handler = {
      shutdown: (): WriteFuture => new SettableFuture(),
    };
    const { client, server, clock } = setUp({}, never);
    server.end();
    clock.advance(1999);
    expect(server.isOpen).toBe(true);
    clock.advance(2);
    expect(server.isOpen).toBe(false);
    client.read();
    clock.advance(1);
    expect(client.closeInfo?.reason).toBe('reset');
  });

  it('does not look again and again with a linger time of 0', () => {
    const { server, clock, got, readEvery } = setUp();
    server.writeAndFlush(ANSWER).onSettled(() => {});
    server.end({ lingerMs: 0 });
    let looks = 0;
    const now = clock.now.bind(clock);
    clock.now = () => {
      looks += 1;
      return now();
    };
    readEvery(500, 45);
    expect(got.bytes).toBe(ANSWER.length);
    expect(looks).toBeLessThan(3000);
    clock.advance(1);
    expect(server.isOpen).toBe(false);
  });

  it('keeps to the time of a drain, however slowly the peer reads', () => {
    const { client, server, clock, readEvery } = setUp();
    server.writeAndFlush(ANSWER).onSettled(() => {});
    server.run(() => server.pipeline.fireUserEventTriggered(new DrainEvent(5000)));
    readEvery(500, 9);
    expect(server.isOpen).toBe(true);
    readEvery(501, 1);
    expect(server.closeInfo?.reason).toBe('shutdown');
    client.read();
    client.read();
    clock.advance(1);
    expect(client.closeInfo?.reason).toBe('reset');
  });
});

describe('close()', () => {
  it('resets a connection of which a write is under way, and ends any other', () => {
    for (const [bytes, reason] of [
      [CAPACITY, 'peer'],
      [CAPACITY + 1, 'reset'],
    ] as const) {
      const { client, server, clock } = setUp();
      server.writeAndFlush(ANSWER.subarray(0, bytes)).onSettled(() => {});
      server.close();
      client.read();
      client.read();
      clock.advance(1);
      client.close();
      expect(client.closeInfo?.reason).toBe(reason === 'peer' ? 'local' : reason);
    }
  });
});
