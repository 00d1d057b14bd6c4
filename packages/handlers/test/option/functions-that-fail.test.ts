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
import { StatusPage } from '../../src/health/status-page.ts';
import * as handlers from '../../src/index.ts';
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
    (fails) => new handlers.AuthHandler({ ...textAuth, ...failingWith(options, fails) }),
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

const functions: Readonly<Record<string, Act>> = {
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
    const channel = peer(new handlers.AuthHandler(options), seen);
    await turn();
    channel.advance(20_000);
    expect([handlers.principalOf(channel), channel.isOpen]).toEqual([undefined, false]);
  },
  'FileRegion onProgress': async (onProgress, seen) => {
    const file = new handlers.FileRegion(new URL(import.meta.url), { count: 1, onProgress });
    await peer(new handlers.StreamWriteHandler(), seen).writeAndFlush(file);
    seen.messages.length = 0;
  },
  'ForwardHandler connect': reading((connect) => new handlers.ForwardHandler({ connect })),
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
  'ConnectionLimitHandler clientOf': admitting(
    (clientOf) => new handlers.ConnectionLimitHandler({ clientOf }),
  ),
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
  'expiry lastWord': later(
    (lastWord) => new handlers.MaxAgeHandler({ maxAgeMs: 1000, jitter: 0, lastWord }),
    1000,
  ),
  'replies accepted': auth({ replies: { accepted: true } }, 'yes'),
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
    peer(new handlers.AuthHandler(options), seen).writeInbound('yes');
    kick();
  },
  'replies refused': auth({ replies: { refused: true } }, 'no'),
  'replies timedOut': later(
    (timedOut) => new handlers.AuthHandler({ ...textAuth, timeoutMs: 1000, replies: { timedOut } }),
    1000,
  ),
  'switchProtocol add': reading(
    (add) => ({
      channelRead: (ctx: Context) => handlers.switchProtocol(ctx, { remove: [], add }),
    }),
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
    peer(new handlers.AuthHandler(options), seen).writeInbound('yes');
    kick();
  },
  'AuthHandler kick of another session': (kick, seen) => {
    const sessions = { ...emptySessions, othersOf: () => [{ kick }] };
    const options = { ...textAuth, sessions, duplicatePolicy: 'kick-older' } as const;
    peer(new handlers.AuthHandler(options), seen).writeInbound('yes');
  },
  'SessionRegistry idOf': reading(
    (idOf) =>
      new handlers.AuthHandler({
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
  'replaceWith replacement': reading(
    (add) => ({ channelRead: (ctx: Context) => handlers.replaceWith(ctx, add) }),
    'a',
  ),
  'HeartbeatFormat isPing': reading((isPing) => heartbeat({ isPing }), 'a'),
  'HeartbeatFormat isPong': (isPong, seen) => {
    const channel = peer(heartbeat({ isPong }), seen);
    channel.advance(1000);
    seen.messages.length = 0;
    channel.writeInbound('a');
  },
  'HeartbeatFormat ping': later((ping) => heartbeat({ ping }), 1000),
  'HeartbeatFormat pong': reading((pong) => heartbeat({ isPing: () => true, pong }), 'a'),
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
  'serveHealth ready': (check, seen) => {
    const health = new HealthServer({ port: 0, ready: { check }, logger: loggerOf(seen) });
    expect(health.notReady).toEqual(['check']);
  },
  'serveHealth status': async (status, seen) => {
    const owner = { logger: loggerOf(seen), timeoutMs: 5, notReady: () => [] };
    const code = await new Promise((resolve) => {
      const writeHead = (given: number) => ({ end: () => resolve(given) });
      new StatusPage(status, owner).answer({ writeHead } as never);
    });
    expect(code).toBe(500);
  },
};

/** With a format of the application. */
function heartbeat(functions: object): Handler {
  const usual = {
    isPing: () => false,
    ping: () => 'ping',
    pong: () => 'pong',
    isPong: () => false,
  };
  const format = { ...usual, isAnswered: true, ...functions };
  return new handlers.HeartbeatHandler<string>({ intervalMs: 1000, jitter: 0, format } as never);
}

describeFunctions(new URL('../../src/', import.meta.url), attempts(functions));
