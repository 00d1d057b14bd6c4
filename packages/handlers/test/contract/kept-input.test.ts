// What handlers that keep messages owe to others: their holds, the end of the input, and an answer before TLS.
import {
  type Channel,
  type Context,
  DrainEvent,
  type Handler,
  sequential,
  TlsUpgradeEvent,
} from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import {
  AuthHandler,
  FlowControlHandler,
  ForwardHandler,
  MessageRateHandler,
  ProtocolDetector,
  RequestHandler,
  replaceWith,
} from '../../src/index.ts';

class Application implements Handler {
  readonly seen: unknown[] = [];

  channelRead(_ctx: Context, message: unknown): void {
    this.seen.push(message);
  }

  channelShutdown(_ctx: Context, direction: string): void {
    this.seen.push(direction);
  }
}

function halfOpen(...handlers: readonly Handler[]): EmbeddedChannel {
  const given = handlers as readonly never[];
  return EmbeddedChannel.with({ allowHalfOpen: true }, ...given) as EmbeddedChannel;
}

/** Signs in at once, then keeps 'b' and 'c', because the application holds reads at 'a'. */
function signedIn(): [EmbeddedChannel, Handler, Application, () => void] {
  const app = new Application();
  let release = (): void => {};
  let accept = (_verdict: { principal: string }): void => {};
  const auth = new AuthHandler({
    isCredentials: (message: string) => message === 'AUTH',
    authenticate: () =>
      new Promise<{ principal: string }>((resolve) => {
        accept = resolve;
      }),
  });
  const holder: Handler = {
    channelRead(ctx: Context, message: unknown) {
      if (message === 'a') {
        const hold = ctx.channel.holdReads('application');
        release = () => ctx.channel.clock.execute(() => hold.release());
      }
      ctx.fireChannelRead(message);
    },
  };
  const channel = halfOpen(auth, holder, app);
  channel.writeInbound('AUTH', 'a', 'b', 'c');
  accept({ principal: 'ann' });
  return [channel, auth, app, () => channel.run(() => release())];
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('an upgrade to TLS asks who keeps input that came in plain', () => {
  it('FlowControlHandler', () => {
    const channel = EmbeddedChannel.with({ autoRead: false }, new FlowControlHandler());
    channel.writeInbound('STARTTLS', 'evil');
    expect(heldBytes(channel)).toBe(2);
    channel.read();
    expect(heldBytes(channel)).toBe(1);
    channel.finish();
  });

  it('MessageRateHandler', () => {
    const channel = new EmbeddedChannel(new MessageRateHandler({ perSecond: 1 }));
    channel.writeInbound('STARTTLS', 'evil');
    expect(heldBytes(channel)).toBe(1);
    channel.finish();
  });

  it('AuthHandler', async () => {
    const [channel] = signedIn();
    await settled();
    expect(heldBytes(channel)).toBe(2);
    channel.finish();
  });

  it('ProtocolDetector', () => {
    const detector = new ProtocolDetector({
      protocols: [{ name: 'slow', matches: () => 'need-more', install: () => {} }],
    });
    const channel = new EmbeddedChannel();
    channel.pipeline.addLast(detector);
    channel.writeInbound(Buffer.from('evil'));
    expect(heldBytes(channel)).toBe(4);
    channel.finish();
  });

  it('sequential', () => {
    const channel = new EmbeddedChannel(
      sequential({ channelRead: () => new Promise<void>(() => {}) }),
    );
    channel.writeInbound('STARTTLS', 'evil');
    expect(heldBytes(channel)).toBe(1);
    channel.finish();
  });

  it('what replaceWith passes on', () => {
    const channel = new EmbeddedChannel({
      channelRead(ctx: Context) {
        ctx.channel.holdReads('application');
        replaceWith(ctx, [], ['a', 'b']);
      },
    });
    channel.writeInbound('first');
    expect(heldBytes(channel)).toBeGreaterThan(0);
    channel.finish();
  });
});

it('MessageRateHandler keeps to its rate after the end of the input, then gives its hold back', () => {
  const app = new Application();
  const rate = new MessageRateHandler({ perSecond: 1 });
  const channel = halfOpen(rate, new FlowControlHandler(), app);
  channel.writeInbound('a', 'b', 'c');
  channel.run(() => channel.embedded.sink.inputEnded());
  expect(app.seen).toEqual(['a']);
  channel.advance(5000);
  expect(app.seen).toEqual(['a', 'b', 'c', 'input']);
  expect(channel.readHolds).toEqual([]);
  channel.finish();
});

it('AuthHandler passes the end of the input on when it is removed while it keeps messages', async () => {
  const [channel, auth, app] = signedIn();
  await settled();
  channel.run(() => channel.embedded.sink.inputEnded());
  expect(app.seen).toEqual(['a']);
  channel.run(() => channel.pipeline.remove(auth));
  expect(app.seen).toEqual(['a', 'b', 'c', 'input']);
  channel.finish();
});

it('AuthHandler keeps its messages when one that waited before it holds reads again', async () => {
  const [channel, , app, release] = signedIn();
  const again: (() => void)[] = [];
  channel.onceReadable(() => {
    const hold = channel.holdReads('again');
    again.push(() => hold.release());
  });
  await settled();
  release();
  expect(app.seen).toEqual(['a']);
  channel.run(() => again[0]!());
  expect(app.seen).toEqual(['a', 'b', 'c']);
  channel.finish();
});

it('FlowControlHandler ends a read at a hold, whose owner may wait for what is flushed then', () => {
  const channel = new EmbeddedChannel(new FlowControlHandler(), {
    channelRead(ctx: Context, message: unknown) {
      const hold = ctx.channel.holdReads('until it is sent');
      ctx.write(message).onSettled(() => hold.release());
    },
    channelReadComplete: (ctx: Context) => ctx.flush(),
  });
  channel.writeInbound('a', 'b', 'c');
  expect([1, 2, 3].map(() => channel.readOutbound())).toEqual(['a', 'b', 'c']);
  expect(channel.isReadHeld).toBe(false);
  channel.finish();
});

it('ForwardHandler passes on a half-closure that came before the other connection', async () => {
  let connected = (_back: Channel): void => {};
  const forward = new ForwardHandler({
    connect: () =>
      new Promise<Channel>((resolve) => {
        connected = resolve;
      }),
  });
  const front = halfOpen(forward);
  const back = new EmbeddedChannel();
  front.writeInbound(Buffer.from('last'));
  front.run(() => front.embedded.sink.inputEnded());
  connected(back as Channel);
  await settled();
  expect(String(back.readOutbound())).toBe('last');
  expect(back.isOutputShutdown).toBe(true);
  front.finish();
  back.finish();
});

it('RequestHandler gives its hold on a drain back when it is removed', () => {
  const requests = new RequestHandler({ handle: () => new Promise<undefined>(() => {}) });
  const channel = new EmbeddedChannel(requests);
  channel.writeInbound('request');
  const event = new DrainEvent(10_000);
  channel.run(() => channel.pipeline.fireUserEventTriggered(event));
  expect(event.holds).toEqual(['requests']);
  channel.run(() => channel.pipeline.remove(requests));
  expect(event.holds).toEqual([]);
  expect(channel.isEnding).toBe(true);
  channel.finish();
});

describe('an end while reads are held: what is kept is dropped', () => {
  it('FlowControlHandler', () => {
    const app = new Application();
    const channel = new EmbeddedChannel(new FlowControlHandler(), app);
    const hold = channel.holdReads('test');
    channel.writeInbound('a', 'b');
    channel.end();
    channel.run(() => hold.release());
    expect(app.seen).not.toContain('a');
    channel.finish();
  });

  it('AuthHandler', async () => {
    const [channel, , app, release] = signedIn();
    await settled();
    channel.end();
    release();
    expect(app.seen).not.toContain('b');
    channel.finish();
  });

  it('what replaceWith passes on', () => {
    const app = new Application();
    let release = (): void => {};
    const channel = new EmbeddedChannel(
      {
        channelRead(ctx: Context) {
          const hold = ctx.channel.holdReads('test');
          release = () => hold.release();
          replaceWith(ctx, [], ['a', 'b']);
        },
      },
      app,
    );
    channel.writeInbound('first');
    const before = app.seen.length;
    channel.end();
    channel.run(() => release());
    expect(app.seen.filter((one) => one !== 'output').length).toBe(before);
    channel.finish();
  });
});

function heldBytes(channel: EmbeddedChannel): number {
  const event = new TlsUpgradeEvent();
  channel.run(() => channel.pipeline.fireUserEventTriggered(event));
  return event.heldBytes;
}
