import {
  type Channel,
  type ChannelMatcher,
  OptionError,
  type SlowMemberOptions,
} from '@headrace/core';
import {
  checkKind,
  choice,
  describeOptions,
  fn,
  object,
  SLOW_MEMBER_OPTIONS,
} from '@headrace/core/authoring';
import type { MessageCodec } from '../envelope/body.ts';

/** Options of `Cluster.group`. */
export interface ClusterGroupOptions<Message = unknown> extends SlowMemberOptions {
  /**
   * What this node knows about members on other nodes: nothing, their number, or their ids. The value must be the same on all
   * nodes.
   * @default 'count'
   */
  readonly presence?: false | 'count' | 'ids';
  /**
   * Returns the id of a member, up to 128 characters. Called when the member is added, only with `presence: 'ids'`. A member with
   * the id `undefined` is only counted.
   * @default the principal that an AuthHandler set, if it is a text or has an `id`; else the channel's id
   */
  readonly idOf?: (channel: Channel) => string | undefined;
  /** Format of messages on the bus and in the log. @default bytes as they are, texts as UTF-8, everything else as JSON */
  readonly codec?: MessageCodec<Message>;
  /**
   * Condition for listening to other nodes: while this node has members, or always. With `with-members`, the first member can
   * miss messages for a few milliseconds.
   * @default 'with-members'
   */
  readonly listens?: 'with-members' | 'always';
  /**
   * Lifetime of the group on this node. With `with-cluster`, the group lives as long as the cluster, and later calls return the
   * same object. With `with-members`, the group lives while it has members on this node, listeners of its events, or messages
   * that wait for a flush. After that, the node has the group only for as long as the application refers to it, and the next call
   * with the same options returns it or makes it again. With other options, the next call makes another group, and the earlier
   * object cannot be used while that one is.
   * @default 'with-cluster'
   */
  readonly lives?: 'with-cluster' | 'with-members';
}

/** Options of one message that is written to a group. */
export interface GroupWriteOptions {
  /** Selects the members that receive the message; in a durable group, members of this node. @default all */
  readonly matcher?: ChannelMatcher | undefined;
  /**
   * Id of the message in a durable group, up to 128 characters. A message with the same id is not stored again within two
   * minutes, on any node. Different writers must use different ids.
   * @default a generated id
   */
  readonly id?: string | undefined;
}

/** The options of every group. */
export const GROUP_OPTIONS = describeOptions('group', {
  presence: choice([false, 'count', 'ids'], { default: 'count' }),
  idOf: fn({ answers: 'sync', purpose: 'gives the id of a member' }),
  codec: object('a codec with encode and decode'),
});
const OPTIONS = describeOptions(
  'group',
  {
    listens: choice(['with-members', 'always'], { default: 'with-members' }),
    lives: choice(['with-cluster', 'with-members'], { default: 'with-cluster' }),
  },
  GROUP_OPTIONS,
  SLOW_MEMBER_OPTIONS,
);

/** The options of every group, checked. */
export interface GroupPlan<Message> {
  readonly presence: false | 'count' | 'ids';
  readonly idOf: ((channel: Channel) => string | undefined) | undefined;
  readonly codec: MessageCodec<Message> | undefined;
  readonly slowMembers: SlowMemberOptions;
  /** The options as the caller passed them. */
  readonly given: object;
}

/** The options of a group over the bus, checked. */
export interface BusGroupPlan<Message> extends GroupPlan<Message> {
  /** Whether the group listens to other nodes even without members on this node. */
  readonly listensAlways: boolean;
  readonly lives: 'with-cluster' | 'with-members';
}

/** @throws OptionError */
export function groupPlan<Message>(options: ClusterGroupOptions<Message>): BusGroupPlan<Message> {
  const { listens, lives } = OPTIONS.resolve(options);
  if (listens === 'always' && lives === 'with-members') {
    const text =
      "a group that listens 'always' lives with the cluster: leave out one of listens and lives";
    throw new OptionError('OPTION_CONFLICT', text, { option: 'lives' });
  }
  return { ...commonPlan<Message>(options), listensAlways: listens === 'always', lives };
}

/** Checks the options that every group has. @throws OptionError */
export function commonPlan<Message>(given: object): GroupPlan<Message> {
  const slowMembers = SLOW_MEMBER_OPTIONS.only(given as SlowMemberOptions);
  return { ...GROUP_OPTIONS.part(given as ClusterGroupOptions<Message>), slowMembers, given };
}

/** Checks the name of a group. @throws OptionError for a value that is not a name */
export function checkGroupName(name: string): void {
  checkKind('name', name, typeof name === 'string' && name !== '', 'a text, the same on all nodes');
}

/** Checks that later options agree with those of the first call. @throws OptionError if an existing group has other options */
export function checkSameOptions(name: string, has: object, given: object): void {
  const option = otherOption(has, given);
  if (option === undefined) return;
  const text = `the group ${name} exists already with another ${option}: give options once, and its name after that`;
  throw new OptionError('OPTION_CONFLICT', text, { option });
}

/** Returns true for options of which neither has one that the other does not have. */
export function areSameOptions(a: object, b: object): boolean {
  return otherOption(a, b) === undefined && otherOption(b, a) === undefined;
}

function otherOption(has: object, given: object): string | undefined {
  const before = has as Record<string, unknown>;
  return Object.entries(given).find(([option, value]) => !Object.is(before[option], value))?.[0];
}
