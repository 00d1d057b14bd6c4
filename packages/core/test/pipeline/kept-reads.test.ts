import { describe, expect, it } from 'vitest';
import {
  KeptInputHandler,
  type KeptInputSteps,
  PendingWriteQueue,
  rememberMethods,
} from '../../src/authoring.ts';
import type { Channel, Context, Handler, WriteFuture } from '../../src/index.ts';
import { openChannel } from '../../src/index.ts';
import { BareSocket, EmbeddedChannel, VirtualClock } from '../../src/testing/index.ts';

/** Bytes whose memory was used again. */
const OVERWRITTEN = '\xdb\xdb\xdb\xdb\xdb';

class Passing implements Handler {
  static {
    rememberMethods(Passing);
  }

  get keepsReads(): boolean {
    return false;
  }

  channelRead(ctx: Context, message: unknown): void {
    ctx.fireChannelRead(message);
  }
}

/** Keeps what it sees although it declares otherwise. */
class Misbehaving implements Handler {
  static {
    rememberMethods(Misbehaving);
  }

  readonly views: Buffer[] = [];

  get keepsReads(): boolean {
    return false;
  }

  channelRead(_ctx: Context, message: Buffer): void {
    this.views.push(message);
  }
}

const lends = (...handlers: Handler[]): boolean =>
  new EmbeddedChannel(...handlers).embedded.sink.keepsNoReads === true;

const latin1 = (views: readonly Buffer[]): string[] => views.map((view) => view.toString('latin1'));

function overSocket(...handlers: Handler[]): readonly [BareSocket, Channel] {
  const socket = new BareSocket();
  const hooks = { unhandledMessage: () => {} };
  const channel = openChannel(socket, { clock: new VirtualClock(), hooks, initialize: () => {} });
  (channel.pipeline as { addLast(...all: Handler[]): unknown }).addLast(...handlers);
  return [socket, channel];
}

it('a wrong declaration is seen at once: the next look at the view shows a pattern', () => {
  const handler = new Misbehaving();
  const channel = new EmbeddedChannel(handler);
  channel.writeInbound(Buffer.from('hello'));
  expect(latin1(handler.views)).toEqual([OVERWRITTEN]);
  const [socket] = overSocket(new Passing(), new Misbehaving());
  expect(latin1(socket.read('hello', 'world') as Buffer[])).toEqual([OVERWRITTEN, OVERWRITTEN]);
});

it('memory is used again only after the burst in which it was read', () => {
  const during: string[] = [];
  const handler = new Misbehaving();
  const channel = new EmbeddedChannel(
    Object.assign(new Passing(), {
      channelReadComplete: () => void during.push(...latin1(handler.views)),
    }),
    handler,
  );
  channel.writeInbound(Buffer.from('hello'), Buffer.from('world'));
  expect(during).toEqual(['hello', 'world']);
  expect(latin1(handler.views)).toEqual([OVERWRITTEN, OVERWRITTEN]);
});

it('the bytes given to an embedded channel, and messages that are not Buffers, are not overwritten', () => {
  const handler = new Misbehaving();
  const channel = new EmbeddedChannel(handler);
  const given = Buffer.from('hello');
  const plain = Uint8Array.from([1, 2]);
  channel.writeInbound(given, plain, 'text');
  expect(given.toString()).toBe('hello');
  expect(handler.views.slice(1)).toEqual([plain, 'text']);
});

it('a handler without a declaration keeps its reads, wherever it sees bytes', () => {
  expect(lends(new Passing())).toBe(true);
  expect(lends(new Passing(), { channelRead: () => {} })).toBe(false);
  expect(lends({ channelRead: () => {} }, new Passing())).toBe(false);
});

it('handlers behind the one that turns bytes into other messages need no declaration', () => {
  class ToText extends Passing {
    static {
      rememberMethods(ToText);
    }

    readonly messageKinds = { reads: 'bytes', passesOn: 'text' } as const;

    override get keepsReads(): false {
      return false;
    }
  }
  class Frames extends Passing {
    static {
      rememberMethods(Frames);
    }

    readonly messageKinds = { reads: 'bytes' } as const;

    override get keepsReads(): false {
      return false;
    }
  }
  const keeper = { sharable: true, channelRead: () => {} };
  expect(lends(new ToText(), keeper)).toBe(true);
  expect(lends(new Frames(), keeper)).toBe(false);
  expect(lends(new Frames(), new ToText(), keeper)).toBe(true);
  expect(lends(keeper, new ToText())).toBe(false);
});

it.each<[string, () => Handler]>([
  ['a subclass', () => new (class extends Passing {})()],
  [
    'a subclass of a class with a field',
    () => {
      class WithField {
        readonly keepsReads = false;
      }
      return new (class extends WithField {})();
    },
  ],
  ['an object literal', () => ({ keepsReads: false })],
  ['an object that inherits from a handler', () => Object.create(new Passing()) as Handler],
  ['an object that inherits from a literal', () => Object.create({ keepsReads: false }) as Handler],
  ['a copy of the fields of a handler', () => ({ ...new Passing(), channelRead: () => {} })],
  ['a Proxy', () => new Proxy(new Passing(), {})],
  ['an instance of a Proxy of the class', () => new new Proxy(Passing, {})()],
  [
    'an instance with another channelRead',
    () => Object.assign(new Passing(), { channelRead() {} }),
  ],
  [
    'an instance with another write',
    () => Object.assign(new Passing(), { write: (ctx: Context, m: unknown) => ctx.write(m) }),
  ],
  ['an object whose property throws', () => new Throwing()],
])('%s does not have the declaration of the class', (name, make) => {
  // The instance of such a Proxy is an instance of the class itself.
  expect(lends(make())).toBe(name === 'an instance of a Proxy of the class');
});

class Throwing extends Passing {
  static {
    rememberMethods(Throwing);
  }

  override get keepsReads(): boolean {
    throw new Error('no answer');
  }
}

it('a class that has not remembered its methods declares nothing', () => {
  class Forgetful implements Handler {
    get keepsReads(): false {
      return false;
    }
  }
  expect(lends(new Forgetful())).toBe(false);
});

class Base implements Handler {
  channelRead(ctx: Context, message: unknown): void {
    this.decode(message);
    ctx.fireChannelRead(message);
  }

  decode(_message: unknown): void {}
}

/** A class of its own for each call, because the test changes it. */
function declaring(): new () => Base {
  return class Declaring extends Base {
    static {
      rememberMethods(Declaring);
    }

    get keepsReads(): false {
      return false;
    }
  };
}

describe.each(['channelRead', 'write', 'decode'] as const)('another %s', (method) => {
  const other = (): void => {};

  it.each<[string, (Type: new () => Base) => Handler]>([
    [
      'that is assigned to the class before its instances are made',
      (Type) => {
        Object.assign(Type.prototype, { [method]: other });
        return new Type();
      },
    ],
    [
      'that is defined in the class after an instance was made',
      (Type) => {
        const handler = new Type();
        Object.defineProperty(Type.prototype, method, { value: other, configurable: true });
        return handler;
      },
    ],
    [
      'that is an accessor',
      (Type) => {
        Object.defineProperty(Type.prototype, method, { get: () => other });
        return new Type();
      },
    ],
    ['that is assigned to an instance', (Type) => Object.assign(new Type(), { [method]: other })],
    [
      'that comes from another class in the chain',
      (Type) => {
        class Between extends Base {
          write(ctx: Context, message: unknown): WriteFuture {
            return ctx.write(message);
          }
          override channelRead(): void {}
          override decode(): void {}
        }
        Object.setPrototypeOf(Type.prototype, Between.prototype);
        return new Type();
      },
    ],
  ])('%s ends the declaration', (_name, change) => {
    const Type = declaring();
    expect(lends(new Type())).toBe(true);
    expect(lends(change(Type))).toBe(false);
  });

  it('that replaces the one of its base class ends the declaration', () => {
    class Root extends Base {}
    class Type extends Root {
      static {
        rememberMethods(Type);
      }

      get keepsReads(): false {
        return false;
      }
    }
    expect(lends(new Type())).toBe(true);
    Object.assign(Root.prototype, { [method]: other });
    expect(lends(new Type())).toBe(false);
  });
});

it('a method that is replaced after the handler was added counts at the next change of the handlers', () => {
  const Type = declaring();
  const handler = new Type();
  const channel = new EmbeddedChannel(handler);
  expect(channel.embedded.sink.keepsNoReads).toBe(true);
  handler.decode = () => {};
  channel.pipeline.addLast(new Passing() as never);
  expect(channel.embedded.sink.keepsNoReads).toBe(false);
});

it('a handler without one of its methods has the declaration of its class', () => {
  const handler = Object.assign(new Passing(), { write: undefined, channelRead: undefined });
  expect(lends(handler as unknown as Handler)).toBe(true);
});

it('a shared handler declares for each of its channels', () => {
  const shared = Object.assign(new Passing(), { sharable: true });
  expect(lends(shared)).toBe(true);
  expect(lends(shared, { channelRead: () => {} })).toBe(false);
  expect(lends(shared)).toBe(true);
});

it('a handler is asked when the handlers of its pipeline change, not for each burst', () => {
  let asked = 0;
  class Counting extends Misbehaving {
    static {
      rememberMethods(Counting);
    }

    override get keepsReads(): boolean {
      asked += 1;
      return false;
    }
  }
  const handler = new Counting();
  const channel = new EmbeddedChannel(handler);
  for (const text of ['hello', 'world', 'again']) channel.writeInbound(Buffer.from(text));
  expect([asked, latin1(handler.views)]).toEqual([1, Array(3).fill(OVERWRITTEN)]);
  const other = new Passing();
  channel.pipeline.addLast(other as never);
  channel.writeInbound(Buffer.from('other'));
  channel.pipeline.remove(other);
  channel.writeInbound(Buffer.from('hello'));
  expect(asked).toBe(3);
});

it('a handler that is added in the middle of a burst keeps its reads', () => {
  const keeper = new Misbehaving();
  class Adding extends Passing {
    static {
      rememberMethods(Adding);
    }

    override get keepsReads(): false {
      return false;
    }

    override channelRead(ctx: Context, message: unknown): void {
      ctx.pipeline.addLast({
        channelRead: (_ctx: Context, m: Buffer) => keeper.views.push(m),
      } as never);
      ctx.fireChannelRead(message);
    }
  }
  const channel = new EmbeddedChannel(new Adding());
  channel.writeInbound(Buffer.from('hello'));
  expect(latin1(keeper.views)).toEqual(['hello']);
});

it('a handler that was there for one message only keeps it', () => {
  const views: Buffer[] = [];
  const once = {
    channelRead(ctx: Context, message: Buffer): void {
      views.push(message);
      ctx.pipeline.remove(once);
      ctx.fireChannelRead(message);
    },
  };
  class Adding extends Passing {
    static {
      rememberMethods(Adding);
    }

    override get keepsReads(): false {
      return false;
    }

    override channelRead(ctx: Context, message: unknown): void {
      ctx.pipeline.addAfter(ctx.name, once);
      ctx.fireChannelRead(message);
    }
  }
  new EmbeddedChannel(new Adding(), new Misbehaving()).writeInbound(Buffer.from('hello'));
  expect(latin1(views)).toEqual(['hello']);
});

it('a handler that sees no reads may keep events and writes with bytes of them', () => {
  class ToText extends Passing {
    static {
      rememberMethods(ToText);
    }

    readonly messageKinds = { reads: 'bytes', passesOn: 'text' } as const;

    override get keepsReads(): false {
      return false;
    }

    override channelRead(ctx: Context, message: unknown): void {
      ctx.fireUserEventTriggered({ message });
    }
  }
  class WritesFromTheTail extends ToText {
    static {
      rememberMethods(WritesFromTheTail);
    }

    override get keepsReads(): false {
      return false;
    }

    override channelRead(ctx: Context, message: unknown): void {
      ctx.channel.write(message);
    }
  }
  const seen: unknown[] = [];
  const events = {
    userEventTriggered: (_ctx: Context, event: { readonly message: unknown }) =>
      void seen.push(event.message),
  };
  new EmbeddedChannel(new ToText(), events).writeInbound(Buffer.from('hello'));
  const writes = {
    write(_ctx: Context, message: unknown) {
      seen.push(message);
      return Promise.resolve();
    },
  };
  new EmbeddedChannel(new WritesFromTheTail(), writes).writeInbound(Buffer.from('world'));
  expect(latin1(seen as Buffer[])).toEqual(['hello', 'world']);
});

it('a burst whose end the handlers did not see is kept', () => {
  const handler = new Misbehaving();
  class Closing extends Passing {
    static {
      rememberMethods(Closing);
    }

    override get keepsReads(): false {
      return false;
    }

    override channelRead(ctx: Context, message: unknown): void {
      ctx.fireChannelRead(message);
      ctx.close();
    }
  }
  const channel = new EmbeddedChannel(new Closing(), handler);
  channel.writeInbound(Buffer.from('hello'));
  expect(latin1(handler.views)).toEqual(['hello']);
});

it('a message that no handler takes, that an error has or that a promise waits for is kept', async () => {
  const channel = new EmbeddedChannel(new Passing());
  channel.writeInbound(Buffer.from('hello'));
  channel.writeInbound(Buffer.from('world'));
  expect([channel.readInbound(), channel.readInbound()].map(String)).toEqual(['hello', 'world']);

  class Throws extends Passing {
    static {
      rememberMethods(Throws);
    }

    override get keepsReads(): false {
      return false;
    }

    override channelRead(_ctx: Context, message: unknown): void {
      throw new Error('refused', { cause: message });
    }
  }
  const failing = new EmbeddedChannel(new Throws());
  let error: Error | undefined;
  try {
    failing.writeInbound(Buffer.from('hello'));
  } catch (thrown) {
    error = thrown as Error;
  }
  expect(String(error?.cause)).toBe('hello');

  const texts: string[] = [];
  class Waits extends Passing {
    static {
      rememberMethods(Waits);
    }

    override get keepsReads(): false {
      return false;
    }

    override async channelRead(_ctx: Context, message: Buffer): Promise<void> {
      await undefined;
      texts.push(String(message));
    }
  }
  new EmbeddedChannel(new Waits()).writeInbound(Buffer.from('hello'));
  await undefined;
  expect(texts).toEqual(['hello']);
});

it('bytes that wait in the own output, or were written to another channel, are kept', () => {
  class Answering extends Passing {
    static {
      rememberMethods(Answering);
    }

    private readonly to: ((ctx: Context) => Pick<Context, 'writeAndFlush'>) | undefined;

    constructor(to?: (ctx: Context) => Pick<Context, 'writeAndFlush'>) {
      super();
      this.to = to;
    }

    override get keepsReads(): false {
      return false;
    }

    override channelRead(ctx: Context, message: Buffer): void {
      void (this.to?.(ctx) ?? ctx).writeAndFlush(message.subarray(1));
    }
  }
  const [socket] = overSocket(new Answering());
  socket.read('hello');
  expect(latin1(socket.written)).toEqual(['\xdb\xdb\xdb\xdb']);
  socket.takesAll = false;
  socket.read('hello');
  socket.read('world');
  socket.takesAll = true;
  socket.drain();
  expect(socket.taken).toBe('elloelloorld');

  const [target, other] = overSocket({});
  target.takesAll = false;
  const [source] = overSocket(new Answering(() => other.pipeline.lastContext()!));
  source.read('hello');
  source.read('world');
  target.takesAll = true;
  target.drain();
  expect(target.taken).toBe('elloorld');
});

it('bytes that were written and not flushed are kept', () => {
  class Writing extends Passing {
    static {
      rememberMethods(Writing);
    }

    override get keepsReads(): false {
      return false;
    }

    override channelRead(ctx: Context, message: unknown): void {
      void ctx.write(message);
    }
  }
  const [socket, channel] = overSocket(new Writing());
  socket.read('hello');
  socket.read('world');
  channel.flush();
  expect(socket.taken).toBe('helloworld');
});

it('the rest of a message with which a handler waits is kept', () => {
  class Pausing extends KeptInputHandler {
    static {
      rememberMethods(Pausing);
    }

    rest = '';
    private message: Buffer | undefined;

    get keepsReads(): false {
      return false;
    }

    protected override keptInputSteps(): KeptInputSteps {
      return {
        resume: () => {
          this.rest = String(this.message);
        },
      };
    }

    override channelRead(ctx: Context, message: Buffer): void {
      this.message = message;
      this.kept.pause(false);
      ctx.clock.execute(() => this.kept.deliver(ctx));
    }
  }
  const handler = new Pausing();
  new EmbeddedChannel(handler).writeInbound(Buffer.from('hello'));
  expect(handler.rest).toBe('hello');
});

it('bytes that wait in a queue of writes of another channel are kept', () => {
  let queue: PendingWriteQueue | undefined;
  const [target, other] = overSocket({
    handlerAdded(ctx: Context): void {
      queue = new PendingWriteQueue(ctx);
    },
    write: (_ctx: Context, message: unknown) => queue!.add(message),
  });
  class Answering extends Passing {
    static {
      rememberMethods(Answering);
    }

    override get keepsReads(): false {
      return false;
    }

    override channelRead(_ctx: Context, message: Buffer): void {
      const context = other.pipeline.lastContext()!;
      void context.handler.write!(context, message);
    }
  }
  const [source] = overSocket(new Answering());
  // A message that is a small part of its memory is copied in any case.
  const [first, next] = [Buffer.alloc(60_000, 'a'), Buffer.alloc(60_000, 'b')];
  source.read(first);
  source.read(next);
  queue!.removeAndWriteAll();
  other.flush();
  expect(target.taken === `${first}${next}`).toBe(true);
});

it('a read during the burst of another channel has memory of its own', () => {
  const inner = new Misbehaving();
  const [second] = overSocket(inner);
  class Nesting extends Misbehaving {
    static {
      rememberMethods(Nesting);
    }

    override get keepsReads(): false {
      return false;
    }

    override channelRead(ctx: Context, message: Buffer): void {
      super.channelRead(ctx, message);
      second.read('other');
    }
  }
  const outer = new Nesting();
  const [first] = overSocket(outer);
  first.read('hello');
  expect(latin1(inner.views)).toEqual(['other']);
  expect(latin1(outer.views)).toEqual([OVERWRITTEN]);
});

it('a kept burst takes only its own bytes of the memory, and a burst that nobody keeps takes none', () => {
  const [socket] = overSocket(new Passing(), new Misbehaving());
  const place = () => {
    const [view] = socket.read('hello') as Buffer[];
    return [view!.buffer, view!.byteOffset] as const;
  };
  const [memory, offset] = place();
  expect(place()).toEqual([memory, offset]);
  const [keeping] = overSocket(new Passing());
  const [kept] = keeping.read('hello') as Buffer[];
  expect([kept!.buffer === memory, kept!.byteOffset, String(kept)]).toEqual([
    true,
    offset,
    'hello',
  ]);
  expect(place()).toEqual([memory, offset + 8]);
});
