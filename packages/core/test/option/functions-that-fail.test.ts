import { PassThrough } from 'node:stream';
import { expect } from 'vitest';
import { PendingWriteQueue, trustCheck } from '../../src/authoring.ts';
import {
  Bootstrap,
  type Channel,
  ChannelGroup,
  ChannelMatchers,
  type Context,
  DuplexHandler,
  type Logger,
  MemoryNetwork,
  pipeline,
  ServerBootstrap,
  StreamTransport,
  type TlsClientOptions,
} from '../../src/index.ts';
import { EmbeddedChannel, passTime, VirtualClock } from '../../src/testing/index.ts';
import { selfSigned } from '../fixture/certificates.ts';
import { type Attempt, describeFunctions, type Failing } from '../fixture/function-options.ts';

const certificate = await selfSigned('chat.example');

function loggerOf(errors: string[]): Logger {
  return { log: (_level, text, error) => void errors.push(`${text} ${error?.message}`) };
}

/** The outcome of a connect, or of whatever else must end in a minute. */
async function noted(clock: VirtualClock, work: Promise<unknown>, errors: string[]): Promise<void> {
  let isOver = false;
  const over = work.then(
    () => {},
    (error: Error) => void errors.push(error.message),
  );
  void over.then(() => {
    isOver = true;
  });
  for (let n = 0; n < 20 && !isOver; n++) await passTime(clock, 3000);
  await over;
}

interface Parts {
  readonly server?: (bootstrap: ServerBootstrap) => unknown;
  readonly client?: (bootstrap: Bootstrap) => unknown;
  readonly tls?: TlsClientOptions;
}

/** A server with a client, which talk if they can; then both end. */
function served(parts: (fails: Failing) => Parts): Attempt {
  return async (fails, errors) => {
    const { server, client, tls } = parts(fails);
    const clock = new VirtualClock();
    const logger = loggerOf(errors);
    const network = new MemoryNetwork();
    const listening = new ServerBootstrap()
      .options({ logger, clock })
      .childOptions({ logger, clock })
      .childHandler((channel) =>
        channel.pipeline.addLast({
          channelRead: (ctx: Context, bytes: Buffer) => void ctx.writeAndFlush(bytes),
        }),
      );
    server?.(listening);
    const connecting = new Bootstrap().options({ logger, clock }).handler(() => {});
    client?.(connecting);
    const place = { network, name: 'a' };
    const binding = listening
      .bind({ ...place, ...(tls && { tls: certificate }) })
      .catch((error: Error) => void errors.push(String(error.cause ?? error)));
    await passTime(clock, 1);
    const bound = await binding;
    if (bound === undefined) return;
    const connected = connecting.connect({ ...place, ...(tls && { tls }) });
    await noted(
      clock,
      connected.then((channel) => channel.writeAndFlush('a')),
      errors,
    );
    // No failure of a function keeps another client out.
    const other = new Bootstrap().options({ logger, clock }).handler(() => {});
    const ca = certificate.cert;
    const sane = { tls: { ca, servername: 'chat.example' } };
    await noted(clock, other.connect({ ...place, ...(tls && sane) }), errors);
    expect(bound.channel.isOpen).toBe(true);
    await noted(clock, bound.shutdown({ drainTimeoutMs: 1000 }), errors);
    expect(bound.connections.size).toBe(0);
  };
}

/** A channel with a hook that fails, to which something happens. */
function hooked(name: string, act: (channel: EmbeddedChannel) => unknown): Attempt {
  return (fails, errors) => {
    const catcher = (_channel: unknown, error: Error): void => void errors.push(error.message);
    const hooks = { unhandledException: catcher, [name]: fails };
    const channel = EmbeddedChannel.with({ hooks, logger: loggerOf(errors) });
    channel.run(() => act(channel));
  };
}

/** A group of two, written to by its matcher. */
function matched(act: (group: ChannelGroup, fails: Failing) => unknown): Attempt {
  return async (fails, errors) => {
    const group = new ChannelGroup('all');
    const members = [new EmbeddedChannel(), new EmbeddedChannel()];
    for (const member of members) group.add(member);
    try {
      await act(group, fails);
    } catch (error) {
      errors.push((error as Error).message);
    }
    // Nobody has been chosen by it, and all get what comes next.
    void group.writeAndFlush('next');
    expect(members.map((member) => member.readOutbound())).toEqual(['next', 'next']);
  };
}

/** A listener: its failure is a warning, and the next one is called. */
function heard(add: (channel: EmbeddedChannel, listener: Failing) => unknown): Attempt {
  return (fails) => {
    const channel = new EmbeddedChannel();
    const calls: number[] = [];
    add(channel, fails);
    add(channel, () => void calls.push(1));
    channel.run(() => void channel.close());
    expect([calls.length, channel.isOpen]).toEqual([1, false]);
  };
}

describeFunctions(new URL('../../src/', import.meta.url), {
  'PendingWriteQueue sizeOf': (sizeOf, errors) => {
    const channel = new EmbeddedChannel({});
    const queue = new PendingWriteQueue(channel.pipeline.lastContext()!, { sizeOf });
    try {
      queue.add('a');
    } catch (error) {
      errors.push((error as Error).message);
    }
    expect([queue.size, queue.bytes]).toEqual([0, 0]);
  },
  'StreamTransport explain': async (explain, errors) => {
    const stream = new PassThrough();
    const clock = new VirtualClock();
    const channel = await new Bootstrap()
      .options({ logger: loggerOf(errors), clock })
      .handler(() => {})
      .connect({ transport: new StreamTransport(stream, { explain }) });
    stream.destroy(new Error('the cable is out'));
    await passTime(clock, 1);
    expect(channel.closeInfo?.error?.message).toContain('the cable is out');
  },
  'connect lookup': async (lookup, errors) => {
    const clock = new VirtualClock();
    const bootstrap = new Bootstrap().options({ clock }).handler(() => {});
    const connecting = bootstrap.connect({ host: 'chat.example', port: 1, lookup });
    await noted(clock, connecting, errors);
    expect(errors).toHaveLength(1);
  },
  'hooks unhandledEvent': hooked('unhandledEvent', ({ pipeline }) =>
    pipeline.fireUserEventTriggered('event'),
  ),
  'hooks unhandledException': async (unhandledException, errors) => {
    const channel = EmbeddedChannel.with({
      hooks: { unhandledException },
      logger: loggerOf(errors),
    });
    channel.run(() => channel.pipeline.fireExceptionCaught(new Error('of the application')));
  },
  'hooks unhandledMessage': hooked('unhandledMessage', ({ pipeline }) =>
    pipeline.fireChannelRead('message'),
  ),
  'tls checkServerIdentity': served((checkServerIdentity) => ({
    tls: { ca: certificate.cert, servername: 'chat.example', checkServerIdentity },
  })),
  'ServerBootstrap.handler': served((fails) => ({ server: (one) => one.handler(fails) })),
  'ServerBootstrap.childHandler': async (fails, errors) =>
    served(() => ({ server: (one) => one.childHandler(fails) }))(fails, errors),
  'Bootstrap.handler': served((fails) => ({ client: (one) => one.handler(fails) })),
  'pipeline().add': served((fails) => ({
    client: (one) => one.handler(pipeline().add(fails as never)),
  })),
  'a handler’s event': served((channelActive) => ({
    client: (one) => one.handler((channel: Channel) => channel.pipeline.addLast({ channelActive })),
  })),
  'Logger.log': served((log) => ({
    server: (one) => one.handler(() => {}).options({ logger: { log } }),
  })),
  DuplexHandler: async (use, errors) => {
    const channel = new EmbeddedChannel(new DuplexHandler(use));
    await Promise.resolve();
    try {
      channel.checkException();
    } catch (error) {
      errors.push((error as Error).message);
    }
  },
  'a matcher of a group': matched((group, fails) => group.writeAndFlush('x', fails)),
  'a matcher of matchers': matched((group, fails) =>
    group.writeAndFlush('x', ChannelMatchers.compose(fails, ChannelMatchers.isNotServer)),
  ),
  'a matcher that is inverted': matched((group, fails) =>
    group.writeAndFlush('x', ChannelMatchers.invert(fails)),
  ),
  'a matcher elsewhere': matched((group, fails) =>
    group.writeAndFlush('x', ChannelMatchers.elsewhere(fails, 'all')),
  ),
  'trusted peers': (trusted, errors) => {
    let isTrusted = false;
    try {
      isTrusted = trustCheck('trusted', trusted)(undefined);
    } catch (error) {
      errors.push((error as Error).message);
    }
    expect(isTrusted).toBe(false);
  },
  onClosed: heard((channel, listener) => channel.onClosed(listener)),
  'onSettled of a write': heard((channel, listener) =>
    channel.writeAndFlush('a').onSettled(listener),
  ),
});
