import { OptionError } from '@headrace/core';
import { describePart, fn, number, whole } from '@headrace/core/authoring';
import type { LogLimits, LogPosition } from '../log/log.ts';

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

const OPTIONS = describePart('durable', {
  messages: whole({ min: 1, default: 10_000 }),
  ageMs: number({ min: 1, default: 3_600_000 }),
  recent: whole({ max: 65_536, default: 256 }),
  messageId: fn({ answers: 'at once', purpose: 'gives the id of a message' }),
  format: fn({ answers: 'at once', takes: 2, purpose: 'gives what members get for a message' }),
});

/** The options, checked. */
export interface DurablePlan<Message>
  extends Pick<DurableOptions<Message>, 'messageId' | 'format'> {
  readonly limits: LogLimits;
  readonly recent: number;
}

/** @throws OptionError */
export function durablePlan<Message>(
  durable: true | DurableOptions<Message>,
): DurablePlan<Message> {
  const given = (durable === true ? {} : durable) as DurableOptions<never>;
  const { messages, ageMs, ...others } = OPTIONS.resolve(given);
  const { recent } = others;
  if (recent > messages) {
    throw new OptionError(
      'OPTION_CONFLICT',
      `durable.recent (${recent}) exceeds durable.messages (${messages}): a node keeps a part of what the log keeps`,
      { recent, messages },
    );
  }
  return { limits: { messages, ageMs }, ...others } as DurablePlan<Message>;
}
