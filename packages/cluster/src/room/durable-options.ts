import { type ChannelMatcher, OptionError, type SlowMemberOptions } from '@headrace/core';
import {
  custom,
  describeOptions,
  describePart,
  fn,
  number,
  SLOW_MEMBER_OPTIONS,
  whole,
} from '@headrace/core/authoring';
import type { Bus } from '../bus/bus.ts';
import type { MessageCodec } from '../envelope/body.ts';
import { GROUP_KINDS, type PresenceOptions } from '../group/group-options.ts';
import type { Log, LogLimits, LogPosition } from '../log/log.ts';

/** What a durable group keeps, and how its members see it. */
export interface DurableOptions<Message = unknown> {
  /** So many messages are kept in the log, at least; in memory 64 MiB of each group at most. @default 10000 */
  readonly messages?: number;
  /** Messages are kept for so long, at least, in milliseconds. @default 3600000 */
  readonly ageMs?: number;
  /** The newest messages that each node keeps in its memory, up to 4 MiB, for members that come back. @default 256 */
  readonly recent?: number;
  /** The id of a message that is written without one; `undefined` has one made up. @default none */
  readonly messageId?: (message: Message) => string | undefined;
  /** What is written to the members for a message of the log. @default the message itself */
  readonly format?: (message: Message, position: LogPosition) => unknown;
}

/** Options of a durable group: `cluster.group(name, { durable: true })`. */
export interface DurableGroupOptions<Message> extends PresenceOptions, SlowMemberOptions {
  /** Its messages go through the log of the bus; `true` takes what is there, or the defaults. */
  readonly durable: true | DurableOptions<Message>;
  /** How messages look in the log. @default bytes as they are, texts as UTF-8, everything else as JSON */
  readonly codec?: MessageCodec<Message>;
}

/** What is said of one message that is written to a durable group. */
export interface DurableWriteOptions {
  /**
   * The message's id, up to 128 characters, the same when it is written again: within two minutes it is not stored
   * twice, on whichever node. Ids of different writers must differ. @default one that is made up
   */
  readonly id?: string | undefined;
  /** The members of this node that get it. @default all */
  readonly matcher?: ChannelMatcher | undefined;
}

const DURABLE_OPTIONS = describePart('durable', {
  messages: whole({ min: 1, default: 10_000 }),
  ageMs: number({ min: 1, default: 3_600_000 }),
  recent: whole({ max: 65_536, default: 256 }),
  messageId: fn({ purpose: 'gives the id of a message' }),
  format: fn({ purpose: 'gives what members get for a message' }),
});
const OPTIONS = describeOptions(
  'group',
  {
    ...GROUP_KINDS,
    durable: custom(
      'true, or an object with messages, ageMs, recent, messageId, format',
      (_name, given: true | object) =>
        DURABLE_OPTIONS.resolve((given === true ? {} : given) as DurableOptions<never>),
      { required: true },
    ),
  },
  SLOW_MEMBER_OPTIONS,
);

/** The options, checked. */
export interface DurablePlan<Message> {
  readonly limits: LogLimits;
  readonly recent: number;
  readonly codec: MessageCodec<Message> | undefined;
  readonly messageId: DurableOptions<Message>['messageId'] | undefined;
  readonly format: DurableOptions<Message>['format'] | undefined;
}

/** @throws OptionError */
export function durablePlan<Message>(
  name: string,
  options: DurableGroupOptions<Message>,
): DurablePlan<Message> {
  const { durable } = OPTIONS.resolve(options);
  const { messages, ageMs, recent } = durable;
  if (recent > messages) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `durable.recent (${recent}) exceeds durable.messages (${messages}): a node keeps a part of what the log keeps`,
      { recent, messages },
    );
  }
  const { slowMember = 'close', codec } = options;
  if (slowMember !== 'close') {
    throw new OptionError(
      'OPTION_CONFLICT',
      `slowMember: '${slowMember}' leaves messages out, and the group ${name} is durable: ` +
        'a slow member is closed there, and comes back with its position',
      { option: 'slowMember' },
    );
  }
  const { messageId, format } = durable as DurableOptions<Message>;
  return { limits: { messages, ageMs }, recent, codec, messageId, format };
}

/** @throws OptionError for a bus without one */
export function logOf(bus: Bus, name: string): Log {
  if (bus.log !== undefined) return bus.log;
  throw new OptionError(
    'OPTION_CONFLICT',
    `the group ${name} cannot be durable: the bus ${bus.name} has no log; ` +
      'memoryBus(), processBus(), natsBus() and redisBus() have one',
    { option: 'durable', bus: bus.name },
  );
}
