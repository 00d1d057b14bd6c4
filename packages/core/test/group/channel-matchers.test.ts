import { describe, expect, it } from 'vitest';
import {
  type Channel,
  ChannelGroup,
  type ChannelMatcher,
  ChannelMatchers,
  isHeadraceError,
} from '../../src/index.ts';
import { EmbeddedChannel } from '../../src/testing/index.ts';

const { all, compose, elsewhere, invert, is, isInstanceOf, isNot, isNotServer, isServer } =
  ChannelMatchers;
const channel = new EmbeddedChannel();
const unknown = isInstanceOf(EmbeddedChannel);

describe('what a matcher means for channels that are not in this process', () => {
  it('is stated by all that do not look into a channel', () => {
    expect([all, isNotServer, isNot(channel)].map((one) => one.elsewhere)).toEqual(
      Array(3).fill('all'),
    );
    expect([isServer, is(channel)].map((one) => one.elsewhere)).toEqual(['none', 'none']);
    expect(unknown.elsewhere).toBeUndefined();
  });

  it('is the opposite where a matcher is inverted', () => {
    expect(invert(is(channel)).elsewhere).toBe('all');
    expect(invert(isNot(channel)).elsewhere).toBe('none');
    expect(invert(unknown).elsewhere).toBeUndefined();
    expect('elsewhere' in invert(unknown)).toBe(false);
  });

  it('is what all matchers of a composition have in common', () => {
    expect(compose(all, isNot(channel)).elsewhere).toBe('all');
    expect(compose(all, unknown, is(channel)).elsewhere).toBe('none');
    expect(compose(all, unknown).elsewhere).toBeUndefined();
    expect(compose().elsewhere).toBe('all');
  });

  it('can be given to a function, which itself stays as it was', () => {
    const plain: ChannelMatcher = (one) => one === channel;
    const told = elsewhere(plain, 'all');
    expect([told.elsewhere, plain.elsewhere]).toEqual(['all', undefined]);
    expect([told(channel), told(new EmbeddedChannel())]).toEqual([true, false]);
    expect(elsewhere(told, 'none').elsewhere).toBe('none');
    expect(told.elsewhere).toBe('all');
  });

  it('is all or none of them', () => {
    expect(() => elsewhere(all, 'some' as never)).toThrow(
      "elsewhere is \"some\", but must be 'all' or 'none'",
    );
    expect(() => elsewhere(channel as never, 'all')).toThrow(
      'a matcher is a function of a channel, but got a channel',
    );
    try {
      elsewhere(all, undefined as never);
      expect.unreachable();
    } catch (error) {
      expect(isHeadraceError(error, 'OPTION_INVALID')).toBe(true);
    }
  });
});

describe('a matcher that can choose some channels only', () => {
  it('is asked about these, where they are members', () => {
    const group = new ChannelGroup('all');
    const members = Array.from({ length: 100 }, () => new EmbeddedChannel());
    for (const member of members) group.add(member);
    const asked: Channel[] = [];
    const only = new Set([members[7]!, channel, members[9]!]);
    const seventh = (one: Channel): boolean => {
      asked.push(one);
      return one === members[7];
    };
    void group.writeAndFlush('to one', Object.assign(seventh, { only }));
    expect(asked).toEqual([members[7], members[9]]);
    void group.writeAndFlush('to another', is(members[8]!));
    void group.writeAndFlush('to no member', is(channel));
    expect(members.map((member) => member.readOutbound()).slice(6, 10)).toEqual([
      undefined,
      'to one',
      'to another',
      undefined,
    ]);
    expect(channel.readOutbound()).toBeUndefined();
  });
});
