import { ByteInput, LengthFieldFrameDecoder } from '@headrace/codec';
import { type Channel, type Context, type Handler, openChannel } from '@headrace/core';
import { rememberMethods } from '@headrace/core/authoring';
import { BareSocket, VirtualClock } from '@headrace/core/testing';
import { EchoHandler } from '@headrace/handlers';
import { expect, it } from 'vitest';

const BODY_BYTES = 20_000;
const clock = new VirtualClock();

function connect(...handlers: Handler[]): { socket: BareSocket; channel: Channel } {
  const socket = new BareSocket();
  const channel = openChannel(socket, {
    clock,
    outboundStallMs: false,
    initialize: ({ pipeline }) => {
      (pipeline as { addLast(...all: Handler[]): unknown }).addLast(
        new LengthFieldFrameDecoder({
          maxFrameLength: 1 << 20,
          lengthFieldLength: 4,
          initialBytesToStrip: 4,
        }) as Handler,
        ...handlers,
      );
    },
  });
  return { socket, channel };
}

/** Calls a function for each read, keeps nothing and says so. */
class Calling implements Handler {
  static {
    rememberMethods(Calling);
  }

  private readonly call: (bytes: Buffer) => void;

  constructor(call: (bytes: Buffer) => void = () => {}) {
    this.call = call;
  }

  get keepsReads(): false {
    return false;
  }

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.call(bytes);
  }
}

/** A frame in parts of these lengths, and the rest. */
function partsOf(fill: string, ...lengths: readonly number[]): Buffer[] {
  return frameParts(BODY_BYTES, fill, lengths);
}

function frameParts(bodyBytes: number, fill: string, lengths: readonly number[]): Buffer[] {
  const frame = Buffer.alloc(bodyBytes + 4, fill);
  frame.writeUInt32BE(bodyBytes);
  const parts: Buffer[] = [];
  let at = 0;
  for (const length of [...lengths, frame.length]) {
    parts.push(frame.subarray(at, at + length));
    at += length;
  }
  return parts;
}

function readAll(socket: BareSocket, parts: readonly Buffer[]): void {
  for (const part of parts) socket.read(part);
}

const bodyOf = (fill: string): string => fill.repeat(BODY_BYTES);
const lastOf = ({ written }: BareSocket): Buffer => written.at(-1)!;

it('frames that arrive in several reads use the same memory, whatever connection they are of', () => {
  const one = connect(new EchoHandler()).socket;
  const other = connect(new EchoHandler()).socket;
  const memories = new Set<unknown>();
  for (const fill of ['a', 'b', 'c']) {
    for (const socket of [one, other]) {
      readAll(socket, partsOf(fill, 3000, 7000));
      memories.add(lastOf(socket).buffer);
    }
  }
  expect(memories.size).toBe(1);
  expect([one.taken, other.taken]).toEqual(Array(2).fill(['a', 'b', 'c'].map(bodyOf).join('')));
});

it('frames of similar lengths use the same memory', () => {
  const { socket } = connect(new EchoHandler());
  const memories = new Set<unknown>();
  for (const length of [BODY_BYTES, BODY_BYTES - 1000, BODY_BYTES - 2000]) {
    readAll(socket, frameParts(length, 'a', [3000]));
    memories.add(lastOf(socket).buffer);
  }
  expect(memories.size).toBe(1);
});

it('frames that arrive at the same time have memory of their own', () => {
  const sockets = ['a', 'b', 'c'].map((fill) => ({ fill, ...connect(new EchoHandler()) }));
  for (let step = 0; step < 3; step += 1) {
    for (const { fill, socket } of sockets) socket.read(partsOf(fill, 3000, 7000)[step]!);
  }
  for (const { fill, socket } of sockets) expect(socket.taken).toBe(bodyOf(fill));
});

it('a frame whose first part is short, so that its memory grows, uses the same memory', () => {
  const { socket } = connect(new EchoHandler());
  const memories = new Set<unknown>();
  for (const fill of ['a', 'b', 'c']) {
    readAll(socket, partsOf(fill, 20, 300, 3000));
    memories.add(lastOf(socket).buffer);
  }
  expect(memories.size).toBe(1);
  expect(socket.taken).toBe(['a', 'b', 'c'].map(bodyOf).join(''));
});

it('a part that a handler keeps, which is there for one read, is not written over', () => {
  const { socket, channel } = connect(new EchoHandler());
  const kept: Buffer[] = [];
  const [first, second, last] = partsOf('a', 3000, 7000) as [Buffer, Buffer, Buffer];
  socket.read(first);
  const keeper: Handler = {
    channelRead: (ctx: Context, bytes: Buffer) => {
      kept.push(bytes);
      ctx.pipeline.remove(ctx.name);
      ctx.fireChannelRead(bytes);
    },
  };
  channel.pipeline.addFirst(keeper as never);
  socket.read(second);
  socket.read(last);
  readAll(socket, partsOf('b', 3000, 7000));
  expect(kept.map(String)).toEqual(['a'.repeat(7000)]);
});

it('a frame that waits for the kernel is not written over', () => {
  const slow = connect(new EchoHandler()).socket;
  slow.takesAll = false;
  readAll(slow, partsOf('a', 3000));
  const fast = connect(new EchoHandler()).socket;
  readAll(fast, partsOf('b', 3000));
  slow.drain();
  expect([slow.taken, fast.taken]).toEqual([bodyOf('a'), bodyOf('b')]);
});

it('a part that waits for the kernel is not written over, although its frame is complete', () => {
  class Copying implements Handler {
    static {
      rememberMethods(Copying);
    }

    get keepsReads(): false {
      return false;
    }

    channelRead(ctx: Context, bytes: Buffer): void {
      void ctx.writeAndFlush(bytes);
      ctx.fireChannelRead(bytes);
    }
  }
  const { socket, channel } = connect(new Calling());
  channel.pipeline.addFirst(new Copying() as never);
  const [first, second, last] = partsOf('a', 3000, 7000) as [Buffer, Buffer, Buffer];
  socket.read(first);
  socket.takesAll = false;
  socket.read(second);
  socket.drain();
  socket.takesAll = true;
  socket.read(last);
  readAll(connect(new EchoHandler()).socket, partsOf('b', 3000, 7000));
  expect(socket.taken.slice(4)).toBe(bodyOf('a'));
});

it('a frame whose parts arrive in bursts of two channels is not written over', () => {
  const input = new ByteInput();
  const append = (bytes: Buffer): void => {
    input.append(bytes);
    input.wanted = BODY_BYTES;
    input.settle();
  };
  const parts = ['a'.repeat(100), 'a'.repeat(3000), 'a'.repeat(BODY_BYTES - 3100)].map((text) =>
    Buffer.from(text),
  );
  connect(new Calling(append)).socket.read(Buffer.concat([Buffer.from([0, 0, 0, 100]), parts[0]!]));
  let frame: Buffer = Buffer.alloc(0);
  const other = connect(
    new Calling(() => {
      append(parts.shift()!);
      if (input.length === BODY_BYTES) frame = input.takeAll();
      input.settle();
    }),
  );
  parts.shift();
  for (let i = 0; i < 2; i += 1) other.socket.read(Buffer.from([0, 0, 0, 1, 0]));
  expect(String(frame)).toBe(bodyOf('a'));
});

it('a view that a handler keeps against its declaration is seen at once', () => {
  const views: Buffer[] = [];
  const handler = new Calling((bytes) => views.push(bytes));
  readAll(connect(handler).socket, partsOf('a', 3000, 7000));
  expect(views.map((view) => view.every((byte) => byte === 0xdb))).toEqual([true]);
});
