import { type Channel, OptionError, type SlowMemberOptions } from '@headrace/core';
import {
  checkKind,
  choice,
  describeOptions,
  fn,
  object,
  SLOW_MEMBER_OPTIONS,
} from '@headrace/core/authoring';
import type { MessageCodec } from '../envelope/body.ts';

/** How a group knows its members. */
export interface PresenceOptions {
  /**
   * What is known of members on other nodes: nothing, how many, or who; the same on all nodes. @default 'count'
   */
  readonly presence?: false | 'count' | 'ids';
  /**
   * The id of a member, up to 128 characters; asked when it is added, with `presence: 'ids'` alone. `undefined` counts it
   * without an id.
   * @default the principal that an AuthHandler set, if it is a text or has an `id`; else the channel's id
   */
  readonly idOf?: (channel: Channel) => string | undefined;
}

/** Options of `Cluster.group`. */
export interface ClusterGroupOptions<Message> extends PresenceOptions, SlowMemberOptions {
  /** How messages look on the bus. @default bytes as they are, texts as UTF-8, everything else as JSON */
  readonly codec?: MessageCodec<Message>;
  /**
   * When this node listens to the other ones: a member that is the first one here may miss what is sent in its first
   * milliseconds, unless it is `always`. @default 'with-members'
   */
  readonly listens?: 'with-members' | 'always';
}

/** What the options of both kinds of group share. */
export const GROUP_KINDS = {
  presence: choice([false, 'count', 'ids'], { default: 'count' }),
  idOf: fn({ purpose: 'gives the id of a member' }),
  codec: object('a codec with encode and decode'),
};
const OPTIONS = describeOptions(
  'group',
  { ...GROUP_KINDS, listens: choice(['with-members', 'always'], { default: 'with-members' }) },
  SLOW_MEMBER_OPTIONS,
);

/** @throws OptionError */
export function checkGroupOptions(options: ClusterGroupOptions<never>): void {
  OPTIONS.resolve(options);
}

/** @throws OptionError */
export function checkGroupName(name: string): void {
  checkKind('name', name, typeof name === 'string' && name !== '', 'a text, the same on all nodes');
}

/** @throws OptionError if a group that is there would have to be another one */
export function checkSameOptions(name: string, has: object, given: object): void {
  for (const [option, value] of Object.entries(given)) {
    const before = (has as Record<string, unknown>)[option];
    if (Object.is(before, value)) continue;
    throw new OptionError(
      'OPTION_CONFLICT',
      `the group ${name} is there with another ${option}: give options once, and its name after that`,
      { option },
    );
  }
}
