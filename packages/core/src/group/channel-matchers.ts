import { atOnce } from '../call/at-once.ts';
import type { Channel, ChannelMatcher } from '../contract.ts';
import { checkChoice } from '../option/option-check.ts';
import { checkMatcher } from './group-argument.ts';

type Elsewhere = ChannelMatcher['elsewhere'];

/** The usual choices; each states what it means for members elsewhere. @see Netty's `ChannelMatchers` */
export const ChannelMatchers: {
  /** Elsewhere all. */
  readonly all: ChannelMatcher;
  /** Elsewhere none: a listening channel is of no use to another process. */
  readonly isServer: ChannelMatcher;
  /** Elsewhere all. */
  readonly isNotServer: ChannelMatcher;
  /** Elsewhere none. */
  is(channel: Channel): ChannelMatcher;
  /** Elsewhere all. */
  isNot(channel: Channel): ChannelMatcher;
  /** Not known elsewhere. */
  // biome-ignore lint/suspicious/noExplicitAny: any constructor
  isInstanceOf(type: abstract new (...args: any[]) => unknown): ChannelMatcher;
  /** Elsewhere the opposite too, if that of `matcher` is known. */
  invert(matcher: ChannelMatcher): ChannelMatcher;
  /** Only channels that all the matchers choose; elsewhere none if one chooses none, all if each chooses all. */
  compose(...matchers: readonly ChannelMatcher[]): ChannelMatcher;
  /** A function of yours, and what it means for members elsewhere. */
  elsewhere(matcher: ChannelMatcher, chosen: 'all' | 'none'): ChannelMatcher;
} = {
  all: meaning(() => true, 'all'),
  isServer: meaning((channel) => channel.isServer, 'none'),
  isNotServer: meaning((channel) => !channel.isServer, 'all'),
  is: (wanted) =>
    Object.assign(
      meaning((channel) => channel === wanted, 'none'),
      { only: new Set([wanted]) },
    ),
  isNot: (unwanted) => meaning((channel) => channel !== unwanted, 'all'),
  isInstanceOf: (type) => (channel) => channel instanceof type,
  invert: (matcher) =>
    meaning((channel) => !atOnce('matcher', matcher(channel)), opposite(matcher.elsewhere)),
  compose: (...matchers) =>
    meaning(
      (channel) => matchers.every((matcher) => atOnce('matcher', matcher(channel))),
      common(matchers),
    ),
  elsewhere: (matcher, chosen) => {
    checkMatcher(matcher);
    return meaning((channel) => matcher(channel), checkChoice('elsewhere', chosen, CHOICES));
  },
};

const CHOICES = ['all', 'none'] as const;

/** Only for functions made here: one of the user's stays as it is. */
function meaning(matcher: (channel: Channel) => boolean, elsewhere: Elsewhere): ChannelMatcher {
  if (elsewhere !== undefined) (matcher as { elsewhere?: Elsewhere }).elsewhere = elsewhere;
  return matcher;
}

function opposite(elsewhere: Elsewhere): Elsewhere {
  if (elsewhere === undefined) return undefined;
  return elsewhere === 'all' ? 'none' : 'all';
}

function common(matchers: readonly ChannelMatcher[]): Elsewhere {
  if (matchers.some((matcher) => matcher.elsewhere === 'none')) return 'none';
  return matchers.every((matcher) => matcher.elsewhere === 'all') ? 'all' : undefined;
}
