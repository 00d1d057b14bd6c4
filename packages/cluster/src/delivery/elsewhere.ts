import { type ChannelMatcher, OptionError } from '@headrace/core';

/** Returns whether a matcher selects members of other nodes. @throws OptionError for a matcher without `elsewhere` */
export function elsewhere(matcher: ChannelMatcher | undefined): 'all' | 'none' {
  if (matcher === undefined) return 'all';
  if (matcher.elsewhere !== undefined) return matcher.elsewhere;
  throw new OptionError(
    'OPTION_INVALID',
    'a matcher of a cluster’s group has to say what it means for members on other nodes: ' +
      "set its property elsewhere to 'all' or 'none'",
    { option: 'matcher' },
  );
}
