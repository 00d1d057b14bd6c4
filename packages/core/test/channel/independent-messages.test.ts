import { DecodeError, type Logger, sequential } from '@headrace/core';
import { EmbeddedChannel, type EmbeddedChannelOptions } from '@headrace/core/testing';
import { expect, it } from 'vitest';

/** A channel over a transport whose messages are independent, as datagrams are. */
function datagrams(options: EmbeddedChannelOptions = {}): EmbeddedChannel {
  const channel = EmbeddedChannel.with({ ...options, register: false });
  channel.embedded.connectionless = { uncaught: () => {} };
  channel.register();
  return channel;
}

it('fails the write of the one message that the transport did not take, and the others succeed', () => {
  const channel = datagrams();
  channel.embedded.isStuck = true;
  const writes = ['one', 'two', 'three'].map((text) => channel.write(text));
  channel.flush();
  const refused = new Error('too long');
  channel.run(() => channel.embedded.release(new Map([[1, refused]])));
  expect(writes.map(({ isSuccess, error }) => error ?? isSuccess)).toEqual([true, refused, true]);
  expect(channel.isOpen).toBe(true);
  expect(channel.pendingOutboundBytes).toBe(0);
  expect([channel.readOutbound(), channel.readOutbound()]).toEqual(['one', 'three']);
});

it('counts the places of failures over all writes that go out together', () => {
  const channel = datagrams();
  channel.embedded.isStuck = true;
  channel.writeAndFlush('first');
  const second = channel.writeAndFlush('second');
  const third = channel.writeAndFlush('third');
  channel.run(() => {
    channel.embedded.release();
    channel.embedded.isStuck = true;
  });
  expect(second.isSuccess && third.isSuccess).toBe(true);
});

it('reports an unhandled failed write to the hook writeFailed', () => {
  const failed: string[] = [];
  const hooks = { writeFailed: (_: unknown, error: Error) => void failed.push(error.message) };
  const channel = datagrams({ hooks });
  channel.embedded.isStuck = true;
  channel.writeAndFlush('x');
  channel.run(() => channel.embedded.release(new Map([[0, new Error('refused')]])));
  channel.runPendingTasks();
  expect(failed).toEqual(['refused']);
});

it('refuses output above its limit, and stays open', () => {
  const channel = datagrams({ maxOutboundBytes: 100 });
  channel.embedded.isStuck = true;
  channel.writeAndFlush('x'.repeat(200));
  const refused = channel.write('y');
  expect((refused.error as { code?: string } | undefined)?.code).toBe('HR_ERR_OUTBOUND_FULL');
  channel.runPendingTasks();
  expect(channel.isOpen).toBe(true);
});

it('does not watch for stalls, since peers need not take datagrams', () => {
  const channel = datagrams({ outboundStallMs: 1000 });
  channel.embedded.isStuck = true;
  channel.writeAndFlush('x');
  channel.clock.advance(60_000);
  expect(channel.isOpen).toBe(true);
});

it('outlives errors that no handler caught: a warning for the first, the others at level debug', () => {
  const lines: string[] = [];
  const logger: Logger = { log: (level, line) => void lines.push(`${level} ${line}`) };
  const channel = datagrams({ logger, hooks: { unhandledException: undefined as never } });
  for (const text of ['one', 'two']) {
    channel.run(() =>
      channel.pipeline.fireExceptionCaught(new DecodeError('MESSAGE_INVALID', text)),
    );
  }
  expect(channel.isOpen).toBe(true);
  expect(lines.map((line) => line.replace(/\[.*?\] /, ''))).toEqual([
    'warn no handler caught an error; the channel goes on; further ones are logged at level debug',
    'debug no handler caught an error; the channel goes on',
  ]);
});

it('an exceptionCaught that throws for each message is one error in the log, and level debug after that', () => {
  const levels: string[] = [];
  const logger: Logger = {
    log: (level, text) => void (text.includes('exceptionCaught threw') && levels.push(level)),
  };
  const throws = () => {
    throw new Error('again');
  };
  for (const handler of [
    { channelRead: throws, exceptionCaught: throws },
    sequential({ channelRead: throws, exceptionCaught: throws }),
  ]) {
    levels.length = 0;
    const channel = EmbeddedChannel.with({ logger }, handler);
    channel.writeInbound('one', 'two', 'three');
    expect(levels).toEqual(['error', 'debug', 'debug']);
  }
});
