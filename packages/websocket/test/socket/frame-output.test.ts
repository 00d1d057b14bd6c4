import { randomBytes } from 'node:crypto';
import { type ByteSource, ChannelGroup } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { TextMessage, WebSocketTextCodec } from '../../src/index.ts';
import { type AgreedDeflate, deflateOfAnswer, deflateTerms } from '../../src/socket/compression.ts';
import { FrameOutput } from '../../src/socket/frame-output.ts';
import { applyMask } from '../../src/socket/mask.ts';
import { firstByte, frameOf } from '../../src/socket/message-frame.ts';
import { framesIn, member } from './member.ts';
import { ScriptedDeflate } from './scripted-deflate.ts';

const DEFLATE: AgreedDeflate = {
  windowBits: 15,
  thresholdBytes: 100,
  maxSharedBytes: 1000,
  own: new ScriptedDeflate(),
};

describe('frames of a server', () => {
  it.each([
    [0, '00'],
    [1, '01'],
    [125, '7d'],
    [126, '7e007e'],
    [65_535, '7effff'],
    [65_536, '7f0000000000010000'],
    [70_001, '7f0000000000011171'],
  ])('has the header of %d bytes', (length, header) => {
    const payload = Buffer.alloc(length, 'x');
    const begin = (first: number): Buffer =>
      Buffer.concat([Buffer.of(first), Buffer.from(header, 'hex'), payload]);
    expect(frameOf(firstByte(true), payload, false).equals(begin(0x81))).toBe(true);
    expect(frameOf(firstByte(false), payload, false).equals(begin(0x82))).toBe(true);
    expect(frameOf(firstByte(true, true), payload, false).equals(begin(0xc1))).toBe(true);
    expect(frameOf(firstByte(false, true), payload, false).equals(begin(0xc2))).toBe(true);
  });

  it('writes each kind of message as the library would', async () => {
    const one = member();
    const messages = ['é', TextMessage.of('text'), Buffer.from([1, 2]), Buffer.alloc(9000)];
    for (const message of messages) await one.channel.writeAndFlush(message);
    const frames = [
      frameOf(firstByte(true), Buffer.from('é'), false),
      frameOf(firstByte(true), Buffer.from('text'), false),
      frameOf(firstByte(false), Buffer.from([1, 2]), false),
      frameOf(firstByte(false), Buffer.alloc(9000), false),
    ];
    const bytes = Buffer.concat(framesIn(one));
    expect(bytes.equals(Buffer.concat(frames))).toBe(true);
  });

  it('writes the messages of a flush as one message of the channel below', async () => {
    const one = member();
    one.channel.write('a');
    one.channel.write(Buffer.from('b'));
    await one.channel.writeAndFlush(TextMessage.of('c'));
    const written = framesIn(one);
    expect(written).toHaveLength(1);
    expect(written[0]!.toString('hex')).toBe('810161820162810163');
  });
});

describe('the frame of a broadcast', () => {
  it.each(['text', 'binary'])('is the same memory for all members: %s', async (kind) => {
    const group = new ChannelGroup<string | Buffer>('all');
    const members = Array.from({ length: 40 }, (_, i) =>
      member({ handlers: i % 2 === 0 ? [new WebSocketTextCodec()] : [] }),
    );
    const wanted = kind === 'text' ? members : members.filter((_, i) => i % 2 === 1);
    for (const { channel } of wanted) group.add(channel as never);
    await group.writeAndFlush(kind === 'text' ? 'hello' : Buffer.from('hello'));
    const frames = wanted.flatMap(framesIn);
    expect(frames).toHaveLength(wanted.length);
    // The texts of two kinds of pipelines are two messages.
    expect(new Set(frames).size).toBe(kind === 'text' ? 2 : 1);
    for (const frame of frames) {
      expect(String(frame.subarray(2))).toBe('hello');
    }
  });

  it('is compressed once for each size of the window, and not below the threshold', async () => {
    const group = new ChannelGroup<Buffer>('all');
    const small = { ...DEFLATE, windowBits: 10 };
    const members = [DEFLATE, small, undefined, DEFLATE, small].map((deflate) =>
      member({ deflate }),
    );
    for (const { channel } of members) group.add(channel as never);
    await group.writeAndFlush(Buffer.alloc(500, 'x'));
    const [a, b, plain, c, d] = members.flatMap(framesIn);
    expect(new Set([a, b, plain, c, d]).size).toBe(3);
    expect([a, b]).toEqual([c, d]);
    expect(a![0]).toBe(0xc2);
    expect(plain![0]).toBe(0x82);
    expect(plain).toHaveLength(504);
    expect(a!.length).toBeLessThan(40);
    await group.writeAndFlush(Buffer.alloc(99, 'x'));
    expect(new Set(members.flatMap(framesIn)).size).toBe(1);
  });

  it('is not compressed if that makes it no shorter', async () => {
    const group = new ChannelGroup<Buffer>('all');
    const members = [DEFLATE, undefined].map((deflate) => member({ deflate }));
    for (const { channel } of members) group.add(channel as never);
    await group.writeAndFlush(randomBytes(500));
    const [offered, plain] = members.flatMap(framesIn);
    expect(offered![0]).toBe(0x82);
    expect(offered).toBe(plain);
  });

  it('of a message too long to be compressed here is compressed for each member, in another thread', async () => {
    const group = new ChannelGroup<Buffer>('all');
    const own = new ScriptedDeflate();
    const one = member({ deflate: { ...DEFLATE, own } });
    group.add(one.channel as never);
    const written = group.writeAndFlush(Buffer.alloc(1001, 'x'));
    expect(framesIn(one)).toEqual([]);
    own.waiting.shift()!();
    await written;
    expect(framesIn(one)[0]!.subarray(0, 6).toString('latin1')).toBe('\xc2~\x03\xebz:');
  });

  it('counts as much as its message against the limit of a member that does not read', () => {
    const group = new ChannelGroup<Buffer>('all', { maxMemberBytes: 5000 });
    const one = member();
    one.parent.embedded.isStuck = true;
    group.add(one.channel as never);
    for (let i = 0; i < 80; i++) {
      void group.writeAndFlush(Buffer.alloc(1000)).then(undefined, () => {});
    }
    expect(one.channel.closeInfo?.reason).toBe('slow-consumer');
  });
});

describe('the output of a server', () => {
  it('compresses what is for one member in another thread, and keeps the order of its flush', async () => {
    const own = new ScriptedDeflate();
    const one = member({ deflate: { ...DEFLATE, own } });
    const long = 'x'.repeat(100);
    const futures = ['a', 'b', long, 'c', long, 'd'].map((text) => one.channel.write(text));
    one.channel.flush();
    const later = one.channel.writeAndFlush('e');
    const sent = () => framesIn(one).map((frame) => frame.toString('latin1'));
    const zipped = `\xc1\x66z:${long}`;
    // The bytes before a compressed message go with it.
    expect([sent(), own.waiting.length]).toEqual([[], 1]);
    own.waiting.shift()!();
    expect(sent()).toEqual(['\x81\x01a\x81\x01b', zipped]);
    expect(futures[2]!.isSettled).toBe(false);
    own.waiting.shift()!();
    await later;
    expect(sent()).toEqual(['\x81\x01c', zipped, '\x81\x01d', '\x81\x01e']);
    expect(futures.every((future) => future.isSuccess)).toBe(true);
    await one.channel.writeAndFlush('x'.repeat(99));
    expect(framesIn(one)).toHaveLength(1);
  });

  it('sends a message that compression does not make shorter as it is', async () => {
    const { own } = deflateOfAnswer('permessage-deflate', deflateTerms(true, 1000))!;
    const one = member({ deflate: { ...DEFLATE, own } });
    const message = randomBytes(300);
    await one.channel.writeAndFlush(message);
    const [frame] = framesIn(one);
    expect(frame).toEqual(Buffer.concat([Buffer.from('827e012c', 'hex'), message]));
  });

  it('ends the connection when a message cannot be compressed', async () => {
    const failing = new ScriptedDeflate();
    failing.compress = (_bytes, done) => void Reflect.apply(done, undefined, [new Error('broken')]);
    const { channel, parent } = member({ deflate: { ...DEFLATE, own: failing } });
    channel.writeAndFlush('x'.repeat(100)).onSettled(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(parent.closeInfo?.reason).toBe('error');
  });

  it('has sent a message when the channel below has', () => {
    const { parent, channel } = member();
    parent.embedded.isStuck = true;
    const first = channel.writeAndFlush('first');
    const second = channel.writeAndFlush('second');
    expect([first.isSettled, second.isSettled]).toEqual([false, false]);
    parent.embedded.release();
    expect([first.isSuccess, second.isSuccess]).toEqual([true, true]);
  });

  it('says no goodbye after output that waits', () => {
    const one = member();
    const { parent, channel } = one;
    parent.embedded.isStuck = true;
    channel.writeAndFlush('waits').onSettled(() => {});
    channel.close();
    expect(parent.isOpen).toBe(false);
    expect(framesIn(one)).toEqual([]);
  });

  it('ends the connection when a handler below fails a frame', async () => {
    const broken = new Error('broken');
    const { channel, parent } = member({ before: { write: () => Promise.reject(broken) } });
    channel.writeAndFlush('lost').onSettled(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(parent.closeInfo?.reason).toBe('error');
  });
});

describe('frames of a client', () => {
  /** The payloads of frames, without their masks. */
  function payloadsIn(bytes: Buffer): Buffer[] {
    const payloads: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const short = bytes[at + 1]! & 0x7f;
      expect(bytes[at + 1]! >= 0x80).toBe(true);
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : -1;
      const from = at + (short < 126 ? 6 : 8);
      applyMask(bytes, from - 4, from, from + length);
      payloads.push(bytes.subarray(from, from + length));
      at = from + length;
    }
    return payloads;
  }

  it('have masks, each another one, for each kind of message', async () => {
    const one = member({ isClient: true });
    const messages = ['é', TextMessage.of('text'), Buffer.from([1, 2]), Buffer.alloc(9000, 'x')];
    for (const message of messages) await one.channel.writeAndFlush(message);
    for (const message of messages) one.channel.write(message);
    one.channel.flush();
    const frames = framesIn(one);
    expect(frames[0]!.subarray(2, 6)).not.toEqual(frames[1]!.subarray(2, 6));
    const payloads = payloadsIn(Buffer.concat(frames)).map(String);
    const once = ['é', 'text', '\x01\x02', 'x'.repeat(9000)];
    expect(payloads).toEqual([...once, ...once]);
  });

  it('of a broadcast have masks of their own, and leave what others share as it is', async () => {
    const group = new ChannelGroup<string>('all');
    const members = [true, true, false].map((isClient) => member({ isClient }));
    for (const { channel } of members) group.add(channel as never);
    await group.writeAndFlush('hello');
    const [a, b, plain] = members.map((one) => Buffer.concat(framesIn(one)));
    expect(a!.subarray(2, 6)).not.toEqual(b!.subarray(2, 6));
    expect([...payloadsIn(a!), ...payloadsIn(b!), plain!.subarray(2)].map(String)).toEqual([
      'hello',
      'hello',
      'hello',
    ]);
  });

  it('of control have masks, too', () => {
    const one = member({ isClient: true });
    one.parent.writeInbound(Buffer.from([0x89, 1, 0x70]));
    one.channel.close();
    const [pong, close] = framesIn(one);
    expect([pong![0], close![0]]).toEqual([0x8a, 0x88]);
    expect(payloadsIn(Buffer.concat([pong!, close!])).map(String)).toEqual([
      'p',
      '\x03\ufffdlocal',
    ]);
  });
});

describe('a message that becomes shorter before it leaves', () => {
  it.each([
    [1, false, false],
    [2, false, false],
    [1, true, false],
    [2, true, false],
    [1, false, true],
    [2, false, true],
  ])(
    'fails: no memory of others goes out behind it, %i in its flush, masked: %s, a text: %s',
    (count, isMasked, isText) => {
      const sources: ByteSource[] = [];
      const below = { writeAndFlush: (source: ByteSource) => void sources.push(source) };
      const memory: ArrayBuffer = Reflect.construct(ArrayBuffer, [100, { maxByteLength: 100 }]);
      const messageOf = (): TextMessage | Uint8Array => {
        const bytes = new Uint8Array(memory);
        return isText ? new TextMessage(Object.setPrototypeOf(bytes, Buffer.prototype)) : bytes;
      };
      const messages = Array.from({ length: count }, messageOf);
      new FrameOutput(below as never, undefined, isMasked).write(messages);
      (memory as unknown as { resize(length: number): void }).resize(10);
      const [source] = sources;
      const target = Buffer.alloc(source!.byteLength);
      expect(() => source!.writeTo(target, 0)).toThrow(RangeError);
    },
  );
});
