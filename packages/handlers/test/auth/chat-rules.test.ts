import { type Channel, ChannelGroup, type Context, type Handler } from '@headrace/core';
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { AuthenticatedEvent } from '../../src/auth/auth-event.ts';
import { AuthHandler } from '../../src/auth/auth-handler.ts';
import type { AuthVerdict } from '../../src/auth/auth-options.ts';
import { principalOf } from '../../src/auth/principal.ts';
import { SessionRegistry } from '../../src/auth/session-registry.ts';
import { BroadcastHandler } from '../../src/broadcast/broadcast-handler.ts';
import { EchoHandler } from '../../src/echo/echo-handler.ts';
import { HeartbeatHandler } from '../../src/heartbeat/heartbeat-handler.ts';

interface Member {
  readonly id: string;
}

type Verdict = AuthVerdict<Member, string>;

const WELL_FORMED = /^[^\p{Cc}]{1,64}$/u;

/** The rules of the chat's protocol about AUTH, as one authenticator. */
function judge(text: string): Verdict {
  const [, id = '', token] = text.split(':');
  if (id === '') return { refused: 'empty id', reply: 'ERR:EMPTY_CLIENT_ID', stays: true };
  if (!WELL_FORMED.test(id)) return { refused: 'bad id', reply: 'ERR:BAD_CLIENT_ID', stays: true };
  if (token === 'wrong') return { refused: 'bad token' };
  return { principal: { id } };
}

class Announcer implements Handler {
  private readonly members: ChannelGroup;

  constructor(members: ChannelGroup) {
    this.members = members;
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (!(event instanceof AuthenticatedEvent)) return;
    const { id } = (event as AuthenticatedEvent<Member>).principal;
    this.members.writeAndFlush(`JOIN:${id}`, (channel) => channel !== ctx.channel);
  }
}

class Chat {
  readonly clock = new VirtualClock();
  readonly members = new ChannelGroup('members');
  readonly sessions = new SessionRegistry<Member>((member) => member.id);

  constructor() {
    this.members.on('channelLeft', (channel) => {
      this.members.writeAndFlush(`LEAVE:${principalOf<Member>(channel)?.id}`);
    });
  }

  connect(
    authenticate: (text: string) => Verdict | Promise<Verdict> = judge,
    again: 'refuse' | 'move' = 'refuse',
  ): EmbeddedChannel {
    const { clock, members, sessions } = this;
    const text = (message: string, from: Channel) =>
      `MSG:${principalOf<Member>(from)?.id}:${message}`;
    const channel = EmbeddedChannel.with({ clock });
    channel.pipeline.addLast(
      new HeartbeatHandler(),
      new AuthHandler({
        authenticate,
        isCredentials: (message) => message.startsWith('AUTH:'),
        group: members,
        sessions,
        duplicatePolicy: 'kick-older',
        again,
        replies: {
          accepted: () => 'AUTH_OK',
          refused: () => 'ERR:AUTH_FAILED',
          unauthenticated: () => 'ERR:UNAUTH',
          timedOut: () => 'ERR:AUTH_TIMEOUT',
          kicked: () => 'ERR:KICKED',
          again: () => 'ERR:ALREADY_AUTH',
        },
      }),
      new EchoHandler({ reply: (message: string) => `ECHO:${message}` }),
      new BroadcastHandler(members, { format: text }),
      new Announcer(members),
    );
    return channel;
  }
}

function all(channel: EmbeddedChannel): unknown[] {
  const got: unknown[] = [];
  for (let one = channel.readOutbound(); one !== undefined; one = channel.readOutbound()) {
    got.push(one);
  }
  return got;
}

describe('the rows of the chat about AUTH', () => {
  it('AUTH:<id>: AUTH_OK, and the others get JOIN', () => {
    const chat = new Chat();
    const ann = chat.connect();
    expect(chat.members.size).toBe(0);
    ann.writeInbound('AUTH:ann');
    const bob = chat.connect();
    bob.writeInbound('AUTH:bob:token');
    expect(all(ann)).toEqual(['AUTH_OK', 'JOIN:bob']);
    expect(all(bob)).toEqual(['AUTH_OK']);
    expect(chat.members.size).toBe(2);
    bob.finish();
    expect(all(ann)).toEqual(['LEAVE:bob']);
  });

  it('an empty id stays, and may try again', () => {
    const channel = new Chat().connect();
    channel.writeInbound('AUTH:', 'AUTH::token', 'AUTH:ann');
    expect(all(channel)).toEqual(['ERR:EMPTY_CLIENT_ID', 'ERR:EMPTY_CLIENT_ID', 'AUTH_OK']);
  });

  it('a bad id stays', () => {
    const channel = new Chat().connect();
    channel.writeInbound(`AUTH:${'x'.repeat(65)}`, 'AUTH:a\tb', `AUTH:${'x'.repeat(64)}`);
    expect(all(channel)).toEqual(['ERR:BAD_CLIENT_ID', 'ERR:BAD_CLIENT_ID', 'AUTH_OK']);
  });

  it('a refused token is answered, then the connection ends', () => {
    const channel = new Chat().connect();
    channel.writeInbound('AUTH:ann:wrong', 'AUTH:ann');
    expect(all(channel)).toEqual(['ERR:AUTH_FAILED']);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('unauthenticated');
  });

  it('a second AUTH is answered, and the channel stays', () => {
    const channel = new Chat().connect();
    channel.writeInbound('AUTH:ann', 'AUTH:bob', 'hello');
    expect(all(channel)).toEqual(['AUTH_OK', 'ERR:ALREADY_AUTH', 'ECHO:hello']);
    expect(principalOf<Member>(channel)).toEqual({ id: 'ann' });
  });

  it('the older connection of an id is kicked, and nothing it sent is acted on any more', () => {
    const chat = new Chat();
    const [older, newer, witness] = [chat.connect(), chat.connect(), chat.connect()];
    witness.writeInbound('AUTH:eve');
    older.writeInbound('AUTH:ann', 'before');
    all(older);
    all(witness);
    newer.writeInbound('AUTH:ann');
    older.writeInbound('after', 'PING');
    expect(all(older)).toEqual(['ERR:KICKED']);
    expect(all(newer)).toEqual(['AUTH_OK']);
    expect(all(witness)).toEqual(['LEAVE:ann', 'JOIN:ann']);
    expect(chat.sessions.channel('ann')).toBe(newer);
    older.endInput();
    expect(older.closeInfo?.reason).toBe('replaced');
    expect(chat.sessions.channel('ann')).toBe(newer);
    expect(chat.members.size).toBe(2);
  });

  it('a kick in the middle of a burst drops the rest of it', () => {
    const chat = new Chat();
    const [older, newer] = [chat.connect(), chat.connect()];
    older.writeInbound('AUTH:ann');
    all(older);
    older.writeOneInbound('one');
    newer.writeInbound('AUTH:ann');
    older.writeOneInbound('two');
    // Also what some handler before still held.
    older.pipeline.context(HeartbeatHandler)!.fireChannelRead('three');
    expect(all(older)).toEqual(['ECHO:one', 'ERR:KICKED']);
    expect(all(newer)).toEqual(['AUTH_OK']);
  });

  it('PING is answered before and after, and does not move the deadline', () => {
    const chat = new Chat();
    const channel = chat.connect();
    for (let second = 1; second < 10; second++) {
      chat.clock.advance(1000);
      channel.writeInbound('ping');
    }
    expect(all(channel)).toEqual(Array.from({ length: 9 }, () => 'PONG'));
    chat.clock.advance(1000);
    expect(all(channel)).toEqual(['ERR:AUTH_TIMEOUT']);
    chat.clock.advance(2000);
    expect(channel.closeInfo?.reason).toBe('timeout');
    const other = chat.connect();
    other.writeInbound('AUTH:ann', 'PING');
    expect(all(other)).toEqual(['AUTH_OK', 'PONG']);
  });

  it('anything else before the sign-in ends the connection', () => {
    const chat = new Chat();
    const channel = chat.connect();
    channel.writeInbound('hello', 'AUTH:ann');
    expect(all(channel)).toEqual(['ERR:UNAUTH']);
    expect(chat.members.size).toBe(0);
    channel.endInput();
    expect(channel.closeInfo?.reason).toBe('unauthenticated');
  });

  it('what comes with the credentials waits for a slow authenticator, in order', async () => {
    const chat = new Chat();
    const channel = chat.connect(async (text) => judge(text));
    channel.writeInbound('AUTH:ann', 'one', 'AUTH:bob', 'two', 'PING');
    expect(all(channel)).toEqual(['PONG']);
    await null;
    channel.runPendingTasks();
    expect(all(channel)).toEqual(['AUTH_OK', 'ECHO:one', 'ERR:ALREADY_AUTH', 'ECHO:two']);
  });

  it("a second AUTH with another id moves the binding and frees the first (the article's server)", () => {
    const chat = new Chat();
    const channel = chat.connect(judge, 'move');
    channel.writeInbound('AUTH:ann', 'AUTH:bob', 'hello', 'AUTH:', 'AUTH:bob');
    expect(all(channel)).toEqual([
      'AUTH_OK',
      'AUTH_OK',
      'ECHO:hello',
      'ERR:EMPTY_CLIENT_ID',
      'AUTH_OK',
    ]);
    expect([...chat.sessions.ids()]).toEqual(['bob']);
    expect(principalOf<Member>(channel)).toEqual({ id: 'bob' });
    channel.finish();
    expect(chat.sessions.size).toBe(0);
  });
});
