import {
  AttributeKey,
  type Channel,
  ChannelGroup,
  type Context,
  DecodeError,
  EncodeError,
  type Handler,
  isHeadraceError,
  type LogLevel,
} from '@headrace/core';
import { isOwnFault } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { AuthenticatedEvent, AuthFailedEvent } from '../../src/auth/auth-event.ts';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import type { AuthAttempt, AuthOptions, AuthVerdict } from '../../src/auth/auth-options.ts';
import { PRINCIPAL, principalOf } from '../../src/auth/principal.ts';
import { SessionRegistry } from '../../src/auth/session-registry.ts';

interface User {
  readonly id: string;
}
type Options = AuthOptions<string, User, string>;
type Verdict = AuthVerdict<User, string>;

/** An authenticator whose answers the test gives. */
class Doorman {
  readonly asked: { message: string; attempt: AuthAttempt }[] = [];
  private answers: { yes: (verdict: Verdict) => void; no: (error: Error) => void }[] = [];

  readonly authenticate = (message: string, attempt: AuthAttempt): Promise<Verdict> => {
    this.asked.push({ message, attempt });
    return new Promise((yes, no) => this.answers.push({ yes, no }));
  };

  async say(verdict: Verdict | Error): Promise<void> {
    const answer = this.answers.shift()!;
    if (verdict instanceof Error) answer.no(verdict);
    else answer.yes(verdict);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

class App implements Handler {
  readonly events: string[] = [];

  channelRead(_ctx: Context, message: unknown): void {
    this.events.push(`read ${String(message)}`);
  }

  channelReadComplete(): void {
    this.events.push('complete');
  }

  userEventTriggered(_ctx: Context, event: unknown): void {
    if (event instanceof AuthenticatedEvent) {
      this.events.push(`in ${(event as AuthenticatedEvent<User>).principal.id}`);
    } else if (event instanceof AuthFailedEvent) this.events.push(`failed ${event.error.code}`);
    else this.events.push(String(event));
  }
}

function setUp(options: Partial<Options>, doorman: Doorman = new Doorman()) {
  const app = new App();
  const auth = new AuthHandler({
    authenticate: doorman.authenticate,
    isCredentials: (text) => text.startsWith('AUTH'),
    replies: {
      accepted: (user) => `welcome ${user.id}`,
      refused: (why) => `no: ${why}`,
      unauthenticated: () => 'sign in first',
      timedOut: () => 'too late',
      duplicate: (user) => `${user.id} is here already`,
      kicked: () => 'kicked',
    },
    ...options,
  });
  const logged: string[] = [];
  const logger = { log: (level: LogLevel, text: string) => void logged.push(`${level} ${text}`) };
  const channel = EmbeddedChannel.with({ logger }, auth, app);
  return { channel, app, auth, doorman, logged };
}

const ann: Verdict = { principal: { id: 'ann' } };

describe('AuthHandler, writes before the sign-in', () => {
  it('counts what it holds towards writability', async () => {
    const { channel, doorman } = setUp({});
    channel.run(() => channel.write('x'.repeat(300_000)));
    expect(channel.pendingOutboundBytes).toBeGreaterThan(300_000);
    expect(channel.isWritable).toBe(false);
    channel.writeInbound('AUTH');
    await doorman.say(ann);
    channel.run(() => {});
    expect(channel.pendingOutboundBytes).toBe(0);
    expect(channel.isWritable).toBe(true);
  });

  it('reports a held write that fails to the hook writeFailed', () => {
    const failures: string[] = [];
    const hooks = { writeFailed: (_: Channel, error: Error) => void failures.push(error.message) };
    const auth = new AuthHandler({ authenticate: () => ({ refused: 'unknown' }) });
    const channel = EmbeddedChannel.with({ hooks }, auth);
    channel.run(() => channel.write('greeting'));
    channel.writeInbound('AUTH');
    expect(failures).toEqual(['unknown']);
  });
});

describe('AuthHandler, whose reply cannot be encoded', () => {
  it('ends the channel, because the peer would wait for the reply', async () => {
    const { channel, doorman } = setUp({});
    channel.pipeline.addFirst({
      write() {
        throw new EncodeError('MESSAGE_NOT_ENCODABLE', 'no such reply');
      },
    });
    channel.writeInbound('AUTH');
    await doorman.say(ann);
    expect(channel.isEnding).toBe(true);
  });
});

describe('AuthHandler, in the log', () => {
  it('logs why it refused a peer, at the level that is off by default', async () => {
    const { channel, doorman, logged } = setUp({ refusalPolicy: 'stay' });
    channel.writeInbound('AUTH');
    await doorman.say({ refused: 'no such user' });
    channel.writeInbound('hello');
    expect(logged).toEqual([
      `debug ${channel} refused the sign-in: no such user`,
      `debug ${channel} refused the sign-in: a message came before the sign-in`,
    ]);
  });

  it('logs a failure of the authenticator once', async () => {
    const { channel, doorman, logged } = setUp({});
    channel.writeInbound('AUTH');
    await doorman.say(new Error('no database'));
    expect(logged).toEqual([`warn ${channel} the authenticator failed: no database`]);
  });

  it('logs a deadline', () => {
    const { channel, logged } = setUp({ timeoutMs: 500 });
    channel.advance(500);
    expect(logged).toEqual([
      `debug ${channel} refused the sign-in: not authenticated within 500 ms`,
    ]);
  });
});

describe('AuthHandler, letting in', () => {
  it('holds what comes after the credentials and hands it on in order', async () => {
    const { channel, app, doorman } = setUp({});
    channel.writeInbound('AUTH', 'one', 'two');
    channel.writeInbound('three');
    expect(app.events).toEqual([]);
    await doorman.say(ann);
    expect(app.events).toEqual(['in ann', 'read one', 'read two', 'read three', 'complete']);
    expect(channel.readOutbound()).toBe('welcome ann');
  });

  it('keeps the order when a held message brings another one in', async () => {
    const doorman = new Doorman();
    const seen: unknown[] = [];
    const auth = new AuthHandler({
      authenticate: doorman.authenticate,
      sessions: new SessionRegistry((user: User) => user.id),
    });
    const channel = new EmbeddedChannel(auth, {
      channelRead(_ctx: Context, message: unknown) {
        if (message === 'one') channel.pipeline.fireChannelRead('three');
        seen.push(message);
      },
    });
    channel.writeInbound('secret', 'one', 'two');
    await doorman.say(ann);
    expect(seen).toEqual(['one', 'two', 'three']);
  });

  it('refuses nothing that follows the credentials: reads are held while they are checked', async () => {
    const { channel, app, doorman } = setUp({ maxHeld: 2 });
    const many = Array.from({ length: 100 }, (_, i) => String(i));
    channel.writeInbound('AUTH', ...many);
    expect(channel.readHolds).toEqual(['AuthHandler']);
    expect(channel.readOutbound()).toBeUndefined();
    await doorman.say(ann);
    expect(channel.isReadHeld).toBe(false);
    expect(app.events).toEqual(['in ann', ...many.map((text) => `read ${text}`), 'complete']);
  });

  it('stops handing on what it held where reads are held, and drops it at the end', async () => {
    for (const isEnded of [false, true]) {
      const { channel, app, doorman } = setUp({});
      let hold: { release(): void } | undefined;
      channel.pipeline.addBefore(App, {
        channelRead(ctx: Context, message: unknown) {
          ctx.fireChannelRead(message);
          if (message === 'stop') hold = ctx.channel.holdReads('test');
          if (message === 'stop' && isEnded) ctx.channel.end();
        },
      });
      channel.writeInbound('AUTH', 'one', 'stop', 'two', 'three');
      await doorman.say(ann);
      expect(app.events.slice(0, 3)).toEqual(['in ann', 'read one', 'read stop']);
      channel.run(() => hold?.release());
      const rest = isEnded ? [] : ['read two', 'read three'];
      expect(app.events.slice(3).filter((event) => event !== 'complete')).toEqual(rest);
    }
  });

  it('keeps the end of the input after the messages that came before it', async () => {
    const order: string[] = [];
    const doorman = new Doorman();
    const auth = new AuthHandler({ authenticate: doorman.authenticate });
    const channel = EmbeddedChannel.with({ allowHalfOpen: true }, auth, {
      channelRead: (_ctx, message) => void order.push(String(message)),
      channelShutdown: (_ctx, direction) => void order.push(direction),
    });
    channel.writeInbound('AUTH', 'one');
    channel.endInput();
    expect(order).toEqual([]);
    await doorman.say(ann);
    expect(order).toEqual(['one', 'input']);
  });

  it('holds no more than its bound before the credentials', () => {
    const { channel, app } = setUp({ maxHeld: 2, earlyMessages: 'hold' });
    channel.writeInbound('one', 'two', 'three');
    expect(channel.readOutbound()).toBe('sign in first');
    expect(app.events).toEqual(['failed HR_ERR_REJECTED_AUTH']);
    expect(channel.isOutputShutdown).toBe(true);
  });

  it('refuses every early message with earlyMessages: refuse', () => {
    const { channel } = setUp({ earlyMessages: 'refuse' });
    channel.writeInbound('AUTH', 'one');
    expect(channel.readOutbound()).toBe('sign in first');
  });

  it('holds what comes before the credentials with earlyMessages: hold', async () => {
    const { channel, app, doorman } = setUp({ earlyMessages: 'hold' });
    channel.writeInbound('zero', 'AUTH', 'one');
    await doorman.say(ann);
    expect(app.events).toEqual(['in ann', 'read zero', 'read one', 'complete']);
  });

  it('holds what the handlers after it write, and sends it after the welcome', async () => {
    const { channel, doorman } = setUp({});
    const written = channel.writeAndFlush('news');
    channel.writeInbound('AUTH');
    expect(channel.readOutbound()).toBeUndefined();
    expect(written.isSettled).toBe(false);
    await doorman.say(ann);
    expect(channel.readOutbound()).toBe('welcome ann');
    expect(channel.readOutbound()).toBe('news');
    expect(written.isSuccess).toBe(true);
  });

  it('holds no more writes than its bound', () => {
    const { channel } = setUp({ maxHeld: 1 });
    channel.write('one');
    const { error } = channel.write('two');
    expect(isHeadraceError(error, 'REJECTED_AUTH')).toBe(true);
    expect(error?.message).toMatch(/1 writes wait .*maxHeld/);
  });

  it('refuses writes or lets them pass by earlyWrites', () => {
    const refusing = setUp({ earlyWrites: 'refuse' });
    expect(isHeadraceError(refusing.channel.write('x').error, 'REJECTED_AUTH')).toBe(true);
    const passing = setUp({ earlyWrites: 'pass' });
    passing.channel.writeAndFlush('x');
    expect(passing.channel.readOutbound()).toBe('x');
  });

  it('passes the answer to an error of a handler before it, and holds what is written later', () => {
    for (const [earlyWrites, expected] of [
      ['hold', 'ERR:too long'],
      ['refuse', undefined],
    ] as const) {
      const { authenticate } = new Doorman();
      const auth = new AuthHandler({ authenticate, earlyWrites });
      const channel = new EmbeddedChannel(auth, {
        exceptionCaught: (ctx, error) => void ctx.writeAndFlush(`ERR:${error.message}`),
      });
      channel.pipeline.fireExceptionCaught(new DecodeError('FRAME_TOO_LONG', 'too long'));
      channel.writeAndFlush('news').catch(() => {});
      expect(channel.readOutbound()).toBe(expected);
      expect(channel.readOutbound()).toBeUndefined();
    }
  });

  it('joins the group only after the sign-in, and leaves with the channel', async () => {
    const group = new ChannelGroup('members');
    const { channel, doorman } = setUp({ group });
    channel.writeInbound('AUTH');
    expect(group.size).toBe(0);
    await doorman.say(ann);
    expect(group.has(channel)).toBe(true);
    channel.finish();
    expect(group.size).toBe(0);
  });

  it('stores the principal and removes itself', async () => {
    const USER = new AttributeKey<User>('user');
    const { channel, auth, doorman } = setUp({ principalKey: USER });
    channel.writeInbound('AUTH');
    expect(principalOf<User>(channel)).toBeUndefined();
    await doorman.say(ann);
    expect(channel.attributes.get(USER)?.id).toBe('ann');
    expect(channel.attributes.get(PRINCIPAL)).toEqual({ id: 'ann' });
    expect(channel.pipeline.context(auth)).toBeUndefined();
    expect(channel.clock.pendingTimers).toBe(0);
    channel.writeInbound('AUTH is a word now');
  });

  it('gives held messages to handlers that are added when the peer is in', async () => {
    const seen: unknown[] = [];
    const doorman = new Doorman();
    const auth = new AuthHandler({ authenticate: doorman.authenticate });
    const builder: Handler = {
      userEventTriggered(ctx: Context) {
        ctx.pipeline.addLast({ channelRead: (_ctx, message) => void seen.push(message) });
        ctx.pipeline.remove(builder);
      },
    };
    const channel = new EmbeddedChannel(auth, builder);
    channel.writeInbound('secret', 'one');
    await doorman.say(ann);
    channel.writeInbound('two');
    expect(seen).toEqual(['one', 'two']);
  });

  it('lets a connection in for what it is', () => {
    const authenticateChannel = ({ channel }: { readonly channel: Channel }): Verdict => ({
      principal: { id: `peer of ${channel.id}` },
    });
    const { channel, app } = setUp({ authenticateChannel });
    expect(app.events).toEqual([`in peer of ${channel.id}`]);
  });

  it('waits for credentials where the connection alone does not identify the peer', async () => {
    const { channel, app, doorman } = setUp({ authenticateChannel: () => undefined });
    channel.writeInbound('AUTH');
    await doorman.say(ann);
    expect(app.events).toEqual(['in ann']);
  });

  it('prefers the reply of the verdict', async () => {
    const { channel, doorman } = setUp({});
    channel.writeInbound('AUTH');
    await doorman.say({ ...ann, reply: 'at your service' });
    expect(channel.readOutbound()).toBe('at your service');
  });
});

describe('AuthHandler, not letting in', () => {
  it('replies, reports why, and ends the connection', async () => {
    const { channel, app, doorman } = setUp({});
    channel.writeInbound('AUTH', 'held');
    await doorman.say({ refused: 'wrong token' });
    expect(channel.readOutbound()).toBe('no: wrong token');
    expect(app.events).toEqual(['failed HR_ERR_REJECTED_AUTH']);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('unauthenticated');
  });

  it('stays with refusalPolicy: stay, and looks again at what it held', async () => {
    const { channel, app, doorman } = setUp({ refusalPolicy: 'stay' });
    channel.writeInbound('AUTH 1', 'AUTH 2');
    await doorman.say({ refused: 'wrong token' });
    expect(doorman.asked.map(({ message }) => message)).toEqual(['AUTH 1', 'AUTH 2']);
    await doorman.say(ann);
    expect(app.events).toEqual(['failed HR_ERR_REJECTED_AUTH', 'in ann']);
  });

  it('ends the connection when the time is over, and aborts the authenticator', async () => {
    const { channel, app, doorman } = setUp({ timeoutMs: 5000 });
    channel.writeInbound('AUTH');
    const { signal } = doorman.asked[0]!.attempt;
    channel.advance(4999);
    expect(signal.aborted).toBe(false);
    channel.advance(1);
    expect(isHeadraceError(signal.reason, 'TIMEOUT_AUTH')).toBe(true);
    expect(String(signal.reason)).toContain('not authenticated within 5000 ms');
    expect(channel.readOutbound()).toBe('too late');
    await doorman.say(ann);
    expect(app.events).toEqual(['failed HR_ERR_TIMEOUT_AUTH']);
    expect(principalOf(channel)).toBeUndefined();
    channel.advance(2000);
    expect(channel.closeInfo?.reason).toBe('timeout');
  });

  it('ignores an answer that comes after the close, and aborts the authenticator', async () => {
    const group = new ChannelGroup('members');
    const { channel, app, doorman } = setUp({ group });
    channel.writeInbound('AUTH');
    const written = channel.write('held');
    channel.run(() => void channel.close());
    expect(doorman.asked[0]!.attempt.signal.aborted).toBe(true);
    expect(isHeadraceError(written.error, 'REJECTED_AUTH')).toBe(true);
    await doorman.say(ann);
    expect(app.events).toEqual([]);
    expect(group.size).toBe(0);
    expect(channel.clock.pendingTimers).toBe(0);
  });

  it('takes an authenticator that fails for a no, and logs why, with a stack only for a mistake in it', async () => {
    const { channel, doorman, logged } = setUp({});
    channel.writeInbound('AUTH');
    const down = new Error('the database is down');
    const mistake = new TypeError('x is not a function');
    await doorman.say(down);
    const other = setUp({});
    other.channel.writeInbound('AUTH');
    await other.doorman.say(mistake);
    expect([down, mistake].map(isOwnFault)).toEqual([false, true]);
    expect(channel.readOutbound()).toBe('no: the authenticator failed: the database is down');
    expect(logged).toEqual([expect.stringMatching(/^warn .*the database is down$/)]);
    expect(channel.isOutputShutdown).toBe(true);
  });

  it('takes an authenticator that throws for a no', () => {
    const { channel, logged } = setUp({
      authenticate: () => {
        throw new Error('bug');
      },
    });
    channel.writeInbound('AUTH');
    expect(channel.isOutputShutdown).toBe(true);
    expect(logged).toHaveLength(1);
  });

  it.each([
    ['a principal that is undefined', { principal: undefined }],
    ['no principal and no refusal', {}],
    ['an undefined refusal', { refused: undefined }],
  ])('lets nobody in for %s, and says so', (_what, verdict) => {
    const { channel, app, logged } = setUp({
      authenticate: () => verdict as Verdict,
    });
    channel.writeInbound('AUTH', 'hello');
    expect(channel.isOutputShutdown).toBe(true);
    expect(app.events).toEqual(['failed HR_ERR_REJECTED_AUTH']);
    expect(logged).toEqual([expect.stringContaining('neither a principal nor a refusal')]);
  });

  it('refuses who has both a refusal and a principal', () => {
    const { channel, app } = setUp({
      authenticate: () => ({ principal: { id: 'ann' }, refused: 'no' }),
    });
    channel.writeInbound('AUTH');
    expect(app.events).toEqual(['failed HR_ERR_REJECTED_AUTH']);
    expect(channel.readOutbound()).toBe('no: no');
  });

  it('never lets a reply that throws become an unhandled rejection', async () => {
    const { channel, doorman } = setUp({
      replies: {
        accepted: () => {
          throw new Error('no reply');
        },
      },
    });
    channel.writeInbound('AUTH');
    await doorman.say(ann);
    expect(() => channel.checkException()).toThrow('no reply');
    expect(channel.isOutputShutdown).toBe(true);
  });

  it.each([
    ['for an authenticator that failed', 'refused'],
    ['at the deadline', 'timedOut'],
  ])('ends the connection, not the process, when a reply throws %s', async (_when, name) => {
    const { channel, doorman } = setUp({
      replies: {
        [name]: () => {
          throw new Error('no reply');
        },
      },
    });
    channel.writeInbound('AUTH');
    if (name === 'refused') await doorman.say(new Error('down'));
    else channel.advance(10_000);
    expect(() => channel.checkException()).toThrow('no reply');
    expect(channel.isOutputShutdown).toBe(true);
  });

  it('drops held messages when it is removed before the sign-in', async () => {
    const { channel, app, auth, doorman } = setUp({});
    channel.writeInbound('AUTH', 'held');
    channel.pipeline.remove(auth);
    await doorman.say(ann);
    expect(app.events).toEqual([]);
  });

  it('gives the deadline as a round figure', () => {
    const failures: string[] = [];
    const hooks = { writeFailed: (_: Channel, error: Error) => void failures.push(error.message) };
    const auth = new AuthHandler({ authenticate: () => ann, timeoutMs: 7041.658243000001 });
    const channel = EmbeddedChannel.with({ hooks }, auth);
    channel.run(() => channel.write('held'));
    channel.advance(8000);
    expect(failures).toEqual(['not authenticated within 7042 ms']);
  });

  it('has no deadline with timeoutMs: false', () => {
    const { channel } = setUp({ timeoutMs: false });
    channel.advance(1e9);
    expect(channel.isOutputShutdown).toBe(false);
  });
});

describe('AuthHandler, one id twice', () => {
  const idOf = (user: User) => user.id;

  async function signIn(options: Partial<Options>) {
    const one = setUp(options);
    one.channel.writeInbound('AUTH');
    await one.doorman.say(ann);
    one.channel.readOutbound();
    return one;
  }

  it('allows both by default', async () => {
    const sessions = new SessionRegistry(idOf);
    const first = await signIn({ sessions });
    const second = await signIn({ sessions });
    expect(sessions.channels('ann')).toEqual([first.channel, second.channel]);
    second.channel.finish();
    expect(sessions.channel('ann')).toBe(first.channel);
    first.channel.finish();
    expect(sessions.has('ann')).toBe(false);
  });

  it('refuses the newer one', async () => {
    const sessions = new SessionRegistry(idOf);
    const options: Partial<Options> = { sessions, duplicatePolicy: 'refuse' };
    const first = await signIn(options);
    const second = setUp(options);
    second.channel.writeInbound('AUTH');
    await second.doorman.say(ann);
    expect(second.channel.readOutbound()).toBe('ann is here already');
    second.channel.endInput();
    expect(second.channel.closeInfo?.reason).toBe('refused');
    expect(sessions.channel('ann')).toBe(first.channel);
  });

  it('has no deadline any more once the peer is in', async () => {
    const { channel } = await signIn({ sessions: new SessionRegistry(idOf) });
    expect(channel.clock.pendingTimers).toBe(0);
    channel.advance(60_000);
    expect(channel.isOutputShutdown).toBe(false);
  });

  it('kicks the older one, even while it signs in to something else', async () => {
    const sessions = new SessionRegistry(idOf);
    const options: Partial<Options> = { sessions, duplicatePolicy: 'kick-older', again: 'move' };
    const first = await signIn(options);
    first.channel.writeInbound('AUTH', 'held');
    await signIn(options);
    expect(first.channel.readOutbound()).toBe('kicked');
    expect(first.doorman.asked[1]!.attempt.signal.aborted).toBe(true);
    await first.doorman.say({ principal: { id: 'bob' } });
    expect([...sessions.ids()]).toEqual(['ann']);
    expect(first.app.events).not.toContain('in bob');
    expect(first.app.events).not.toContain('read held');
  });

  it('lets the one win that was decided last', async () => {
    const sessions = new SessionRegistry(idOf);
    const options: Partial<Options> = { sessions, duplicatePolicy: 'kick-older' };
    const [first, second] = [setUp(options), setUp(options)];
    first.channel.writeInbound('AUTH');
    second.channel.writeInbound('AUTH');
    await second.doorman.say(ann);
    await first.doorman.say(ann);
    expect(sessions.channels('ann')).toEqual([first.channel]);
    expect(second.channel.isOutputShutdown).toBe(true);
  });

  it('moves to a new principal with what it held in between', async () => {
    const sessions = new SessionRegistry(idOf);
    const one = await signIn({ sessions, again: 'move' });
    one.channel.writeInbound('AUTH', 'between');
    expect(one.app.events).toEqual(['in ann']);
    await one.doorman.say({ principal: { id: 'bob' } });
    expect(one.app.events.slice(1)).toEqual(['in bob', 'read between', 'complete']);
    expect([...sessions.ids()]).toEqual(['bob']);
  });

  it('keeps the old principal when the move is refused but stays', async () => {
    const sessions = new SessionRegistry(idOf);
    const one = await signIn({ sessions, again: 'move', refusalPolicy: 'stay' });
    one.channel.writeInbound('AUTH', 'between');
    await one.doorman.say({ refused: 'no' });
    expect(one.app.events.slice(1)).toEqual([
      'failed HR_ERR_REJECTED_AUTH',
      'read between',
      'complete',
    ]);
    expect([...sessions.ids()]).toEqual(['ann']);
  });
});

describe('AuthHandler, options', () => {
  it('refuses options that contradict each other', () => {
    const authenticate = () => ann;
    expect(() => new AuthHandler({ authenticate, duplicatePolicy: 'refuse' })).toThrow(/sessions/);
    expect(() => new AuthHandler({ authenticate, again: 'refuse' })).toThrow(/isCredentials/);
    expect(() => new AuthHandler({ authenticate, timeoutMs: 0 })).toThrow(/timeoutMs is 0/);
    expect(() => new AuthHandler({ authenticate, maxHeld: -1 })).toThrow(/maxHeld is -1/);
  });

  it('refuses options without an authenticator, as JavaScript may give them', () => {
    const options = {} as Options;
    expect(() => new AuthHandler(options)).toThrow(
      'AuthHandler: authenticate is undefined, but must be a function',
    );
  });
});
