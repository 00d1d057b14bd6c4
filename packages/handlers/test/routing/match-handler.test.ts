import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { type MatchHandler, match } from '../../src/routing/match-handler.ts';
import { matchTag } from '../../src/routing/match-tag.ts';

class Login {
  readonly user: string;
  constructor(user: string) {
    this.user = user;
  }
}
class Admin extends Login {}
class Logout {
  readonly at: number = 0;
}

describe('match', () => {
  it('gives each message to the first case that takes it, subclasses too', () => {
    const seen: string[] = [];
    const channel = new EmbeddedChannel(
      match<Login | Logout | number>()
        .on(Login, (_ctx, { user }) => void seen.push(`login ${user}`))
        .when(
          (message) => typeof message === 'number',
          (_ctx, count) => void seen.push(`number ${count.toFixed()}`),
        )
        .otherwise((_ctx, message) => void seen.push(`rest ${message.at}`)),
    );
    channel.writeInbound(new Login('ann'), new Admin('bob'), 7, new Logout());
    expect(seen).toEqual(['login ann', 'login bob', 'number 7', 'rest 0']);
  });

  it('passes on what no case takes', () => {
    const channel = new EmbeddedChannel(match<unknown>().on(Login, () => {}));
    channel.writeInbound(new Login('ann'), 'text');
    expect(channel.finish().inbound).toEqual(['text']);
  });

  it('makes the rejection of a case an error of its own', async () => {
    const channel = new EmbeddedChannel(
      match<Login>().on(Login, async () => {
        throw new Error('no such user');
      }),
    );
    channel.writeInbound(new Login('ann'));
    await Promise.resolve();
    await Promise.resolve();
    expect(() => channel.checkException()).toThrow('no such user');
  });

  it('serves many channels and does not change a shared beginning', () => {
    const seen: string[] = [];
    const base = match<Login | Logout>().on(Login, () => void seen.push('login'));
    const whole = base.on(Logout, () => void seen.push('logout'));
    const one = new EmbeddedChannel(base);
    const two = new EmbeddedChannel(whole);
    const three = new EmbeddedChannel(whole);
    for (const channel of [one, two, three]) channel.writeInbound(new Logout());
    expect(seen).toEqual(['logout', 'logout']);
    expect(one.readInbound()).toBeInstanceOf(Logout);
  });

  it('knows at compile time which messages are left', () => {
    const some = match<Login | Logout | string>().on(Login, () => {});
    expectTypeOf(some).toEqualTypeOf<MatchHandler<Login | Logout | string, Logout | string>>();
    expectTypeOf(some.otherwise(() => {})).toEqualTypeOf<
      MatchHandler<Login | Logout | string, never>
    >();
  });
});

describe('matchTag', () => {
  type Message = { type: 'login'; user: string } | { type: 'logout' } | { type: 'move'; x: number };

  it('dispatches by the value of a property, and passes on what has no case', () => {
    const seen: string[] = [];
    const channel = new EmbeddedChannel(
      matchTag<Message>()('type', {
        login: (_ctx, { user }) => void seen.push(user),
        move: (_ctx, { x }) => void seen.push(x.toFixed(1)),
      }),
    );
    channel.writeInbound(
      { type: 'login', user: 'ann' },
      { type: 'move', x: 2 },
      { type: 'logout' },
      { type: 'toString' },
      'text',
    );
    expect(seen).toEqual(['ann', '2.0']);
    expect(channel.finish().inbound).toEqual([{ type: 'logout' }, { type: 'toString' }, 'text']);
  });

  it('knows at compile time which messages are left', () => {
    const handler = matchTag<Message>()('type', { login: () => {}, move: () => {} });
    expectTypeOf(handler).toEqualTypeOf<MatchHandler<Message, { type: 'logout' }>>();
  });
});
