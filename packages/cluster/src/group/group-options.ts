import {
  type Channel,
  type ChannelMatcher,
  OptionError,
  type SlowMemberOptions,
} from '@headrace/core';
import {
  checkKind,
  choice,
  custom,
  describeOptions,
  fn,
  object,
  SLOW_MEMBER_OPTIONS,
} from '@headrace/core/authoring';
import type { MessageCodec } from '../envelope/body.ts';
import { type DurableOptions, type DurablePlan, durablePlan } from '../room/durable-options.ts';

/** Options of `Cluster.group`. */
export interface ClusterGroupOptions<Message> extends SlowMemberOptions {
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
  /** How messages look on the bus and in the log. @default bytes as they are, texts as UTF-8, everything else as JSON */
  readonly codec?: MessageCodec<Message>;
  /**
   * When this node listens to the other ones: a member that is the first one here may miss what is sent in its first
   * milliseconds, unless it is `always`. Not for durable groups, which miss nothing. @default 'with-members'
   */
  readonly listens?: 'with-members' | 'always';
  /**
   * Its messages go through the log of the bus, which keeps them; `true` takes what is there, or the defaults.
   * @default none: nothing is kept
   */
  readonly durable?: true | DurableOptions<Message>;
}

/** Options of a durable group: `cluster.group(name, { durable: true })`. */
export interface DurableGroupOptions<Message> extends ClusterGroupOptions<Message> {
  readonly durable: true | DurableOptions<Message>;
}

/** What is said of one message that is written to a group. */
export interface GroupWriteOptions {
  /** The members that get it: of this node in a durable group. @default all */
  readonly matcher?: ChannelMatcher | undefined;
  /**
   * In a durable group: the message's id, up to 128 characters, the same when it is written again: within two minutes
   * it is not stored twice, on whichever node. Ids of different writers must differ. @default one that is made up
   */
  readonly id?: string | undefined;
}

const OPTIONS = describeOptions(
  'group',
  {
    presence: choice([false, 'count', 'ids'], { default: 'count' }),
    idOf: fn({ answers: 'at once', purpose: 'gives the id of a member' }),
    codec: object('a codec with encode and decode'),
    listens: choice(['with-members', 'always'], { default: 'with-members' }),
    durable: custom(
      'true, or an object with messages, ageMs, recent, messageId, format',
      (_name, given: true | object) => durablePlan(given),
    ),
  },
  SLOW_MEMBER_OPTIONS,
);

/** The options, checked. */
export interface GroupPlan<Message>
  extends Pick<ClusterGroupOptions<Message>, 'presence' | 'idOf'> {
  readonly codec: MessageCodec<Message> | undefined;
  readonly listensAlways: boolean;
  readonly durable: DurablePlan<Message> | undefined;
}

/** @throws OptionError */
export function groupPlan<Message>(
  name: string,
  options: ClusterGroupOptions<Message>,
): GroupPlan<Message> {
  const { listens, ...plan } = OPTIONS.resolve(options as ClusterGroupOptions<unknown>);
  if (plan.durable !== undefined) checkDurable(name, options as ClusterGroupOptions<unknown>);
  return { ...plan, listensAlways: listens === 'always' } as GroupPlan<Message>;
}

function checkDurable(
  name: string,
  { slowMember = 'close', listens }: ClusterGroupOptions<unknown>,
): void {
  if (slowMember !== 'close') {
    throw new OptionError(
      'OPTION_CONFLICT',
      `slowMember: '${slowMember}' leaves messages out, and the group ${name} is durable: ` +
        'a slow member is closed there, and comes back with its position',
      { option: 'slowMember' },
    );
  }
  if (listens !== undefined) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `the group ${name} is durable: its members miss nothing, leave listens out`,
      { option: 'listens' },
    );
  }
}

/** @throws OptionError */
export function checkGroupName(name: string): void {
  checkKind('name', name, typeof name === 'string' && name !== '', 'a text, the same on all nodes');
}

/** @throws OptionError if a group that is there would have to be another one */
export function checkSameOptions<Message>(
  name: string,
  has: ClusterGroupOptions<Message>,
  given: ClusterGroupOptions<Message>,
): void {
  const { durable, ...others } = given;
  checkSame(name, has, others);
  if (durable === undefined) return;
  if (has.durable === undefined) throw conflict(`the group ${name} is there, and is not durable`);
  const kept = has.durable === true ? {} : has.durable;
  if (durable !== true) checkSame(`${name} (durable)`, kept, durable);
}

function checkSame(name: string, has: object, given: object): void {
  for (const [option, value] of Object.entries(given)) {
    const before = (has as Record<string, unknown>)[option];
    if (Object.is(before, value)) continue;
    const text = `the group ${name} is there with another ${option}: give options once, and its name after that`;
    throw conflict(text, option);
  }
}

function conflict(text: string, option = 'durable'): OptionError {
  return new OptionError('OPTION_CONFLICT', text, { option });
}
