import { DrainEvent } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { pipeChannels, RelayHandler } from '../../src/routing/relay-handler.ts';

function pair(allowHalfOpen = false): [EmbeddedChannel, EmbeddedChannel] {
  const left = EmbeddedChannel.with({ allowHalfOpen });
  const right = EmbeddedChannel.with({ allowHalfOpen, clock: left.clock });
  pipeChannels(left, right);
  return [left, right];
}

describe('pipeChannels', () => {
  it('writes what each reads to the other, with one flush per burst', () => {
    const [left, right] = pair();
    left.writeOneInbound('a').writeOneInbound('b');
    expect(right.readOutbound()).toBeUndefined();
    left.flushInbound();
    expect([right.readOutbound(), right.readOutbound()]).toEqual(['a', 'b']);
    right.writeInbound('c');
    expect(left.readOutbound()).toBe('c');
  });

  it('reads no more of one than the other takes, and reads on when it does', () => {
    const [left, right] = pair();
    right.embedded.isStuck = true;
    const { reads } = left.embedded;
    left.writeInbound(Buffer.alloc(100_000));
    left.run(() => left.read());
    expect(left.embedded.reads).toBe(reads);
    right.run(() => right.embedded.release());
    expect(left.embedded.reads).toBe(reads + 1);
    left.writeInbound('small');
    expect(left.embedded.reads).toBe(reads + 2);
  });

  it('carries a half-closure over after the last byte', () => {
    const [left, right] = pair(true);
    left.writeOneInbound('last');
    left.endInput();
    expect(right.readOutbound()).toBe('last');
    expect(right.isOutputShutdown).toBe(true);
    expect(right.isOpen).toBe(true);
    right.writeInbound('answer');
    expect(left.readOutbound()).toBe('answer');
    right.endInput();
    expect([left.isOpen, right.isOpen]).toEqual([false, false]);
  });

  it('ends the other channel in order when one closes', () => {
    const [left, right] = pair();
    left.writeInbound('bye');
    left.endInput();
    expect(right.readOutbound()).toBe('bye');
    expect(right.isOutputShutdown).toBe(true);
    right.endInput();
    expect(right.closeInfo?.reason).toBe('peer');
  });

  it('carries a reset over as a reset', () => {
    const [left, right] = pair();
    left.run(() => {
      left.embedded.sink.failed(Object.assign(new Error('read'), { code: 'ECONNRESET' }));
    });
    expect(() => left.checkException()).toThrow(/reset/);
    expect(right.embedded.wasAborted).toBe(true);
    expect(right.closeInfo?.reason).toBe('reset');
  });

  it.each(['unreachable', 'error', 'heartbeat', 'timeout', 'slow-consumer'])(
    'resets the other channel if one breaks off by %s, unless its peer had ended its half',
    (reason) => {
      const [left, right] = pair(true);
      left.writeInbound('a part');
      left.run(() => left.close(reason));
      expect([right.readOutbound(), right.embedded.wasAborted]).toEqual(['a part', true]);
      expect(right.closeInfo?.reason).toBe('reset');
      const [ended, other] = pair(true);
      ended.endInput();
      ended.run(() => ended.close(reason));
      expect([other.embedded.wasAborted, other.isOutputShutdown]).toEqual([false, true]);
    },
  );

  it('ends one whose other is closed already', () => {
    const left = new EmbeddedChannel();
    const right = EmbeddedChannel.with({ clock: left.clock });
    right.run(() => right.close());
    pipeChannels(left, right);
    expect(left.isOutputShutdown).toBe(true);
    expect(left.pipeline.names()).toEqual([]);
  });

  it.each([false, true])(
    'sends everything that waits for a slow peer when one closes (half-open: %s)',
    (isHalfOpen) => {
      const [left, right] = pair(isHalfOpen);
      right.embedded.isStuck = true;
      left.writeInbound(Buffer.alloc(50_000));
      left.run(() => left.close());
      // Longer than an end waits for the peer.
      right.advance(5000);
      expect(right.isOpen).toBe(true);
      right.run(() => right.embedded.release());
      expect(right.readOutbound()).toHaveLength(50_000);
      expect(right.isOutputShutdown).toBe(true);
      right.endInput();
      expect(right.closeInfo?.reason).toBe('local');
    },
  );

  it('sends what was read and not flushed yet when one closes', () => {
    const [left, right] = pair();
    left.writeOneInbound('unflushed');
    left.run(() => left.close());
    right.advance(2000);
    expect(right.readOutbound()).toBe('unflushed');
    expect(right.isOpen).toBe(false);
  });

  it('reads nothing more of a slow peer when the other one is closed', () => {
    const [left, right] = pair();
    right.embedded.isStuck = true;
    left.writeInbound(Buffer.alloc(50_000));
    left.run(() => left.close());
    expect(right.isReadHeld).toBe(true);
    right.run(() => right.embedded.release());
    expect(right.isReadHeld).toBe(false);
    right.advance(2000);
    expect(right.isOpen).toBe(false);
  });

  it('counts the bytes of each direction', () => {
    const left = EmbeddedChannel.with({});
    const right = EmbeddedChannel.with({ clock: left.clock });
    const [there, back] = pipeChannels(left, right);
    left.writeInbound(Buffer.alloc(10), { noBytes: true });
    left.writeInbound(Buffer.alloc(5));
    right.writeInbound(Buffer.alloc(7));
    expect([there.relayedBytes, back.relayedBytes]).toEqual([15, 7]);
  });

  it.each([
    ['first', 0],
    ['second', 1],
  ])('carries the half-closure of the %s channel over that came before', (_name, ended) => {
    const channels = [true, true].map((allowHalfOpen) => EmbeddedChannel.with({ allowHalfOpen }));
    const [one, other] = channels as [EmbeddedChannel, EmbeddedChannel];
    channels[ended]!.endInput();
    pipeChannels(one, other);
    expect(channels.map(({ isOutputShutdown }) => isOutputShutdown)).toEqual([
      ended === 1,
      ended === 0,
    ]);
    expect(channels.map(({ isOpen }) => isOpen)).toEqual([true, true]);
  });

  it('flushes what it has written when it is removed within a burst', () => {
    const [left, right] = pair();
    left.writeOneInbound('last');
    left.run(() => left.pipeline.remove(RelayHandler));
    left.flushInbound();
    expect(right.readOutbound()).toBe('last');
  });

  it('does not count what the other channel refuses', () => {
    const left = EmbeddedChannel.with({});
    const right = EmbeddedChannel.with({ clock: left.clock });
    const [there] = pipeChannels(left, right);
    left.run(() => {
      right.embedded.sink.disconnected();
      left.embedded.sink.received(Buffer.alloc(10));
    });
    expect(there.relayedBytes).toBe(0);
  });
});

describe('a drain of a relayed connection', () => {
  const drain = (channel: EmbeddedChannel, timeoutMs: number): DrainEvent => {
    const event = new DrainEvent(timeoutMs);
    channel.run(() => channel.pipeline.fireUserEventTriggered(event));
    return event;
  };

  it('waits until the connection ends, and relays meanwhile', () => {
    const [left, right] = pair();
    const event = drain(left, 3000);
    expect(event.holds).toEqual(['relay']);
    left.writeInbound('question');
    expect(right.readOutbound()).toBe('question');
    right.writeInbound('answer');
    expect(left.readOutbound()).toBe('answer');
    left.advance(2000);
    expect(left.isEnding).toBe(false);
    right.endInput();
    expect(left.isEnding).toBe(true);
  });

  it('ends the other channel, too, when its time is over and the server closes the connection', () => {
    const [left, right] = pair();
    drain(left, 3000);
    left.advance(3000);
    left.run(() => void left.close('shutdown'));
    expect(right.isEnding).toBe(true);
  });

  it('ends the connection at once without holdsDrain', () => {
    const left = new EmbeddedChannel();
    const right = EmbeddedChannel.with({ clock: left.clock });
    pipeChannels(left, right, { holdsDrain: false });
    expect(drain(left, 3000).holds).toEqual([]);
    expect(left.isEnding).toBe(true);
  });

  it('waits for a relay no longer when the relay is removed', () => {
    const [left] = pair();
    const event = drain(left, 3000);
    left.run(() => left.pipeline.remove(RelayHandler));
    expect(event.holds).toEqual([]);
    expect(left.isEnding).toBe(true);
  });
});
