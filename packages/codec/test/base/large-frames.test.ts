import { type ByteInput, ByteToMessageDecoder, LengthFieldFrameDecoder } from '@headrace/codec';
import { type Context, type Handler, TlsUpgradeEvent } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const MIB = 1024 * 1024;
const READ_BYTES = 64 * 1024;

let allocated = 0;
let copied = 0;

beforeEach(() => {
  allocated = 0;
  copied = 0;
  const { allocUnsafeSlow } = Buffer;
  vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation((size) => {
    allocated += size;
    return allocUnsafeSlow(size);
  });
  const { copy } = Buffer.prototype;
  vi.spyOn(Buffer.prototype, 'copy').mockImplementation(function (this: Buffer, ...rest) {
    const bytes = copy.apply(this, rest as never);
    copied += bytes;
    return bytes;
  });
});
afterEach(() => void vi.restoreAllMocks());

function frame(bytes: number, seed = 1): Buffer {
  const made = Buffer.alloc(4 + bytes);
  made.writeUInt32BE(bytes);
  for (let i = 0; i < bytes; i++) made[4 + i] = (i * 31 + (i >> 8) + seed) & 0xff;
  return made;
}

const decoder = (): LengthFieldFrameDecoder =>
  new LengthFieldFrameDecoder({
    maxFrameLength: 16 * MIB + 4,
    lengthFieldLength: 4,
    initialBytesToStrip: 4,
  });

/** Reads as a transport does that has one buffer for all connections; returns how much went into the room. */
function read(channel: EmbeddedChannel, bytes: Buffer, size = READ_BYTES): number {
  const { sink } = channel.embedded;
  let received = 0;
  for (let at = 0; at < bytes.length; at += size) {
    const window = bytes.subarray(at, at + size);
    const piece = sink.readMemory?.receive(window);
    if (piece !== undefined) received += piece.length;
    sink.received(piece ?? Buffer.from(window));
    sink.readComplete();
  }
  return received;
}

describe('a large frame', () => {
  it('of 16 MiB costs one copy, out of the memory of the reads into its own', () => {
    const channel = new EmbeddedChannel(decoder());
    const sent = frame(16 * MIB);
    allocated = 0;
    const received = read(channel, sent);
    const message = channel.readInbound() as Buffer;
    expect(message.equals(sent.subarray(4))).toBe(true);
    expect(received).toBeGreaterThan(sent.length * 0.9);
    expect(copied).toBeLessThan(sent.length * 0.08);
    expect(allocated).toBeLessThan(sent.length * 1.08);
    expect(message.buffer.byteLength).toBe(sent.length);
  });

  it('whose length alone has come takes no memory, and later at most 16 times what has come', () => {
    const channel = new EmbeddedChannel(decoder());
    const sent = frame(16 * MIB);
    allocated = 0;
    read(channel, sent.subarray(0, 5));
    expect(allocated).toBeLessThan(1024);
    for (let at = 5; at < 8000; at += 100) {
      allocated = 0;
      read(channel, sent.subarray(at, at + 100));
      expect(allocated).toBeLessThanOrEqual(16 * (at + 100));
    }
  });

  it('takes of the read in which it ends only its own bytes', () => {
    const channel = new EmbeddedChannel(decoder());
    const sent = Buffer.concat([frame(10_000), frame(40_000, 2), frame(3, 3)]);
    channel.writeInbound(sent.subarray(0, 7000));
    copied = 0;
    channel.writeInbound(sent.subarray(7000));
    const [first, second, third] = [1, 2, 3].map(() => channel.readInbound() as Buffer);
    expect(copied).toBeLessThanOrEqual(10_004);
    expect(second!.buffer).toBe(third!.buffer);
    const all = [first, second, third].flatMap((body) => [Buffer.alloc(4), body!]);
    for (const [at, body] of [first, second, third].entries()) {
      all[2 * at]!.writeUInt32BE(body!.length);
    }
    expect(Buffer.concat(all).equals(sent)).toBe(true);
  });

  it.each([1, 37, 4096, 5000, READ_BYTES])('comes whole in reads of %i bytes', (size) => {
    const channel = new EmbeddedChannel(decoder());
    const bodies = [9000, 0, 70_000, 5, 20_000, 4096];
    read(channel, Buffer.concat(bodies.map(frame)), size);
    for (const [seed, bytes] of bodies.entries()) {
      expect((channel.readInbound() as Buffer).equals(frame(bytes, seed).subarray(4))).toBe(true);
    }
  });

  it('leaves what was received to the handlers before the decoder, which keep or change it', () => {
    const kept: [Buffer, string][] = [];
    const changing: Handler = {
      channelRead(ctx: Context, bytes: Buffer) {
        kept.push([bytes, bytes.toString('latin1')]);
        ctx.fireChannelRead(Buffer.from(bytes.map((byte) => byte ^ 0x55)));
      },
    };
    const channel = new EmbeddedChannel(changing, decoder());
    for (let seed = 1; seed <= 5; seed++) {
      const sent = frame(200_000, seed);
      const received = read(channel, Buffer.from(sent.map((byte) => byte ^ 0x55)), 10_000);
      expect((channel.readInbound() as Buffer).equals(sent.subarray(4))).toBe(true);
      if (seed > 3) expect(received).toBe(0);
    }
    for (const [bytes, text] of kept) expect(bytes.toString('latin1') === text).toBe(true);
  });

  it('that waits in a handler before the decoder is put together in its order', () => {
    const waiting: Buffer[] = [];
    const late: Handler = { channelRead: (_ctx, bytes: Buffer) => void waiting.push(bytes) };
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast('late', late).addLast(decoder());
    const sent = frame(100_000);
    const pass = (): void => {
      for (const bytes of waiting.splice(0))
        channel.pipeline.context('late')!.fireChannelRead(bytes);
      channel.pipeline.context('late')!.fireChannelReadComplete();
    };
    read(channel, sent.subarray(0, 10_000));
    pass();
    expect(read(channel, sent.subarray(10_000, 90_000), 10_000)).toBe(80_000);
    pass();
    read(channel, sent.subarray(90_000));
    pass();
    expect((channel.readInbound() as Buffer).equals(sent.subarray(4))).toBe(true);
  });
});

describe('bytes after a frame that becomes whole', () => {
  const begun = (...handlers: Handler[]) => {
    const framing = decoder();
    const channel = new EmbeddedChannel(framing, ...handlers);
    const sent = Buffer.concat([frame(5000), frame(1, 2)]);
    channel.writeInbound(sent.subarray(0, 4000));
    return { channel, framing, end: sent.subarray(4000) };
  };

  it('are held while its handler runs: an upgrade to TLS is refused', () => {
    const held: boolean[] = [];
    const upgrading: Handler = {
      channelRead(ctx: Context) {
        const event = new TlsUpgradeEvent();
        ctx.pipeline.fireUserEventTriggered(event);
        held.push(event.heldBytes > 0);
      },
    };
    const { channel, end } = begun(upgrading);
    channel.writeInbound(end);
    expect(held).toEqual([true, false]);
  });

  it('pass on raw when its handler removes the decoder', () => {
    const seen: number[] = [];
    const { channel, framing, end } = begun({
      channelRead(ctx: Context, bytes: Buffer) {
        seen.push(bytes.length);
        if (seen.length === 1) ctx.pipeline.remove(framing);
      },
    });
    channel.writeInbound(end);
    expect(seen).toEqual([5000, 5]);
  });

  it('wait for the next read with singleDecode', () => {
    const { channel, framing, end } = begun();
    framing.singleDecode = true;
    channel.writeInbound(end);
    expect(channel.readInbound()).toHaveLength(5000);
    expect(channel.readInbound()).toBeUndefined();
    channel.writeInbound(Buffer.from([0]));
    expect(channel.readInbound()).toHaveLength(1);
  });

  it('wait while reads are held, and are held by then', () => {
    const { channel, end } = begun();
    const hold = channel.holdReads('test');
    channel.writeInbound(end);
    const event = new TlsUpgradeEvent();
    channel.pipeline.fireUserEventTriggered(event);
    expect(event.heldBytes).toBe(5009);
    expect(channel.readInbound()).toBeUndefined();
    hold.release();
    channel.runPendingTasks();
    expect(channel.readInbound()).toHaveLength(5000);
    expect(channel.readInbound()).toHaveLength(1);
  });

  it('come to a decoder that asked for fewer than it takes', () => {
    class Fickle extends ByteToMessageDecoder<string> {
      protected override decode(_ctx: Context, input: ByteInput): string | undefined {
        input.wanted = 3;
        return input.length < 5 ? undefined : input.take(5).toString();
      }
    }
    const channel = new EmbeddedChannel(new Fickle());
    channel.writeInbound(Buffer.from('a'), Buffer.from('bcdefghijk'));
    expect(channel.readInbound()).toBe('abcde');
    expect(channel.readInbound()).toBe('fghij');
  });

  it('come to a decoder that asked for endlessly many', () => {
    class Greedy extends ByteToMessageDecoder<string> {
      protected override decode(_ctx: Context, input: ByteInput): string | undefined {
        input.wanted = Number.POSITIVE_INFINITY;
        return input.length < 5 ? undefined : input.take(5).toString();
      }
    }
    const channel = new EmbeddedChannel(new Greedy());
    channel.writeInbound(Buffer.from('a'), Buffer.from('bcd'), Buffer.from('efghij'));
    expect(channel.readInbound()).toBe('abcde');
    expect(channel.readInbound()).toBe('fghij');
  });
});
