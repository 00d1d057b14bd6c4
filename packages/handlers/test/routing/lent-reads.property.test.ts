import {
  LengthFieldFrameDecoder,
  LengthFieldPrepender,
  StringCodec,
  StringDecoder,
} from '@headrace/codec';
import { type Channel, type Context, type Handler, openChannel } from '@headrace/core';
import { PendingWriteQueue, rememberMethods } from '@headrace/core/authoring';
import { BareSocket, VirtualClock } from '@headrace/core/testing';
import { EchoHandler, IdleStateHandler } from '@headrace/handlers';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const HEADER_BYTES = 4;
const CONNECTIONS = 3;
const PERIOD = 31;
const clock = new VirtualClock();

/** What each connection carries, which is also text: the bits 5 and 6 of a byte are its number plus 1. */
const CARRIED = Array.from({ length: CONNECTIONS }, (_, connection) => {
  const period = Array.from({ length: PERIOD }, (_, at) => ((connection + 1) << 5) | at);
  return Buffer.alloc(2 << 20, Uint8Array.from(period));
});

function bytesOf(connection: number, from: number, length: number): Buffer {
  return CARRIED[connection]!.subarray(from, from + length);
}

/** Every view that somebody has kept, and the bytes that it must have for ever. */
class Views {
  private readonly kept: (readonly [Uint8Array, Buffer])[] = [];

  keep(view: Uint8Array): void {
    this.kept.push([view, Buffer.from(view)]);
  }

  get areUnchanged(): boolean {
    return this.kept.every(([view, copy]) => copy.equals(view));
  }
}

/** Passes on, and declares that it keeps nothing. */
class Passing implements Handler {
  static {
    rememberMethods(Passing);
  }

  get keepsReads(): false {
    return false;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    ctx.fireChannelRead(bytes);
  }
}

/** Keeps what it sees, and declares nothing. */
class Keeping implements Handler {
  protected readonly views: Views;

  constructor(views: Views) {
    this.views = views;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    this.views.keep(bytes);
    this.views.keep(bytes.subarray(1, 3));
    ctx.fireChannelRead(bytes);
  }
}

/** Keeps what it sees, for some time unnoticed: it is in the way of a message once. */
class KeepingOnce extends Keeping {
  override channelRead(ctx: Context, bytes: Buffer): void {
    super.channelRead(ctx, bytes);
    ctx.pipeline.removeIfExists(ctx.name);
  }
}

/** Makes a handler that keeps part of a pipeline in the middle of a read. */
class Adding extends Passing {
  static {
    rememberMethods(Adding);
  }

  private readonly views: Views;
  private count = 0;

  constructor(views: Views) {
    super();
    this.views = views;
  }

  override get keepsReads(): false {
    return false;
  }

  override channelRead(ctx: Context, bytes: Buffer): void {
    this.count += 1;
    if (this.count % 3 === 0) ctx.pipeline.addAfter(ctx.name, new KeepingOnce(this.views));
    if (this.count === 7) ctx.pipeline.remove(ctx.name);
    ctx.fireChannelRead(bytes);
  }
}

/** Inherits a declaration, and does what the declaration excludes. */
class InheritingKeeper extends Passing {
  private readonly views: Views;

  constructor(views: Views) {
    super();
    this.views = views;
  }

  override channelRead(ctx: Context, bytes: Buffer): void {
    this.views.keep(bytes);
    super.channelRead(ctx, bytes);
  }
}

/** Starts to keep what it sees after some messages, and says so then. */
class Changing implements Handler {
  static {
    rememberMethods(Changing);
  }

  private readonly views: Views;
  private count = 0;

  constructor(views: Views) {
    this.views = views;
  }

  get keepsReads(): boolean {
    return this.count > 4;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    this.count += 1;
    if (this.keepsReads) this.views.keep(bytes);
    ctx.fireChannelRead(bytes);
  }
}

/** Throws an error that has the bytes of the message. */
class Throwing extends Passing {
  static {
    rememberMethods(Throwing);
  }

  private count = 0;

  override get keepsReads(): false {
    return false;
  }

  override channelRead(ctx: Context, bytes: Buffer): void {
    this.count += 1;
    if (this.count % 4 === 0) throw new Error('refused', { cause: bytes });
    ctx.fireChannelRead(bytes);
  }
}

/** Continues after the burst. */
class Asynchronous implements Handler {
  static {
    rememberMethods(Asynchronous);
  }

  private readonly views: Views;

  constructor(views: Views) {
    this.views = views;
  }

  get keepsReads(): false {
    return false;
  }

  async channelRead(ctx: Context, bytes: Buffer): Promise<void> {
    this.views.keep(bytes);
    await undefined;
    if (ctx.channel.isOpen) void ctx.writeAndFlush(bytes);
  }
}

/** Holds reads in the middle of a burst. */
class Holding extends Passing {
  static {
    rememberMethods(Holding);
  }

  private readonly holds: (() => void)[];
  private count = 0;

  constructor(holds: (() => void)[]) {
    super();
    this.holds = holds;
  }

  override get keepsReads(): false {
    return false;
  }

  override channelRead(ctx: Context, bytes: Buffer): void {
    this.count += 1;
    if (this.count % 3 === 0) {
      const hold = ctx.channel.holdReads('a test');
      this.holds.push(() => hold.release());
    }
    ctx.fireChannelRead(bytes);
  }
}

/** Keeps its own writes in a queue until the end of every third burst. */
class Delaying extends Passing {
  static {
    rememberMethods(Delaying);
  }

  private queue!: PendingWriteQueue;
  private bursts = 0;

  override get keepsReads(): false {
    return false;
  }

  handlerAdded(ctx: Context): void {
    this.queue = new PendingWriteQueue(ctx);
  }

  handlerRemoved(ctx: Context): void {
    this.queue.removeAndWriteAll();
    ctx.flush();
  }

  write(_ctx: Context, message: unknown) {
    return this.queue.add(message);
  }

  channelReadComplete(ctx: Context): void {
    this.bursts += 1;
    if (this.bursts % 3 === 0) {
      this.queue.removeAndWriteAll();
      ctx.flush();
    }
    ctx.fireChannelReadComplete();
  }
}

/** Writes slices of what it reads to a channel: its own, or one of another connection. */
class Answering implements Handler {
  static {
    rememberMethods(Answering);
  }

  private readonly to: (ctx: Context) => Pick<Context, 'write' | 'flush'>;

  constructor(to: (ctx: Context) => Pick<Context, 'write' | 'flush'>) {
    this.to = to;
  }

  get keepsReads(): false {
    return false;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    const middle = bytes.length >> 1;
    this.to(ctx).write(bytes.subarray(0, middle));
    this.to(ctx).write(bytes.subarray(middle));
  }

  channelReadComplete(ctx: Context): void {
    this.to(ctx).flush();
    ctx.fireChannelReadComplete();
  }
}

/** Sees no bytes, since it is behind a codec, and keeps what is written through it. */
class KeepingWrites implements Handler {
  private readonly views: Views;

  constructor(views: Views) {
    this.views = views;
  }

  write(ctx: Context, message: unknown) {
    if (message instanceof Uint8Array) this.views.keep(message);
    return ctx.write(message);
  }
}

/** Fires an event with a message, and a handler behind a codec keeps what it gets. */
class Announcing implements Handler {
  static {
    rememberMethods(Announcing);
  }

  get keepsReads(): false {
    return false;
  }

  channelRead(ctx: Context, bytes: Buffer): void {
    ctx.fireUserEventTriggered({ bytes });
    ctx.fireChannelRead(bytes);
  }
}

interface World {
  readonly views: Views;
  readonly holds: (() => void)[];
  /** Text that was decoded of the connection's frames. */
  readonly texts: string[];
  /** A channel of another connection. */
  readonly other: () => Channel;
}

const textKeeper = ({ texts }: World): Handler => ({
  channelRead: (_ctx: Context, text: string) => texts.push(text) as never,
});

/** Handlers that stand between the decoder and the last ones. */
const MIDDLE = {
  passing: () => new Passing(),
  idle: () => new IdleStateHandler({ readerIdleMs: 1_000_000 }) as Handler,
  keeping: ({ views }: World) => new Keeping(views),
  adding: ({ views }: World) => new Adding(views),
  inheriting: ({ views }: World) => new InheritingKeeper(views),
  changing: ({ views }: World) => new Changing(views),
  throwing: () => new Throwing(),
  holding: ({ holds }: World) => new Holding(holds),
  delaying: () => new Delaying(),
  proxy: ({ views }: World) =>
    new Proxy(new Passing(), {
      get: (target, key) =>
        key === 'channelRead'
          ? (ctx: Context, bytes: Buffer) => {
              views.keep(bytes);
              target.channelRead(ctx, bytes);
            }
          : Reflect.get(target, key),
    }) as Handler,
} satisfies Record<string, (world: World) => Handler>;

/** The last handlers of a pipeline. */
const LAST = {
  echo: () => [new EchoHandler() as Handler],
  framed: () =>
    [new LengthFieldPrepender({ lengthFieldLength: 2 }), new EchoHandler()] as Handler[],
  text: (world: World) => [new StringCodec() as Handler, textKeeper(world)],
  answering: () => [new Answering((ctx) => ctx)],
  elsewhere: ({ other }: World) => [new Answering(() => other())],
  throughTheTail: ({ views }: World) => [
    new Answering(({ channel }) => channel as never),
    new StringDecoder() as Handler,
    new KeepingWrites(views),
  ],
  asynchronous: ({ views }: World) => [new Asynchronous(views)],
  announcing: (world: World) => [
    new Announcing(),
    new StringDecoder() as Handler,
    {
      userEventTriggered: (_ctx: Context, event: { readonly bytes?: Buffer }) => {
        if (event.bytes !== undefined) world.views.keep(event.bytes);
      },
    } as Handler,
    textKeeper(world),
  ],
  unhandled: () => [],
} satisfies Record<string, (world: World) => Handler[]>;

interface Shape {
  readonly middle: readonly (keyof typeof MIDDLE)[];
  readonly last: keyof typeof LAST;
}

class Connection {
  readonly socket = new BareSocket();
  readonly channel: Channel;
  private readonly number: number;
  private readonly world: World;
  private unread = Buffer.alloc(0);
  private sent = 0;

  constructor(number: number, { middle, last }: Shape, views: Views, other: () => Channel) {
    this.number = number;
    const world: World = { views, holds: [], texts: [], other };
    this.world = world;
    this.channel = openChannel(this.socket, {
      clock,
      outboundStallMs: false,
      initialize: () => {},
      hooks: {
        unhandledMessage: (_channel, message) => {
          if (message instanceof Uint8Array) views.keep(message);
        },
        unhandledException: (_channel, { cause }) => {
          if (cause instanceof Uint8Array) views.keep(cause);
        },
      },
    });
    (this.channel.pipeline as { addLast(...handlers: Handler[]): unknown }).addLast(
      new LengthFieldFrameDecoder({
        maxFrameLength: 1 << 20,
        lengthFieldLength: HEADER_BYTES,
        initialBytesToStrip: HEADER_BYTES,
      }) as Handler,
      ...middle.map((name) => MIDDLE[name](world)),
      ...LAST[last](world),
    );
  }

  send(length: number): void {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32BE(length);
    this.unread = Buffer.concat([this.unread, header, bytesOf(this.number, this.sent, length)]);
    this.sent += length;
  }

  read(...lengths: readonly number[]): void {
    const parts = lengths.map((length) => {
      const part = this.unread.subarray(0, length);
      this.unread = this.unread.subarray(length);
      return part;
    });
    this.socket.read(...parts.filter(({ length }) => length > 0));
  }

  do(step: Step): void {
    const { pipeline } = this.channel;
    if (step.do === 'send') this.send(step.bytes);
    else if (step.do === 'read') this.read(...step.bytes);
    else if (step.do === 'add') {
      pipeline.addFirst(step.keeps ? new KeepingOnce(this.world.views) : new Passing());
    } else if (step.do === 'stall') this.socket.takesAll = false;
    else if (step.do === 'close') void this.channel.close();
    else if (step.do === 'release') this.release();
    else this.drain();
  }

  private drain(): void {
    this.socket.takesAll = true;
    this.socket.drain();
  }

  private release(): void {
    for (const release of this.world.holds.splice(0)) release();
  }

  finish(): void {
    while (this.unread.length > 0) this.read(60_000);
    for (let i = 0; i < 50; i++) this.release();
    this.channel.flush();
    this.drain();
  }

  /** Everything that was decoded as text, and the connections whose bytes were written to the socket. */
  get isRight(): boolean {
    const mine = new RegExp(`^[${rangeOf(this.number)}]*$`);
    return this.world.texts.every((text) => mine.test(text));
  }

  get writers(): Set<number> {
    return new Set(Buffer.from(this.socket.taken, 'latin1').map((byte) => (byte >> 5) - 1));
  }
}

function rangeOf(number: number): string {
  const hex = (code: number) => `\\x${code.toString(16).padStart(2, '0')}`;
  return `${hex((number + 1) << 5)}-${hex(((number + 1) << 5) | 31)}`;
}

type Step =
  | { readonly do: 'send'; readonly bytes: number }
  | { readonly do: 'read'; readonly bytes: readonly number[] }
  | { readonly do: 'add'; readonly keeps: boolean }
  | { readonly do: 'stall' | 'drain' | 'release' | 'close' };

const bytes = (max: number) =>
  fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const), bytes: bytes(40_000) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      bytes: fc.array(bytes(64 * 1024), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('add' as const), keeps: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('stall', 'drain', 'release') as fc.Arbitrary<'stall'>,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('close' as const) }) },
);
const shape: fc.Arbitrary<Shape> = fc.record({
  // Most pipelines have only handlers that declare, because one other handler ends the loans.
  middle: fc.array(
    fc.oneof(
      {
        weight: 3,
        arbitrary: fc.constantFrom('passing', 'idle', 'delaying', 'holding', 'throwing'),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom('keeping', 'adding', 'inheriting', 'changing', 'proxy'),
      },
    ) as fc.Arbitrary<keyof typeof MIDDLE>,
    { maxLength: 3 },
  ),
  last: fc.constantFrom(...(Object.keys(LAST) as (keyof typeof LAST)[])),
});

it('no kept view and no byte of a written message changes, whatever the handlers of lent reads do', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(shape, { minLength: CONNECTIONS, maxLength: CONNECTIONS }),
      fc.array(fc.tuple(fc.nat({ max: CONNECTIONS - 1 }), step), { minLength: 5, maxLength: 40 }),
      async (shapes, steps) => {
        const views = new Views();
        const connections: Connection[] = [];
        for (const [number, one] of shapes.entries()) {
          const other = () => connections[(number + 1) % CONNECTIONS]!.channel;
          connections.push(new Connection(number, one, views, other));
        }
        for (const [number, one] of steps) connections[number]!.do(one);
        for (const connection of connections) connection.finish();
        await undefined;
        for (const connection of connections) connection.finish();
        expect(views.areUnchanged).toBe(true);
        for (const [number, connection] of connections.entries()) {
          expect(connection.isRight).toBe(true);
          if (shapes[number]!.last === 'framed') continue;
          const writers = connection.writers;
          writers.delete(number);
          const before = (number + CONNECTIONS - 1) % CONNECTIONS;
          if (shapes[before]!.last === 'elsewhere') writers.delete(before);
          expect([...writers]).toEqual([]);
        }
        for (const { channel } of connections) await channel.close();
      },
    ),
    { numRuns: 400 },
  );
});
