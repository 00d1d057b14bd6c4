import { DecodeError } from '@headrace/core';
import { textOf } from '@headrace/core/authoring';

/** A place in the log of a durable group, as its server says it: a `LogPosition` of `@headrace/cluster`. */
export interface GroupPosition {
  /** Changes when the log was lost, or may have lost something. */
  readonly epoch: string;
  /** Grows with each message of the group, not always by 1. */
  readonly offset: number;
}

/** The server's answer to a position: the outcome of `history.join`. */
export interface GroupJoined {
  /** True if the member has everything that came after the position it said. */
  readonly recovered: boolean;
  /** It gets everything after this one. */
  readonly position: GroupPosition;
}

/**
 * What a message is to one who has been there before.
 *
 * - `next`: it is new, and nothing is missing before it
 * - `known`: it came before
 * - `gap`: it is new, and something before it is gone for good: the log is another one, or does not reach back so far
 */
export type GroupNews = 'next' | 'known' | 'gap';

/**
 * The place of a client, or of a page, in a durable group. It is kept over connections: the client says it when it comes
 * back, and so misses nothing and shows nothing twice.
 *
 * It knows no protocol: the application says where in its messages the positions are. One object for each group.
 *
 * A gap is reported with the answer to `begin`, so the answer must come before the messages after it: `answer`, an option of
 * `history.join`, sees to that. If messages come first, and the connection breaks between them and the answer, the next
 * connection begins at the last of them, and a gap before them is not reported.
 *
 * @example
 * ```ts run
 * import { LastPosition } from '@headrace/client';
 *
 * const last = new LastPosition();
 * console.log(last.begin()); // the first connection: goes with the sign-in
 * // prints undefined
 * console.log(last.joined({ recovered: false, position: { epoch: 'e', offset: 41 } }));
 * // prints next
 * console.log(last.take({ epoch: 'e', offset: 42 }), last.take({ epoch: 'e', offset: 42 }));
 * // prints next known
 * console.log(last.begin()); // the next connection
 * // prints { epoch: 'e', offset: 42 }
 * console.log(last.joined({ recovered: false, position: { epoch: 'e', offset: 20_000 } }));
 * // prints gap
 * ```
 */
export class LastPosition {
  private last: GroupPosition | undefined;
  /** At the beginning of this connection. Undefined when nothing that was there before can be missed any more. */
  private said: GroupPosition | undefined = undefined;

  /**
   * @param position - kept from an earlier life of the page, such as in `sessionStorage`; what is not a position counts as none
   */
  constructor(position?: GroupPosition) {
    this.last = isPosition(position) ? position : undefined;
  }

  /** Of the last message that was new; to be kept over a reload. */
  get position(): GroupPosition | undefined {
    return this.last;
  }

  /** A connection begins: gives the position to say with the sign-in. Call it in `ready` of a `ReconnectingClient`. */
  begin(): GroupPosition | undefined {
    this.said = this.last;
    return this.last;
  }

  /**
   * A message came, with its position. Show it, but for a `known` one.
   *
   * @throws DecodeError `MESSAGE_INVALID` if that is not a position
   */
  take(position: GroupPosition): GroupNews {
    const { last } = this;
    const { epoch, offset } = checked(position);
    const isSameLog = last === undefined || last.epoch === epoch;
    if (isSameLog && last !== undefined && offset <= last.offset) return 'known';
    this.last = { epoch, offset };
    if (isSameLog) return 'next';
    this.said = undefined;
    return 'gap';
  }

  /**
   * The answer to {@link begin} came; what was missed may come before it. Gives `gap`, once, if the messages between the
   * position that was said and this one are gone.
   *
   * @throws DecodeError `MESSAGE_INVALID` if its position is not valid
   */
  joined(answer: GroupJoined): Exclude<GroupNews, 'known'> {
    const { last, said } = this;
    const { recovered, position } = answer;
    const { epoch, offset } = checked(position);
    // A position that was said is of no use when the log does not know it; that of a message since then is.
    const isLater = last?.epoch === epoch && last.offset > offset;
    if (!isLater || (!recovered && last === said)) this.last = { epoch, offset };
    if (recovered || said === undefined) return 'next';
    this.said = undefined;
    return 'gap';
  }
}

function checked(value: GroupPosition): GroupPosition {
  if (isPosition(value)) return value;
  throw new DecodeError('MESSAGE_INVALID', `${textOf(value)} is not a position of a group`);
}

function isPosition(value: GroupPosition | undefined): value is GroupPosition {
  return (
    typeof value?.epoch === 'string' && Number.isSafeInteger(value.offset) && value.offset >= 0
  );
}
