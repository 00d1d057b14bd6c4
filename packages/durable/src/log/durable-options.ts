import type { ClusterGroupOptions } from '@headrace/cluster';
import { commonPlan, GROUP_OPTIONS, type GroupPlan } from '@headrace/cluster/authoring';
import { OptionError, type SlowMemberOptions } from '@headrace/core';
import { describeOptions, fn, number, SLOW_MEMBER_OPTIONS, whole } from '@headrace/core/authoring';
import type { LogLimits, LogPosition } from '@headrace/store';

/** Options of {@link durableGroup}. A slow member is closed. Its client connects again with its position. */
export interface DurableGroupOptions<Message = unknown>
  extends Omit<ClusterGroupOptions<Message>, 'listens' | 'lives'> {
  /** Minimum number of messages that the log keeps. A log in memory keeps at most 64 MiB of each group. @default 10000 */
  readonly messages?: number;
  /** Minimum time that the log keeps messages, in milliseconds. @default 3600000 */
  readonly ageMs?: number;
  /**
   * Maximum length of a message in the log, in bytes. A longer write fails with `MESSAGE_TOO_LONG`. Choose it so that every member
   * can read the message as `format` and the member's codec make it: a member whose connection ends at a message comes back with its
   * position, and would get the same message again. @default 64512, which leaves 1 KiB of what a WebSocket reads by default
   */
  readonly maxMessageBytes?: number;
  /** Number of newest messages that each node keeps in memory, up to 4 MiB, for members that come back. @default 256 */
  readonly recent?: number;
  /** Returns the id of a message that is written without an id. For `undefined`, the group makes an id. @default none */
  readonly messageId?: (message: Message) => string | undefined;
  /** Returns the value that members receive for a message of the log. @default the message itself */
  readonly format?: (message: Message, position: LogPosition) => unknown;
}

const OPTIONS = describeOptions(
  'durableGroup',
  {
    messages: whole({ min: 1, default: 10_000 }),
    ageMs: number({ min: 1, default: 3_600_000 }),
    maxMessageBytes: whole({ min: 1, default: 64_512 }),
    recent: whole({ max: 65_536, default: 256 }),
    messageId: fn({ answers: 'sync', purpose: 'gives the id of a message' }),
    format: fn({ answers: 'sync', takes: 2, purpose: 'gives what members get for a message' }),
  },
  GROUP_OPTIONS,
  SLOW_MEMBER_OPTIONS,
);

/** The options, checked. */
export interface DurablePlan<Message>
  extends GroupPlan<Message>,
    Pick<DurableGroupOptions<Message>, 'messageId' | 'format'> {
  readonly limits: LogLimits;
  readonly maxMessageBytes: number;
  readonly recent: number;
}

/** Returns the plan of a durable group, from its options. @throws OptionError */
export function durablePlan<Message>(
  name: string,
  options: DurableGroupOptions<Message>,
): DurablePlan<Message> {
  const { messages, ageMs, ...others } = OPTIONS.resolve(options as DurableGroupOptions<unknown>);
  const { recent } = others;
  if (recent > messages) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `recent (${recent}) exceeds messages (${messages}): a node keeps a part of what the log keeps`,
      { recent, messages },
    );
  }
  checkSlowMembers(name, options);
  const plan = { ...commonPlan<Message>(options), limits: { messages, ageMs }, ...others };
  return plan as DurablePlan<Message>;
}

function checkSlowMembers(name: string, { slowMember = 'close' }: SlowMemberOptions): void {
  if (slowMember === 'close') return;
  throw new OptionError(
    'OPTION_CONFLICT',
    `slowMember: '${slowMember}' leaves messages out, and the group ${name} is durable: ` +
      'a slow member is closed there, and comes back with its position',
    { option: 'slowMember' },
  );
}
