import { EmbeddedChannel, recordEvents } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { coreOf } from '../../src/channel/transport-channel.ts';
import { replaceTransport } from '../../src/channel/transport-replacement.ts';
import { EmbeddedTransport } from '../../src/testing/embedded-transport.ts';

/** A channel and the transport that takes over, not connected yet. */
function setUp() {
  const taken: unknown[] = [];
  const seen = recordEvents();
  const channel = new EmbeddedChannel(seen);
  const fresh = new EmbeddedTransport((message) => taken.push(message));
  fresh.isActive = false;
  const outcome: string[] = [];
  const replace = (): void =>
    channel.run(() => {
      replaceTransport(coreOf(channel)!, (old) => {
        expect(old).toBe(channel.embedded);
        outcome.push('made');
        return fresh;
      }).onSettled((error) => outcome.push(error?.message ?? 'replaced'));
    });
  const connect = (): void =>
    channel.run(() => {
      fresh.isActive = true;
      channel.embedded.sink.connected();
    });
  return { channel, fresh, taken, outcome, replace, connect, seen };
}

const sent = (channel: EmbeddedChannel): unknown[] => {
  const all: unknown[] = [];
  for (let m = channel.readOutbound(); m !== undefined; m = channel.readOutbound()) all.push(m);
  return all;
};

describe('replaceTransport', () => {
  it('sends what was flushed before by the old transport, and what is flushed later by the new one', () => {
    const { channel, taken, outcome, replace, connect } = setUp();
    channel.embedded.isStuck = true;
    channel.writeAndFlush('before 1');
    channel.writeAndFlush('before 2');
    replace();
    channel.writeAndFlush('later 1');
    expect(outcome).toEqual([]);
    channel.run(() => channel.embedded.release());
    expect(outcome).toEqual(['made']);
    channel.writeAndFlush('later 2');
    channel.write('not flushed');
    expect([sent(channel), taken]).toEqual([['before 1', 'before 2'], []]);
    connect();
    expect(outcome).toEqual(['made', 'replaced']);
    expect([sent(channel), taken]).toEqual([[], ['later 1', 'later 2']]);
    channel.flush();
    expect(taken).toEqual(['later 1', 'later 2', 'not flushed']);
    expect(channel.pendingOutboundBytes).toBe(0);
  });

  it('holds reads from the call until the new transport is connected, then reads from that one', () => {
    const { channel, fresh, replace, connect } = setUp();
    const before = channel.embedded.reads;
    replace();
    expect(channel.readHolds).toEqual(['upgrade']);
    expect(channel.embedded.isReading).toBe(false);
    channel.read();
    expect([channel.embedded.reads, fresh.reads]).toEqual([before, 0]);
    connect();
    expect(channel.readHolds).toEqual([]);
    expect([channel.embedded.reads, fresh.reads]).toEqual([before, 1]);
    channel.writeInbound('a');
    expect(channel.readInbound()).toBe('a');
  });

  it('lets the burst end in which it was called before the old transport goes', () => {
    const { channel, outcome, replace } = setUp();
    channel.writeOneInbound('a');
    replace();
    expect(outcome).toEqual([]);
    channel.writeInbound('b');
    expect(outcome).toEqual(['made']);
  });

  it('settles before what waited goes out, and fires no second channelActive', () => {
    const { channel, taken, seen, connect, fresh } = setUp();
    seen.take();
    const atSettling: unknown[] = [];
    channel.run(() => {
      replaceTransport(coreOf(channel)!, () => fresh).onSettled(() => {
        atSettling.push(...taken, channel.isReadHeld);
        channel.writeAndFlush('last');
      });
    });
    channel.writeAndFlush('first');
    connect();
    expect(atSettling).toEqual([true]);
    expect(taken).toEqual(['first', 'last']);
    expect(seen.take().filter((event) => event.startsWith('channel'))).toEqual([]);
  });

  it('takes a new transport that is connected at once', () => {
    const { channel, fresh, outcome, replace } = setUp();
    fresh.isActive = true;
    replace();
    expect(outcome).toEqual(['made', 'replaced']);
    expect(channel.isReadHeld).toBe(false);
  });

  it('a new transport that fails first closes the channel and fails the future and what waited', () => {
    const { channel, outcome, replace, seen } = setUp();
    replace();
    const later = channel.writeAndFlush('later');
    seen.take();
    const no = new Error('no');
    channel.run(() => channel.embedded.sink.failed(no));
    expect(outcome).toEqual(['made', 'the transport failed (no)']);
    expect(later.error?.message).toBe('the transport failed (no)');
    expect(channel.closeInfo).toMatchObject({ reason: 'error', error: { cause: no } });
    expect(seen.take()[0]).toMatch(/^exceptionCaught/);
    expect(channel.pendingOutboundBytes).toBe(0);
  });

  it('a new transport that is disconnected first closes the channel and fails the future', () => {
    const { channel, outcome, replace } = setUp();
    replace();
    channel.run(() => channel.embedded.sink.disconnected());
    expect(outcome).toEqual(['made', 'the channel is closed (peer)']);
    expect(channel.closeInfo).toMatchObject({ reason: 'peer' });
  });

  it('a close while the old transport drains fails the future, and no new one is made', () => {
    const { channel, outcome, replace } = setUp();
    channel.embedded.isStuck = true;
    channel.writeAndFlush('x').onSettled(() => {});
    replace();
    channel.close();
    channel.runPendingTasks();
    expect(outcome).toEqual(['the channel is closed (local)']);
  });

  it('what throws while the new transport is made fails the future and closes the channel', () => {
    const { channel } = setUp();
    let outcome: Error | undefined;
    channel.run(() => {
      replaceTransport(coreOf(channel)!, () => {
        throw new Error('cannot');
      }).onSettled((error) => {
        outcome = error;
      });
    });
    expect(outcome?.message).toBe('cannot');
    expect(channel.closeInfo).toMatchObject({ reason: 'error', error: { message: 'cannot' } });
  });

  it('an end asked for meanwhile goes to the new transport, after what waited', () => {
    const { channel, fresh, taken, replace, connect } = setUp();
    replace();
    channel.writeAndFlush('bye');
    channel.end();
    expect([channel.embedded.isOutputEnded, fresh.isOutputEnded]).toEqual([false, false]);
    expect(fresh.reads).toBe(0);
    connect();
    expect(taken).toEqual(['bye']);
    expect([channel.embedded.isOutputEnded, fresh.isOutputEnded]).toEqual([false, true]);
    expect(fresh.isReading).toBe(true);
    channel.endInput();
    expect(channel.closeInfo).toMatchObject({ reason: 'local' });
  });

  it('is refused while one is under way, and on a channel that is not open in both directions', () => {
    const { channel, fresh, replace } = setUp();
    replace();
    const second = replaceTransport(coreOf(channel)!, () => fresh);
    expect(second.error?.message).toContain('changes its transport already');
    const ended = EmbeddedChannel.with({ allowHalfOpen: true });
    ended.shutdown('output');
    expect(replaceTransport(coreOf(ended)!, () => fresh).error?.message).toContain(
      'both directions',
    );
  });

  it('a new transport that takes its time is not a slow consumer', () => {
    const { channel, replace } = setUp();
    replace();
    channel.writeAndFlush('later').onSettled(() => {});
    channel.advance(60_000);
    expect(channel.isOpen).toBe(true);
  });
});
