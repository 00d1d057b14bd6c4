import type { Channel } from '../contract.ts';

/** Chooses members of a group. */
export type ChannelMatcher = (channel: Channel) => boolean;

/** The usual choices. @see Netty's `ChannelMatchers` */
export const ChannelMatchers: {
  readonly all: ChannelMatcher;
  readonly isServer: ChannelMatcher;
  readonly isNotServer: ChannelMatcher;
  is(channel: Channel): ChannelMatcher;
  isNot(channel: Channel): ChannelMatcher;
  // biome-ignore lint/suspicious/noExplicitAny: any constructor
  isInstanceOf(type: abstract new (...args: any[]) => unknown): ChannelMatcher;
  invert(matcher: ChannelMatcher): ChannelMatcher;
  /** Only channels that all the matchers choose. */
  compose(...matchers: readonly ChannelMatcher[]): ChannelMatcher;
} = {
  all: () => true,
  isServer: (channel) => channel.isServer,
  isNotServer: (channel) => !channel.isServer,
  is: (wanted) => (channel) => channel === wanted,
  isNot: (unwanted) => (channel) => channel !== unwanted,
  isInstanceOf: (type) => (channel) => channel instanceof type,
  invert: (matcher) => (channel) => !matcher(channel),
  compose:
    (...matchers) =>
    (channel) =>
      matchers.every((matcher) => matcher(channel)),
};
