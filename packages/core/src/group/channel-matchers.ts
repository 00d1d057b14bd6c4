import { atOnce } from '../call/at-once.ts';
import type { ChannelMatcher } from '../contract/group.ts';
import type { Channel } from '../contract.ts';
import { checkChoice } from '../option/option-check.ts';
import { checkMatcher } from './group-argument.ts';

type Elsewhere = ChannelMatcher['elsewhere'];

/** The usual matchers. "Elsewhere" means the members in other processes. @see Netty's `ChannelMatchers` */
export const ChannelMatchers: {
  /** Matches all members, here and elsewhere. */
  readonly all: ChannelMatcher;
  /** Matches listening channels, but none elsewhere, because a listening channel is of no use to another process. */
  readonly isServer: ChannelMatcher;
  /** Matches channels that do not listen, and all members elsewhere. */
  readonly isNotServer: ChannelMatcher;
  /** Matches one channel, and no members elsewhere. */
  is(channel: Channel): ChannelMatcher;
  /** Matches all channels except one, and all members elsewhere. */
  isNot(channel: Channel): ChannelMatcher;
  /** Matches channels of a class. The choice elsewhere is unknown. */
  // biome-ignore lint/suspicious/noExplicitAny: any constructor
  isInstanceOf(type: abstract new (...args: any[]) => unknown): ChannelMatcher;
  /** Matches the channels that `matcher` does not choose. The choice elsewhere is also inverted, if it is known. */
  invert(matcher: ChannelMatcher): ChannelMatcher;
  /**
   * Matches the channels that all matchers choose. Elsewhere, the choice is `none` if one matcher chooses none, and `all` if
   * every matcher chooses all.
   */
  compose(...matchers: readonly ChannelMatcher[]): ChannelMatcher;
  /** Adds the choice for members in other processes to a function of your own. */
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

/** Sets the choice for members elsewhere on a function created here. A user's function must not change. */
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
