import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import {
  type ByteSource,
  ChannelGroup,
  type Context,
  type Handler,
  silentLogger,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { TextMessage, WebSocketTextCodec } from '../../src/index.ts';
import { agreedDeflate, type SharedDeflate, wsDeflate } from '../../src/socket/compression.ts';
import { FrameOutput } from '../../src/socket/frame-output.ts';
import { frameOf } from '../../src/socket/message-frame.ts';
import { type WebSocketChannel, webSocketChannel } from '../../src/socket/web-socket-channel.ts';
import type { WsSocket } from '../../src/socket/ws-socket.ts';

/** An open WebSocket of the library, which notes what it is asked for. */
class FakeSocket extends EventEmitter implements WsSocket {
  readonly readyState = 1;
  readonly isPaused = false;
  readonly protocol = '';
  bufferedAmount = 0;
  readonly calls: string[] = [];

  send(data: string | Uint8Array, { binary }: { binary: boolean }, sent?: () => void): void {
    this.calls.push(`send ${binary ? 'binary' : 'text'} ${String(data)}`);
    if (sent !== undefined) process.nextTick(sent);
  }

  close(code: number): void {
    this.calls.push(`close ${code}`);
  }

  terminate(): void {
    this.calls.push('terminate');
  }

  pause(): void {}
  resume(): void {}
}

interface Member {
  readonly ws: FakeSocket;
  /** Carries the WebSocket. */
  readonly parent: EmbeddedChannel;
  readonly stream: PassThrough;
  readonly channel: WebSocketChannel;
}

function member({ deflate, handlers = [], before = {} }: MemberOptions = {}): Member {
  let ctx: Context | undefined;
  const parent = new EmbeddedChannel(before, {
    handlerAdded(added: Context) {
      ctx = added;
    },
  });
  const ws = new FakeSocket();
  const stream = new PassThrough().on('error', () => {});
  const channel = webSocketChannel(ws, ({ pipeline }) => void pipeline.addLast(...handlers), {
    parent,
    stream,
    frames: new FrameOutput(ctx!, deflate),
    logger: silentLogger,
    clock: parent.clock,
  });
  return { ws, parent, stream, channel };
}

interface MemberOptions {
  readonly deflate?: SharedDeflate | undefined;
  readonly handlers?: readonly Handler[];
  /** In the pipeline of the channel that carries it. */
  readonly before?: object;
}

const DEFLATE = { windowBits: 15, thresholdBytes: 100, maxBytes: 1000 };

function framesIn({ parent }: Member): Buffer[] {
  const frames: Buffer[] = [];
  for (let one = parent.readOutbound(Buffer); one !== undefined; ) {
    frames.push(one);
    one = parent.readOutbound(Buffer);
  }
  return frames;
}

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
    expect(frameOf(true, payload, false).equals(begin(0x81))).toBe(true);
    expect(frameOf(false, payload, false).equals(begin(0x82))).toBe(true);
    expect(frameOf(true, payload, true).equals(begin(0xc1))).toBe(true);
    expect(frameOf(false, payload, true).equals(begin(0xc2))).toBe(true);
  });

  it('writes each kind of message as the library would', async () => {
    const one = member();
    const messages = ['é', TextMessage.of('text'), Buffer.from([1, 2]), Buffer.alloc(9000)];
    for (const message of messages) await one.channel.writeAndFlush(message);
    const frames = [
      frameOf(true, Buffer.from('é'), false),
      frameOf(true, Buffer.from('text'), false),
      frameOf(false, Buffer.from([1, 2]), false),
      frameOf(false, Buffer.alloc(9000), false),
    ];
    const bytes = Buffer.concat(framesIn(one));
    expect(bytes.equals(Buffer.concat(frames))).toBe(true);
    expect(one.ws.calls).toEqual([]);
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

  it('of a message too long to be compressed here is left to the library', async () => {
    const group = new ChannelGroup<Buffer>('all');
    const one = member({ deflate: DEFLATE });
    group.add(one.channel as never);
    await group.writeAndFlush(Buffer.alloc(1001, 'x'));
    expect(framesIn(one)).toEqual([]);
    expect(one.ws.calls).toHaveLength(1);
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
  it('leaves what is to be compressed for one member to the library, and its flush with it', async () => {
    const one = member({ deflate: DEFLATE });
    one.channel.write('short');
    await one.channel.writeAndFlush('x'.repeat(100));
    expect(one.ws.calls).toEqual(['send text short', `send text ${'x'.repeat(100)}`]);
    await one.channel.writeAndFlush('x'.repeat(99));
    expect(framesIn(one)).toHaveLength(1);
  });

  it('lets the answer of the handshake go first', async () => {
    const one = member();
    one.ws.bufferedAmount = 100;
    one.channel.writeAndFlush('early').onSettled(() => {});
    expect(framesIn(one)).toEqual([]);
    expect(one.ws.calls).toEqual(['send text early']);
    one.ws.bufferedAmount = 0;
    await new Promise((resolve) => setImmediate(resolve));
    await one.channel.writeAndFlush('late');
    expect(framesIn(one)).toHaveLength(1);
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
    const { parent, channel, ws } = member();
    parent.embedded.isStuck = true;
    channel.writeAndFlush('waits').onSettled(() => {});
    channel.close();
    expect(ws.calls).toEqual(['terminate']);
  });

  it('ends the connection when a handler below fails a frame', async () => {
    const broken = new Error('broken');
    const one = member({ before: { write: () => Promise.reject(broken) } });
    one.channel.writeAndFlush('lost').onSettled(() => {});
    await new Promise((resolve) => setImmediate(resolve));
    expect(one.stream.errored).toBe(broken);
  });
});

describe('the compression that a handshake agreed on', () => {
  const extensions = (text: string) => [
    'HTTP/1.1 101 Switching Protocols',
    `Sec-WebSocket-Extensions: permessage-deflate${text}`,
  ];

  it('is shared where each message has a window of its own', () => {
    const answer = extensions('; server_no_context_takeover');
    expect(agreedDeflate(answer, true)).toEqual({
      windowBits: 15,
      thresholdBytes: 1024,
      maxBytes: 32_768,
    });
    const small = extensions('; server_no_context_takeover; server_max_window_bits=10');
    const { windowBits, thresholdBytes } = agreedDeflate(small, { thresholdBytes: 7 }) || {
      windowBits: 0,
      thresholdBytes: 0,
    };
    expect([windowBits, thresholdBytes]).toEqual([10, 7]);
  });

  it('is not shared where the window is kept, and absent where none was agreed on', () => {
    expect(agreedDeflate(extensions(''), true)).toBe(false);
    expect(agreedDeflate(['HTTP/1.1 101 Switching Protocols'], true)).toBe(undefined);
  });
});

describe('a WebSocket by the library', () => {
  /** The library's callbacks, which come when the test says so. */
  function slowMember() {
    const callbacks: (() => void)[] = [];
    const ws = new FakeSocket();
    ws.send = (_data, _options, sent) => void callbacks.push(sent ?? (() => {}));
    const stream = new PassThrough();
    const channel = webSocketChannel(ws, () => {}, { logger: silentLogger, stream });
    return { ws, channel, callbacks, stream };
  }

  it('takes the late report of one write for none of the next', () => {
    const { ws, channel, callbacks } = slowMember();
    expect(channel.writeAndFlush('a').isSuccess).toBe(true);
    ws.bufferedAmount = 1000;
    const long = channel.writeAndFlush('long');
    callbacks[0]!();
    expect(long.isSuccess).toBe(false);
    expect(channel.pendingOutboundBytes).toBeGreaterThan(0);
    ws.bufferedAmount = 0;
    callbacks[1]!();
    expect(long.isSuccess).toBe(true);
  });

  it('has not sent what a stream reports after it was destroyed', () => {
    const { ws, channel, callbacks, stream } = slowMember();
    ws.bufferedAmount = 1000;
    const long = channel.writeAndFlush('long');
    stream.destroy();
    callbacks[0]!();
    expect(long.isSuccess).toBe(false);
  });

  it('waits for an empty message, which may be compressed though no byte waits', () => {
    const { channel, callbacks } = slowMember();
    const empty = channel.writeAndFlush('');
    const next = channel.writeAndFlush('next');
    expect([empty.isSuccess, callbacks.length]).toEqual([false, 1]);
    callbacks[0]!();
    expect([empty.isSuccess, next.isSuccess]).toEqual([true, true]);
  });

  it('refuses no peer that asks for messages with windows of their own', () => {
    expect(wsDeflate({ keepContext: true }, 'server')).toEqual({ threshold: 1024 });
    expect(wsDeflate({ keepContext: true }, 'client')).toEqual({ threshold: 1024 });
  });
});

describe('a message that becomes shorter before it leaves', () => {
  it.each([1, 2])('fails: no memory of others goes out behind it, %i in its flush', (count) => {
    const sources: ByteSource[] = [];
    const below = { writeAndFlush: (source: ByteSource) => void sources.push(source) };
    const memory: ArrayBuffer = Reflect.construct(ArrayBuffer, [100, { maxByteLength: 100 }]);
    const messages = Array.from({ length: count }, () => new Uint8Array(memory));
    new FrameOutput(below as never, undefined).write(messages);
    (memory as unknown as { resize(length: number): void }).resize(10);
    const [source] = sources;
    const target = Buffer.alloc(source!.byteLength);
    expect(() => source!.writeTo(target, 0)).toThrow(RangeError);
  });
});
