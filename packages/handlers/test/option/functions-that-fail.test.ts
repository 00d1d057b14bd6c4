import { setImmediate as turn } from 'node:timers/promises';
import {
  type Channel,
  ChannelGroup,
  type Context,
  type Handler,
  type Logger,
} from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { expect } from 'vitest';
import {
  type Attempt,
  describeFunctions,
  type Failing,
  SILENT,
} from '../../../core/test/fixture/function-options.ts';
import { HealthServer } from '../../src/health/health-server.ts';
import { endWith } from '../../src/idle/end-with.ts';
import * as handlers from '../../src/index.ts';
import { TwoEnds } from '../exchange/two-ends.ts';
import { listeningClock, listeningWith } from '../limit/listening.ts';

interface Seen {
  readonly errors: string[];
  /** What may have been written or passed on in the place of an answer. */
  readonly messages: unknown[];
}

/** What a stranger does to have the function called. */
type Act = (fails: Failing, seen: Seen) => unknown;

/** What stands for an answer is neither written nor passed on. */
function attempts(acts: Readonly<Record<string, Act>>): Readonly<Record<string, Attempt>> {
  const attempt =
    (act: Act): Attempt =>
    async (fails, errors) => {
      const seen: Seen = { errors, messages: [] };
      const outcome = await act(fails, seen);
      await turn();
      expect(seen.messages.filter((message) => message !== 'a')).toEqual([]);
      return outcome;
    };
  return Object.fromEntries(Object.entries(acts).map(([name, act]) => [name, attempt(act)]));
}

const textAuth = {
  authenticate: (text: string) =>
    text === 'yes' ? { principal: text } : { refused: 'no', stays: true },
  isCredentials: (text: string) => text === 'yes' || text === 'no',
} as const;

const loggerOf = ({ errors }: Seen): Logger => ({
  log: (_level, text, error) => void errors.push(`${text} ${error?.message}`),
});

/** A channel with this handler, its errors, and what it wrote and passed on. */
function peer(handler: Handler, seen: Seen): EmbeddedChannel {
  const watcher: Handler = {
    channelRead: (_ctx: Context, message: unknown) => void seen.messages.push(message),
    exceptionCaught: (_ctx: Context, error: Error) => void seen.errors.push(error.message),
  };
  const outbound: Handler = {
    write(ctx: Context, message: unknown) {
      seen.messages.push(message);
      return ctx.write(message);
    },
  };
  return EmbeddedChannel.with(
    {
      clock: new VirtualClock(),
      logger: loggerOf(seen),
      hooks: {
        writeFailed: (_channel: Channel, error: Error) => void seen.errors.push(error.message),
      },
    } as never,
    outbound,
    handler,
    watcher,
  );
}

function reading(make: (fails: Failing) => Handler, ...messages: unknown[]) {
  return (fails: Failing, seen: Seen): void => {
    peer(make(fails), seen).writeInbound(...messages);
  };
}

function later(make: (fails: Failing) => Handler, ms: number) {
  return (fails: Failing, seen: Seen): void => {
    peer(make(fails), seen).advance(ms);
  };
}

function auth(options: object, ...messages: string[]) {
  return reading(
    (fails) =>
      new handlers.AuthHandler<string, string>({ ...textAuth, ...failingWith(options, fails) }),
    ...messages,
  );
}

/** `true` stands for the function that fails. */
function failingWith(options: object, fails: Failing): object {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]: [string, unknown]) => {
      if (value === true) return [name, fails];
      const isNested = name === 'replies' || name === 'sessions';
      return [name, isNested ? failingWith(value as object, fails) : value];
    }),
  );
}

/** A handler that counts the connections of a listening channel. */
function admitting(make: (fails: Failing) => handlers.ConnectionLimitHandler): Act {
  return (fails, seen) => {
    const watcher: Handler = {
      exceptionCaught: (_ctx: Context, error: Error) => void seen.errors.push(error.message),
    };
    const limit = make(fails);
    const { accept, server } = listeningWith(limit, watcher);
    const { child } = accept('10.0.0.1');
    expect([child.isOpen, limit.open]).toEqual([false, 0]);
    server.finish();
  };
}

const emptySessions = { othersOf: () => [], add: () => {}, remove: () => true };

const options: Readonly<Record<string, Act>> = {
  'AdmissionHandler onRefused': (onRefused, seen) => {
    const limit = new handlers.ConnectionLimitHandler({ total: 1, onRefused });
    peer(limit, seen);
    const refused = peer(limit, seen);
    refused.advance(1000);
    expect([refused.isOpen, limit.open]).toEqual([false, 1]);
  },
  'Announcer combine': (combine, seen) => {
    const member = peer({}, seen);
    const group = new ChannelGroup('all');
    group.add(member);
    const announcer = new handlers.Announcer(group, { writesAtOnce: 1, combine });
    for (const text of ['a', 'a', 'a']) announcer.announce(text);
    member.advance(1000);
    expect([seen.messages.length, announcer.waiting]).toEqual([3, 0]);
  },
  'AuthHandler authenticate': async (authenticate, seen) => {
    const channel = peer(new handlers.AuthHandler({ authenticate }), seen);
    channel.writeInbound('yes');
    await turn();
    channel.advance(20_000);
    expect([handlers.principalOf(channel), channel.isOpen]).toEqual([undefined, false]);
  },
  'AuthHandler authenticateChannel': async (authenticateChannel, seen) => {
    const options = { ...textAuth, authenticateChannel };
    const channel = peer(new handlers.AuthHandler<string, string>(options), seen);
    await turn();
    channel.advance(20_000);
    expect([handlers.principalOf(channel), channel.isOpen]).toEqual([undefined, false]);
  },
  'ExchangeHandler handle': async (handle, seen) => {
    const ends = new TwoEnds({}, { handle });
    const asked = ends.ask('a');
    await ends.settle();
    ends.pair.clock.advance(20_000);
    await ends.settle();
    seen.errors.push(...ends.logged);
    expect(asked.settled).toBe(1);
    // The answerer goes on.
    expect(ends.pair.server.isOpen).toBe(true);
  },
  'FileRegion onProgress': async (onProgress, seen) => {
    const file = new handlers.FileRegion(new URL(import.meta.url), { count: 1, onProgress });
    await peer(new handlers.StreamWriteHandler(), seen).writeAndFlush(file);
    seen.messages.length = 0;
  },
  'ForwardHandler connect': reading((connect) => new handlers.ForwardHandler({ connect })),
  'GlobalTraffic onInterval': (onInterval) => {
    const clock = new VirtualClock();
    using _traffic = new handlers.GlobalTraffic({ clock, onInterval });
    clock.advance(2000);
    expect(clock.pendingTimers).toBe(1);
  },
  'HeartbeatHandler random': (random, seen) => {
    const format = handlers.textHeartbeat({ ping: 'a', pong: false });
    const channel = peer(new handlers.HeartbeatHandler({ format, intervalMs: 1000, random }), seen);
    channel.advance(2000);
    expect(seen.messages).not.toEqual([]);
  },
  'LoggingHandler redact': (redact, seen) => {
    peer(new handlers.LoggingHandler({ redact }), seen).writeInbound('a');
    expect(seen.errors.filter((text) => text.includes('READ: '))).toEqual([]);
  },
  'MaxAgeHandler random': (random, seen) => {
    const channel = peer(new handlers.MaxAgeHandler({ maxAgeMs: 1000, random }), seen);
    channel.advance(1000);
    expect(channel.isOutputShutdown).toBe(true);
  },
  'OverloadGuard onShed': (onShed, seen) => {
    const measure = () => ({ heapShare: 0.99, loopDelayMs: 0 });
    const options = { onShed, measure, shedAfterMs: 0, minIdleMs: 0, shedShare: 1 };
    const { server, accept } = listeningWith(new handlers.OverloadGuard(options));
    const { child } = accept('10.0.0.1');
    Object.defineProperty(child, 'logger', { value: loggerOf(seen) });
    listeningClock.advance(1000);
    expect(child.isOutputShutdown).toBe(true);
    server.finish();
  },
  'PcapWriter to': (to, seen) => {
    const handler = new handlers.PcapHandler({ writer: new handlers.PcapWriter({ to }) });
    const bytes = Buffer.alloc(100_000);
    peer(handler, seen).writeInbound(bytes);
    expect(seen.messages.splice(0)).toEqual([bytes]);
  },
  'ProtocolDetector otherwise': (otherwise, seen) => {
    const detector = new handlers.ProtocolDetector({ protocols: [], otherwise });
    peer(detector, seen).writeInbound(Buffer.from('a'));
    seen.messages.length = 0;
  },
  'RequestHandler handle': reading((handle) => new handlers.RequestHandler({ handle }), 'a'),
  'TrafficCounter onInterval': (onInterval) => {
    const clock = new VirtualClock();
    const counter = new handlers.TrafficCounter({ clock, onInterval });
    clock.advance(2000);
    expect(clock.pendingTimers).toBe(1);
    counter.stop();
  },
  'UniqueAddressHandler clientOf': admitting(
    (clientOf) => new handlers.UniqueAddressHandler({ clientOf }),
  ),
  'AuthHandler isCredentials': auth({ isCredentials: true }, 'yes'),
  'BroadcastHandler format': reading(
    (format) => new handlers.BroadcastHandler(new ChannelGroup('all'), { format, passOn: false }),
    'a',
  ),
  'BroadcastHandler to': reading(
    (to) => new handlers.BroadcastHandler(new ChannelGroup('all'), { to, passOn: false }),
    'a',
  ),
  'ConnectionLimitHandler clientOf': admitting(
    (clientOf) => new handlers.ConnectionLimitHandler({ clientOf }),
  ),
  'EchoHandler reply': reading((reply) => new handlers.EchoHandler({ reply, passOn: false }), 'a'),
  'GuessLimiter clientOf': reading((clientOf) => {
    const { authenticate } = textAuth;
    const guesses = new handlers.GuessLimiter({ clientOf });
    return new handlers.AuthHandler({ authenticate: guesses.protect(authenticate) });
  }, 'yes'),
  'IdleCloseHandler lastWord': (lastWord, seen) => {
    const channel = peer(new handlers.IdleCloseHandler({ lastWord }), seen);
    channel.pipeline.addFirst(new handlers.IdleStateHandler({ readerIdleMs: 1000 }));
    channel.advance(1000);
  },
  'MessageRateHandler lastWord': (lastWord, seen) => {
    const options = { perSecond: 1, burst: 1, excessPolicy: 'close', lastWord } as const;
    peer(new handlers.MessageRateHandler(options), seen).writeInbound('a', 'a', 'a');
  },
  'OverloadGuard measure': (measure, seen) => {
    const { server } = listeningWith(new handlers.OverloadGuard({ measure }));
    Object.defineProperty(server, 'logger', { value: loggerOf(seen) });
    listeningClock.advance(500);
    server.finish();
  },
  'ProtocolDetector handleTimeout': later(
    (handleTimeout) =>
      new handlers.ProtocolDetector({ protocols: [], timeoutMs: 1000, handleTimeout }),
    1000,
  ),
  'RequestHandler answerError': reading(
    (answerError) =>
      new handlers.RequestHandler({
        handle: () => {
          throw new Error('no answer');
        },
        answerError,
      }),
    'a',
  ),
  'TrafficShapingHandler sizeOf': reading(
    (sizeOf) => new handlers.TrafficShapingHandler({ readBytesPerSecond: 10, sizeOf }),
    'a',
  ),
  'expiry lastWord': later(
    (lastWord) => new handlers.MaxAgeHandler({ maxAgeMs: 1000, jitter: 0, lastWord }),
    1000,
  ),
  'messageHeartbeat isPing': reading((isPing) => heartbeat({ ping: () => 'ping', isPing }), 'a'),
  'messageHeartbeat isPong': (isPong, seen) => {
    const channel = peer(
      heartbeat({ ping: () => 'ping', isPing: () => false, pong: () => 'pong', isPong }),
      seen,
    );
    channel.advance(1000);
    seen.messages.length = 0;
    channel.writeInbound('a');
  },
  'messageHeartbeat ping': later((ping) => heartbeat({ ping, isPing: () => false }), 1000),
  'messageHeartbeat pong': reading(
    (pong) => heartbeat({ ping: () => 'ping', isPing: () => true, pong }),
    'a',
  ),
  'replies accepted': auth({ replies: { accepted: true } }, 'yes'),
  'replies again': auth({ replies: { again: true }, again: 'refuse' }, 'yes', 'no'),
  'replies duplicate': auth(
    {
      replies: { duplicate: true },
      sessions: { ...emptySessions, othersOf: () => [{ kick: () => {} }] },
      duplicatePolicy: 'refuse',
    },
    'yes',
  ),
  'replies kicked': (kicked, seen) => {
    let kick = (): void => {};
    const add = (session: handlers.Session<string>): void => {
      kick = () => session.kick();
    };
    const sessions = { ...emptySessions, add };
    const options = { ...textAuth, sessions, replies: { kicked } };
    peer(new handlers.AuthHandler<string, string>(options), seen).writeInbound('yes');
    kick();
  },
  'replies refused': auth({ replies: { refused: true } }, 'no'),
  'replies timedOut': later(
    (timedOut) => new handlers.AuthHandler({ ...textAuth, timeoutMs: 1000, replies: { timedOut } }),
    1000,
  ),
  'replies unauthenticated': auth({ replies: { unauthenticated: true } }, 'hello'),
  'switchProtocol add': reading(
    (add) => ({
      channelRead: (ctx: Context) => handlers.switchProtocol(ctx, { remove: [], add }),
    }),
    'a',
  ),
};

const others: Readonly<Record<string, Act>> = {
  lastWord: reading(
    (lastWord) => ({ channelRead: (ctx: Context) => endWith(ctx, 'limit', lastWord) }),
    'a',
  ),
  'MaxMessagesHandler lastWord': reading(
    (lastWord) => new handlers.MaxMessagesHandler({ maxMessages: 1, lastWord }),
    'a',
  ),
  'AuthHandler sessions.othersOf': auth({ sessions: { ...emptySessions, othersOf: true } }, 'yes'),
  'AuthHandler sessions.add': auth({ sessions: { ...emptySessions, add: true } }, 'yes'),
  'AuthHandler sessions.remove, of a new principal': auth(
    { sessions: { ...emptySessions, remove: true }, again: 'move' },
    'yes',
    'yes',
  ),
  'AuthHandler sessions.remove, by a kick': (remove, seen) => {
    let kick = (): void => {};
    const add = (session: handlers.Session<string>): void => {
      kick = () => session.kick();
    };
    const options = { ...textAuth, sessions: { ...emptySessions, add, remove } };
    peer(new handlers.AuthHandler<string, string>(options), seen).writeInbound('yes');
    kick();
  },
  'AuthHandler kick of another session': (kick, seen) => {
    const sessions = { ...emptySessions, othersOf: () => [{ kick }] };
    const options = { ...textAuth, sessions, duplicatePolicy: 'kick-older' } as const;
    peer(new handlers.AuthHandler<string, string>(options), seen).writeInbound('yes');
  },
  'SessionRegistry idOf': reading(
    (idOf) =>
      new handlers.AuthHandler<string, string>({
        ...textAuth,
        sessions: new handlers.SessionRegistry(idOf),
      }),
    'yes',
  ),
  'GuessLimiter nameOf': reading((nameOf) => {
    const { authenticate } = textAuth;
    const guesses = new handlers.GuessLimiter({ clientOf: () => 'one' });
    return new handlers.AuthHandler({ authenticate: guesses.protect(authenticate, nameOf) });
  }, 'yes'),
  'ProtocolDetector matches': reading(
    (matches) =>
      new handlers.ProtocolDetector({ protocols: [{ name: 'a', matches, install: () => {} }] }),
    Buffer.from('a'),
  ),
  'ProtocolDetector install': (install, seen) => {
    const protocols = [{ name: 'a', matches: () => true, install }];
    peer(new handlers.ProtocolDetector({ protocols }), seen).writeInbound(Buffer.from('a'));
    seen.messages.length = 0;
  },
  'TrafficShapingHandler sizeOf, of a write': (sizeOf, seen) => {
    const shaping = new handlers.TrafficShapingHandler({ writeBytesPerSecond: 10, sizeOf });
    peer(shaping, seen).writeAndFlush('a');
  },
  'match accepts': reading(
    (accepts) => handlers.match<string>().when(accepts as never, () => {}),
    'a',
  ),
  'replaceWith replacement': reading(
    (add) => ({ channelRead: (ctx: Context) => handlers.replaceWith(ctx, add) }),
    'a',
  ),
  'ForwardHandler connect, of a client that left': (connect, seen) => {
    peer(new handlers.ForwardHandler({ connect }), seen).abort();
    return SILENT;
  },
  'match handle': reading((handle) => handlers.match<string>().otherwise(handle), 'a'),
  'UserEventHandler handle': (handle, seen) => {
    class Event {}
    const channel = peer(new handlers.UserEventHandler(Event, handle), seen);
    channel.pipeline.fireUserEventTriggered(new Event());
  },
  'serveHealth ready': (check) => {
    expect(new HealthServer({ port: 0, ready: { check } }).notReady).toEqual(['check']);
    return SILENT;
  },
  'metricsOf read': reading(
    (read) => ({ channelRead: () => void handlers.metricsOf('a', read)() }),
    'a',
  ),
};

function heartbeat(format: object): Handler {
  const options = { intervalMs: 1000, jitter: 0, format };
  return new handlers.HeartbeatHandler<string>(options as never);
}

describeFunctions(new URL('../../src/', import.meta.url), {
  options: attempts(options),
  others: attempts(others),
});
