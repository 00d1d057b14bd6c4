import { describe, expect, it } from 'vitest';
import type { Logger } from '../../src/contract/logger.ts';
import type { Context, Handler } from '../../src/contract.ts';
import { PendingWriteQueue } from '../../src/hold/pending-write-queue.ts';
import { EmbeddedChannel } from '../../src/testing/index.ts';

class Owner implements Handler {
  ctx!: Context;
  queue!: PendingWriteQueue;

  handlerAdded(ctx: Context): void {
    this.ctx = ctx;
    this.queue = new PendingWriteQueue(ctx);
  }
}

function owned(logger?: Logger): { channel: EmbeddedChannel; owner: Owner } {
  const owner = new Owner();
  const options = logger === undefined ? {} : { logger };
  return { channel: EmbeddedChannel.with(options, owner), owner };
}

function outbound(channel: EmbeddedChannel): unknown[] {
  channel.flushOutbound();
  return channel.finish().outbound;
}

describe('PendingWriteQueue', () => {
  it('writes all in order and returns one future for them', () => {
    const { channel, owner } = owned();
    const order: string[] = [];
    owner.queue.add('a').onSettled(() => order.push('a'));
    owner.queue.add('b').onSettled(() => order.push('b'));
    const all = owner.queue.removeAndWriteAll();
    all.onSettled((error) => order.push(`all ${error}`));
    expect(order).toEqual([]);
    expect(outbound(channel)).toEqual(['a', 'b']);
    expect(order).toEqual(['a', 'b', 'all undefined']);
    expect(owner.queue.isEmpty).toBe(true);
  });

  it('fails all in order', () => {
    const { owner } = owned();
    const order: string[] = [];
    owner.queue.add('a').onSettled((error) => order.push(`a ${error?.message}`));
    owner.queue.add('b').onSettled((error) => order.push(`b ${error?.message}`));
    owner.queue.removeAndFailAll(new Error('no'));
    expect(order).toEqual(['a no', 'b no']);
    expect(owner.queue.size).toBe(0);
    expect(owner.queue.bytes).toBe(0);
  });

  it('fails what is added while it fails the others', () => {
    const { owner } = owned();
    const order: string[] = [];
    owner.queue.add('a').onSettled(() => {
      order.push('a');
      owner.queue.add('late').onSettled(() => order.push('late'));
    });
    owner.queue.add('b').onSettled(() => order.push('b'));
    owner.queue.removeAndFailAll(new Error('no'));
    expect(order).toEqual(['a', 'b', 'late']);
  });

  it('writes what is added while it writes the others', () => {
    const later: (() => void)[] = [];
    const instant: Handler = {
      write: (ctx, message) => {
        for (const run of later.splice(0)) run();
        return ctx.write(message);
      },
    };
    const owner = new Owner();
    const channel = new EmbeddedChannel(instant, owner);
    later.push(() => void owner.queue.add('late'));
    owner.queue.add('a');
    owner.queue.add('b');
    owner.queue.removeAndWriteAll();
    expect(outbound(channel)).toEqual(['a', 'b', 'late']);
  });

  it('counts what it holds towards writability, and announces both changes', () => {
    const changes: boolean[] = [];
    const owner = new Owner();
    const channel = EmbeddedChannel.with(
      { writeBufferHighBytes: 1000, writeBufferLowBytes: 500 },
      owner,
      { channelWritabilityChanged: (ctx) => void changes.push(ctx.channel.isWritable) },
    );
    channel.run(() => owner.queue.add(Buffer.alloc(1000)));
    expect(owner.queue.bytes).toBe(1064);
    expect(channel.isWritable).toBe(false);
    channel.run(() => {
      owner.queue.removeAndWriteAll();
      channel.flush();
    });
    expect(channel.isWritable).toBe(true);
    expect(changes).toEqual([false, true]);
  });

  it('does not make a writable channel unwritable by counting a write twice', () => {
    const changes: boolean[] = [];
    const owner = new Owner();
    const channel = EmbeddedChannel.with(
      { writeBufferHighBytes: 1000, writeBufferLowBytes: 100 },
      owner,
      { channelWritabilityChanged: (ctx) => void changes.push(ctx.channel.isWritable) },
    );
    channel.run(() => owner.queue.add(Buffer.alloc(700)));
    channel.run(() => owner.queue.removeAndWrite());
    expect(changes).toEqual([]);
  });

  it('can be made on a closed channel', () => {
    const owner = new Owner();
    const channel = new EmbeddedChannel(owner);
    channel.finish();
    const queue = new PendingWriteQueue(owner.ctx);
    const errors: unknown[] = [];
    queue.add('late').onSettled((error) => errors.push(error?.message));
    queue.removeAndWriteAll();
    expect(errors).toEqual(['the channel is closed (local)']);
  });

  it('removes one at a time, to write or to fail', () => {
    const { channel, owner } = owned();
    const errors: unknown[] = [];
    owner.queue.add('a');
    owner.queue.add('b').onSettled((error) => errors.push(error?.message));
    expect(owner.queue.current).toBe('a');
    owner.queue.removeAndWrite();
    expect(owner.queue.current).toBe('b');
    expect(owner.queue.removeAndFail(new Error('b'))).toBe(true);
    expect(owner.queue.removeAndFail(new Error('c'))).toBe(false);
    expect(owner.queue.removeAndWrite()).toBeUndefined();
    expect(outbound(channel)).toEqual(['a']);
    expect(errors).toEqual(['b']);
  });

  it('logs an unhandled failed write, and not a handled one', () => {
    const lines: string[] = [];
    const { channel, owner } = owned({ log: (level, text) => void lines.push(`${level} ${text}`) });
    channel.run(() => {
      owner.queue.add('a').onSettled(() => {});
      owner.queue.removeAndFailAll(new Error('seen'));
    });
    expect(lines).toEqual([]);
    channel.run(() => {
      owner.queue.add('a');
      owner.queue.removeAndFailAll(new Error('unseen'));
    });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(/^warn .*nothing handled its error/);
  });

  it('refuses null and undefined, as write does', () => {
    const { owner } = owned();
    expect(() => owner.queue.add(undefined)).toThrow(TypeError);
  });

  it('refuses what exceeds its limits, with the name of the option, and takes a single large message', () => {
    const { owner } = owned();
    const few = new PendingWriteQueue(owner.ctx, { maxMessages: 2, limitName: 'maxHeld' });
    few.add('a');
    few.add('b');
    expect(() => few.add('c')).toThrow(/2 messages wait .* maxHeld \(2\)/);
    const small = new PendingWriteQueue(owner.ctx, { maxBytes: 100 });
    small.add(Buffer.alloc(1000));
    expect(() => small.add('x')).toThrow(/1064 bytes wait .* 65 more exceed maxBytes \(100\)/);
  });

  it('keeps a tag with each message, and gives the future away with one taken out', () => {
    const { channel, owner } = owned();
    const queue = new PendingWriteQueue<number>(owner.ctx);
    queue.add('a', 1);
    const second = queue.add('b', 2);
    expect(queue.currentTag).toBe(1);
    const first = queue.remove()!;
    expect(queue.currentTag).toBe(2);
    expect(first.isSettled).toBe(false);
    expect(channel.pendingOutboundBytes).toBe(65);
    expect(queue.remove()).toBe(second);
    expect(channel.pendingOutboundBytes).toBe(0);
    expect(queue.remove()).toBeUndefined();
  });

  it('fails one in the middle by its future, once', () => {
    const { channel, owner } = owned();
    const errors: unknown[] = [];
    owner.queue.add('a');
    const middle = owner.queue.add('b');
    middle.onSettled((error) => errors.push(error?.message));
    owner.queue.add('c');
    expect(owner.queue.removeAndFail(new Error('b'), middle)).toBe(true);
    expect(owner.queue.removeAndFail(new Error('again'), middle)).toBe(false);
    owner.queue.removeAndWriteAll();
    expect(outbound(channel)).toEqual(['a', 'c']);
    expect(errors).toEqual(['b']);
  });

  it('reports unhandled failures to the hook writeFailed, of held and of later writes', () => {
    const failures: string[] = [];
    const refusing: Handler = {
      write: () => {
        throw new Error('cannot encode');
      },
    };
    const owner = new Owner();
    const hooks = { writeFailed: (_: unknown, error: Error) => void failures.push(error.message) };
    const channel = EmbeddedChannel.with({ hooks }, refusing, owner);
    channel.run(() => {
      owner.queue.add('a');
      owner.queue.removeAndWriteAll();
    });
    expect(failures).toEqual(['cannot encode']);
  });
});
