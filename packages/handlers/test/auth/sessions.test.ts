import { ChannelGroup, type Context, type Handler, type LogLevel } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { AuthenticatedEvent } from '../../src/auth/auth-event.ts';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import type { AuthAttempt, AuthOptions } from '../../src/auth/auth-options.ts';
import type { OtherSession, Session, Sessions } from '../../src/auth/sessions.ts';

type Options = AuthOptions<string, string, string>;

/** Sessions that live anywhere: the test says who else there is, and kicks when it likes. */
class Everywhere implements Sessions<string> {
  readonly log: string[] = [];
  readonly here = new Set<Session<string>>();
  elsewhere: OtherSession[] = [];
  onAdd: (session: Session<string>) => void = () => {};
  onRemove: (session: Session<string>) => void = () => {};

  othersOf(): readonly OtherSession[] {
    return this.elsewhere;
  }

  add(session: Session<string>): void {
    this.log.push(`add ${session.principal}`);
    this.here.add(session);
    this.onAdd(session);
  }

  remove(session: Session<string>): boolean {
    this.log.push(`remove ${session.principal}`);
    const wasThere = this.here.delete(session);
    this.onRemove(session);
    return wasThere;
  }

  get newest(): Session<string> {
    return [...this.here].at(-1)!;
  }
}

class App implements Handler {
  readonly seen: string[] = [];

  channelRead(_ctx: Context, message: unknown): void {
    this.seen.push(`read ${String(message)}`);
  }

  userEventTriggered(_ctx: Context, event: unknown): void {
    if (event instanceof AuthenticatedEvent) this.seen.push(`in ${String(event.principal)}`);
  }

  exceptionCaught(_ctx: Context, error: Error): void {
    this.seen.push(`caught ${error.message}`);
  }
}

function setUp(options: Partial<Options> = {}, sessions = new Everywhere()) {
  const app = new App();
  const group = new ChannelGroup<string>('members');
  const logged: string[] = [];
  const failed: string[] = [];
  const logger = { log: (level: LogLevel, text: string) => void logged.push(`${level} ${text}`) };
  const hooks = { writeFailed: (_: unknown, error: Error) => void failed.push(error.message) };
  const auth = new AuthHandler({
    authenticate: (text: string) => ({ principal: text.slice(5) }),
    isCredentials: (text) => text.startsWith('AUTH:'),
    sessions,
    group,
    duplicatePolicy: 'kick-older',
    replies: { accepted: (id) => `welcome ${id}`, kicked: (id) => `kicked ${id}` },
    ...options,
  });
  const channel = EmbeddedChannel.with({ logger, hooks }, auth, app);
  const outbound = () => {
    const all: unknown[] = [];
    for (let one = channel.readOutbound(); one !== undefined; one = channel.readOutbound())
      all.push(one);
    return all;
  };
  return { sessions, app, group, logged, failed, auth, channel, outbound };
}

describe('AuthHandler, a kick from outside', () => {
  it('ends a session long after its sign-in', () => {
    const { sessions, app, group, channel, outbound } = setUp();
    channel.writeInbound('AUTH:ann', 'hello');
    channel.run(() => sessions.newest.kick());
    channel.writeInbound('late');
    expect(outbound()).toEqual(['welcome ann', 'kicked ann']);
    expect(app.seen).toEqual(['in ann', 'read hello']);
    expect([group.size, channel.isEnding, sessions.log]).toEqual([
      0,
      true,
      ['add ann', 'remove ann'],
    ]);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('replaced');
    expect(sessions.log).toEqual(['add ann', 'remove ann']);
  });

  it('from within add leaves no trace of the sign-in', () => {
    const { sessions, app, group, failed, channel, outbound } = setUp();
    sessions.onAdd = (session) => session.kick();
    const joined: unknown[] = [];
    group.on('channelJoined', (one) => joined.push(one));
    channel.writeInbound('AUTH:ann', 'hello');
    expect(outbound()).toEqual(['kicked ann']);
    expect([app.seen, joined, failed, sessions.here.size]).toEqual([[], [], [], 0]);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('replaced');
    expect(sessions.log).toEqual(['add ann', 'remove ann']);
  });

  it('from within add has no answer made for a peer that is not in', () => {
    const made: string[] = [];
    const accepted = (id: string): string => {
      made.push(id);
      return id;
    };
    const { sessions, channel } = setUp({ replies: { accepted } });
    sessions.onAdd = (session) => session.kick();
    channel.writeInbound('AUTH:ann');
    expect(made).toEqual([]);
  });

  it('from within add fails the writes that waited for the sign-in', () => {
    const { sessions, failed, channel, outbound } = setUp();
    sessions.onAdd = (session) => session.kick();
    channel.run(() => channel.write('greeting'));
    channel.writeInbound('AUTH:ann');
    expect(outbound()).toEqual(['kicked ann']);
    expect(failed).toEqual(['a newer connection took the place of this one']);
  });

  it('from a listener of the group stops the sign-in there', () => {
    const { sessions, app, group, channel, outbound } = setUp();
    group.on('channelJoined', () => sessions.newest.kick());
    channel.writeInbound('AUTH:ann', 'hello');
    expect(outbound()).toEqual(['welcome ann', 'kicked ann']);
    expect([app.seen, group.size]).toEqual([[], 0]);
  });

  it('from the reply to the sign-in keeps the channel out of the group', () => {
    const sessions = new Everywhere();
    const replies = {
      accepted: () => {
        sessions.newest.kick();
        return 'welcome';
      },
    };
    const { app, group, failed, channel, outbound } = setUp({ replies }, sessions);
    channel.writeInbound('AUTH:ann');
    expect([outbound(), app.seen, group.size, failed]).toEqual([[], [], 0, []]);
  });

  it('twice, also from within the first, is one', () => {
    const { sessions, channel, outbound } = setUp();
    channel.writeInbound('AUTH:ann');
    sessions.onRemove = (session) => session.kick();
    const session = sessions.newest;
    channel.run(() => session.kick());
    channel.run(() => session.kick());
    expect(outbound()).toEqual(['welcome ann', 'kicked ann']);
    expect(sessions.log).toEqual(['add ann', 'remove ann']);
  });

  it('after the close does nothing', () => {
    const { sessions, failed, channel, outbound } = setUp();
    channel.writeInbound('AUTH:ann');
    const session = sessions.newest;
    channel.close('idle');
    session.kick();
    expect([outbound(), failed]).toEqual([['welcome ann'], []]);
    expect(sessions.log).toEqual(['add ann', 'remove ann']);
    expect(channel.closeInfo?.reason).toBe('idle');
  });

  it('while the connection ends says nothing more to the peer', () => {
    const { sessions, failed, channel, outbound } = setUp();
    channel.writeInbound('AUTH:ann');
    channel.run(() => channel.end({ reason: 'shutdown' }));
    channel.run(() => sessions.newest.kick());
    expect([outbound(), failed, sessions.here.size]).toEqual([['welcome ann'], [], 0]);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('shutdown');
  });

  it('for a principal that the channel has moved from leaves the new one alone', () => {
    const { sessions, app, channel } = setUp({ again: 'move' });
    channel.writeInbound('AUTH:ann');
    const old = sessions.newest;
    channel.writeInbound('AUTH:bob');
    channel.run(() => old.kick());
    expect(channel.isEnding).toBe(false);
    channel.writeInbound('hello');
    expect(app.seen).toEqual(['in ann', 'in bob', 'read hello']);
  });

  it('from within the authenticator of a move ends it, and holds no reads', () => {
    const sessions = new Everywhere();
    const authenticate = (text: string) => {
      if (text === 'AUTH:ann') return { principal: 'ann' };
      sessions.newest.kick();
      return Promise.resolve({ principal: 'bob' });
    };
    const { app, channel } = setUp({ again: 'move', authenticate }, sessions);
    channel.writeInbound('AUTH:ann', 'AUTH:bob');
    expect([channel.isEnding, channel.readHolds, sessions.here.size]).toEqual([true, [], 0]);
    expect(app.seen).toEqual(['in ann']);
  });

  it('ends the connection even when the handler was removed', () => {
    const { sessions, auth, group, channel, outbound } = setUp();
    channel.writeInbound('AUTH:ann');
    channel.run(() => channel.pipeline.remove(auth));
    channel.run(() => sessions.newest.kick());
    expect(outbound()).toEqual(['welcome ann', 'kicked ann']);
    expect([channel.isEnding, group.size]).toEqual([true, 0]);
  });

  it('does not throw when its reply does: that is the fault of the kicked connection', () => {
    const replies = {
      kicked: () => {
        throw new Error('no words');
      },
    };
    const { sessions, app, channel } = setUp({ replies });
    channel.writeInbound('AUTH:ann');
    channel.run(() => sessions.newest.kick());
    expect(app.seen).toEqual(['in ann', 'caught no words']);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('replaced');
  });

  it('does not throw when the sessions do, and leaves the group anyway', () => {
    const { sessions, app, group, channel, outbound } = setUp();
    channel.writeInbound('AUTH:ann');
    sessions.onRemove = () => {
      throw new Error('bus is down');
    };
    channel.run(() => sessions.newest.kick());
    expect(app.seen).toEqual(['in ann', 'caught bus is down']);
    expect([group.size, outbound(), channel.isEnding]).toEqual([
      0,
      ['welcome ann', 'kicked ann'],
      true,
    ]);
  });
});

describe('AuthHandler, sessions of any class', () => {
  it('a move ends where the kick of another session kicks or closes this one', () => {
    for (const ending of ['kick', 'close'] as const) {
      const { sessions, app, channel } = setUp({ again: 'move' });
      channel.writeInbound('AUTH:ann');
      const kick = (): void =>
        ending === 'kick' ? sessions.newest.kick() : void channel.close('idle');
      sessions.elsewhere = [{ kick }];
      channel.writeInbound('AUTH:bob', 'hello');
      expect(sessions.log).toEqual(['add ann', 'remove ann']);
      expect([app.seen, channel.isEnding]).toEqual([['in ann'], true]);
    }
  });

  it('a move ends where the removal of the old session closes the channel', () => {
    const { sessions, app, channel } = setUp({ again: 'move' });
    channel.writeInbound('AUTH:ann');
    sessions.onRemove = () => void channel.close('idle');
    channel.writeInbound('AUTH:bob');
    expect([sessions.here.size, app.seen]).toEqual([0, ['in ann']]);
  });

  it('kicks sessions of which only that is known, each once', () => {
    const { sessions, app, channel } = setUp();
    const kicked: number[] = [];
    const other = (n: number): OtherSession => {
      const one = {
        kick: () => {
          kicked.push(n);
          sessions.elsewhere.splice(sessions.elsewhere.indexOf(one), 1);
        },
      };
      return one;
    };
    sessions.elsewhere = [other(1), other(2), other(3)];
    channel.writeInbound('AUTH:ann');
    expect([kicked, app.seen]).toEqual([[1, 2, 3], ['in ann']]);
  });

  it('an accepted sign-in of a channel that has closed meanwhile adds no session', () => {
    const authenticate = (text: string, { channel }: AuthAttempt) => {
      if (text === 'AUTH:bob') channel.close('idle');
      return { principal: text.slice(5) };
    };
    const { sessions, app, channel } = setUp({ again: 'move', authenticate });
    channel.writeInbound('AUTH:ann', 'AUTH:bob');
    expect(sessions.log).toEqual(['add ann', 'remove ann']);
    expect([sessions.here.size, app.seen]).toEqual([0, ['in ann']]);
  });

  it('refuses values that are not groups or sessions', () => {
    const authenticate = (id: string) => ({ principal: id });
    expect(() => new AuthHandler({ authenticate, group: [] as never })).toThrow(
      'group is an array, but must be a group, such as a ChannelGroup',
    );
    expect(() => new AuthHandler({ authenticate, sessions: new Map() as never })).toThrow(
      'sessions is an object, but must be sessions, such as a SessionRegistry',
    );
  });
});
