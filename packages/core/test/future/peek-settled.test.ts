import { describe, expect, it } from 'vitest';
import type { Context, Handler, WriteFuture } from '../../src/contract.ts';
import { EmbeddedChannel } from '../../src/testing/embedded-channel.ts';

class Watching implements Handler {
  outcome: string | undefined;

  write(ctx: Context, message: unknown): WriteFuture {
    const future = ctx.write(message);
    future.peekSettled((error) => {
      this.outcome = error === undefined ? 'done' : 'failed';
    });
    return future;
  }
}

function channelWith(watching: Watching): { channel: EmbeddedChannel; reported: Error[] } {
  const reported: Error[] = [];
  const hooks = { writeFailed: (_channel: unknown, error: Error) => reported.push(error) };
  return { channel: EmbeddedChannel.with({ hooks }, watching), reported };
}

describe('WriteFuture.peekSettled', () => {
  it('shows a failure, and leaves it to be reported as unhandled', () => {
    const watching = new Watching();
    const { channel, reported } = channelWith(watching);
    channel.run(() => void channel.write('never flushed'));
    channel.run(() => void channel.close());
    expect(watching.outcome).toBe('failed');
    expect(reported.map((error) => error.message)).toEqual(['the channel is closed (local)']);
  });

  it('leaves a failure to another listener', () => {
    const watching = new Watching();
    const { channel, reported } = channelWith(watching);
    channel.run(() => channel.write('never flushed').onSettled(() => {}));
    channel.run(() => void channel.close());
    expect(watching.outcome).toBe('failed');
    expect(reported).toEqual([]);
  });
});
