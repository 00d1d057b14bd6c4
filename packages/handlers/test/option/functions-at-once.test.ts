import { setImmediate as turn } from 'node:timers/promises';
import { type Channel, ChannelGroup, type Context, type Handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { endWith } from '../../src/idle/end-with.ts';
import * as handlers from '../../src/index.ts';
import { listeningClock, listeningWith } from '../limit/listening.ts';

/** A function of the application that fails, in the one way or the other. */
// biome-ignore lint/suspicious/noExplicitAny: it is given in the place of any function
type Failing = (...args: any[]) => never;

interface Seen {
  readonly errors: string[];
  /** What may have been written or passed on in the place of an answer. */
  readonly messages: unknown[];
}

const textAuth = {
  authenticate: (text: string) =>
    text === 'yes' ? { principal: text } : { refused: 'no', stays: true },
  isCredentials: (text: string) => text === 'yes' || text === 'no',
} as const;

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
  const logger = { log: (_level: unknown, text: string) => void seen.errors.push(text) };
  return EmbeddedChannel.with(
    {
      clock: new VirtualClock(),
      logger,
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

const emptySessions = { othersOf: () => [], add: () => {}, remove: () => true };

/** Each function of the options that must answer at once, and what a stranger does to have it called. */
const functions: Readonly<Record<string, (fails: Failing, seen: Seen) => void>> = {
  'EchoHandler reply': reading((reply) => new handlers.EchoHandler({ reply, passOn: false }), 'a'),
  'BroadcastHandler format': reading(
    (format) => new handlers.BroadcastHandler(new ChannelGroup('all'), { format, passOn: false }),
    'a',
  ),
  'BroadcastHandler to': reading(
    (to) => new handlers.BroadcastHandler(new ChannelGroup('all'), { to, passOn: false }),
    'a',
  ),
  lastWord: reading(
    (lastWord) => ({ channelRead: (ctx: Context) => endWith(ctx, 'limit', lastWord) }),
    'a',
  ),
  'IdleCloseHandler lastWord': (lastWord, seen) => {
    const channel = peer(new handlers.IdleCloseHandler({ lastWord }), seen);
    channel.pipeline.addFirst(new handlers.IdleStateHandler({ readerIdleMs: 1000 }));
    channel.advance(1000);
  },
  'MaxAgeHandler lastWord': later(
    (lastWord) => new handlers.MaxAgeHandler({ maxAgeMs: 1000, jitter: 0, lastWord }),
    1000,
  ),
  'MaxMessagesHandler lastWord': reading(
    (lastWord) => new handlers.MaxMessagesHandler({ maxMessages: 1, lastWord }),
    'a',
  ),
  'MessageRateHandler lastWord': (lastWord, seen) => {
    const options = { perSecond: 1, burst: 1, excessPolicy: 'close', lastWord } as const;
    peer(new handlers.MessageRateHandler(options), seen).writeInbound('a', 'a', 'a');
  },
  'AuthHandler isCredentials': auth({ isCredentials: true }, 'yes'),
  'AuthHandler replies.accepted': auth({ replies: { accepted: true } }, 'yes'),
  'AuthHandler replies.refused': auth({ replies: { refused: true } }, 'no'),
  'AuthHandler replies.unauthenticated': auth({ replies: { unauthenticated: true } }, 'hello'),
  'AuthHandler replies.again': auth({ replies: { again: true }, again: 'refuse' }, 'yes', 'no'),
  'AuthHandler replies.duplicate': auth(
    {
      replies: { duplicate: true },
      sessions: { ...emptySessions, othersOf: () => [{ kick: () => {} }] },
      duplicatePolicy: 'refuse',
    },
    'yes',
  ),
  'AuthHandler replies.timedOut': later(
    (timedOut) => new handlers.AuthHandler({ ...textAuth, timeoutMs: 1000, replies: { timedOut } }),
    1000,
  ),
  'AuthHandler replies.kicked': (kicked, seen) => {
    let kick = (): void => {};
    const add = (session: handlers.Session<string>): void => {
      kick = () => session.kick();
    };
    const sessions = { ...emptySessions, add };
    const options = { ...textAuth, sessions, replies: { kicked } };
    peer(new handlers.AuthHandler<string, string>(options), seen).writeInbound('yes');
    kick();
  },
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
  'GuessLimiter clientOf': reading((clientOf) => {
    const { authenticate } = textAuth;
    const guesses = new handlers.GuessLimiter({ clientOf });
    return new handlers.AuthHandler({ authenticate: guesses.protect(authenticate) });
  }, 'yes'),
  'GuessLimiter nameOf': reading((nameOf) => {
    const { authenticate } = textAuth;
    const guesses = new handlers.GuessLimiter({ clientOf: () => 'one' });
    return new handlers.AuthHandler({ authenticate: guesses.protect(authenticate, nameOf) });
  }, 'yes'),
  'ConnectionLimitHandler clientOf': (clientOf, seen) => {
    const watcher: Handler = {
      exceptionCaught: (_ctx: Context, error: Error) => void seen.errors.push(error.message),
    };
    const limit = new handlers.ConnectionLimitHandler({ clientOf });
    const { accept, server } = listeningWith(limit, watcher);
    const { child } = accept('10.0.0.1');
    expect([child.isOpen, limit.open]).toEqual([false, 0]);
    server.finish();
  },
  'OverloadGuard measure': (measure, seen) => {
    const { server } = listeningWith(new handlers.OverloadGuard({ measure }));
    Object.assign(server.logger, {
      log: (_level: unknown, text: string) => void seen.errors.push(text),
    });
    listeningClock.advance(500);
    server.finish();
  },
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
  'ProtocolDetector handleTimeout': later(
    (handleTimeout) =>
      new handlers.ProtocolDetector({ protocols: [], timeoutMs: 1000, handleTimeout }),
    1000,
  ),
  'HeartbeatHandler ping': later((ping) => heartbeat({ ping, isPing: () => false }), 1000),
  'HeartbeatHandler isPing': reading((isPing) => heartbeat({ ping: () => 'ping', isPing }), 'a'),
  'HeartbeatHandler pong': reading(
    (pong) => heartbeat({ ping: () => 'ping', isPing: () => true, pong }),
    'a',
  ),
  'HeartbeatHandler isPong': (isPong, seen) => {
    const channel = peer(
      heartbeat({ ping: () => 'ping', isPing: () => false, pong: () => 'pong', isPong }),
      seen,
    );
    channel.advance(1000);
    seen.messages.length = 0;
    channel.writeInbound('a');
  },
  'TrafficShapingHandler sizeOf, of a read': reading(
    (sizeOf) => new handlers.TrafficShapingHandler({ readBytesPerSecond: 10, sizeOf }),
    'a',
  ),
  'TrafficShapingHandler sizeOf, of a write': (sizeOf, seen) => {
    const shaping = new handlers.TrafficShapingHandler({ writeBytesPerSecond: 10, sizeOf });
    peer(shaping, seen).writeAndFlush('a');
  },
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
  'match accepts': reading(
    (accepts) => handlers.match<string>().when(accepts as never, () => {}),
    'a',
  ),
  'switchProtocol add': reading(
    (add) => ({
      channelRead: (ctx: Context) => handlers.switchProtocol(ctx, { remove: [], add }),
    }),
    'a',
  ),
  'replaceWith replacement': reading(
    (add) => ({ channelRead: (ctx: Context) => handlers.replaceWith(ctx, add) }),
    'a',
  ),
  'metricsOf read': reading(
    (read) => ({ channelRead: () => void handlers.metricsOf('a', read)() }),
    'a',
  ),
};

function heartbeat(format: object): Handler {
  const options = { intervalMs: 1000, jitter: 0, format };
  return new handlers.HeartbeatHandler<string>(options as never);
}

const FAULTS: Readonly<Record<string, Failing>> = {
  throws: () => {
    throw new Error('the fault of the application');
  },
  rejects: () => Promise.reject(new Error('the fault of the application')) as never,
};

describe.each(Object.entries(FAULTS))('a function of the options that %s', (_how, fails) => {
  it.each(Object.entries(functions))('%s: is an error, and no answer', async (_name, act) => {
    const seen: Seen = { errors: [], messages: [] };
    act(fails, seen);
    await turn();
    expect(seen.errors.join()).toMatch(/fault of the application|but must give its answer at once/);
    expect(seen.messages.filter((message) => message !== 'a')).toEqual([]);
  });
});
