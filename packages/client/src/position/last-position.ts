import { DecodeError } from '@headrace/core';
import { textOf } from '@headrace/core/authoring';

/** A position in the log of a durable group, as its server sends it: a `LogPosition` of `@headrace/cluster`. */
export interface GroupPosition {
  /** Names the life of the log; it changes when the log was lost, or may have lost messages. */
  readonly epoch: string;
  /** The number of the message; it grows with each message of the group, not always by 1. */
  readonly offset: number;
}

/** The server's answer to a position: the outcome of `history.join`. */
export interface GroupJoined {
  /** True if the member has every message after the position that it sent. */
  readonly recovered: boolean;
  /** The member gets every message after this position. */
  readonly position: GroupPosition;
}

/**
 * How a message relates to the last position.
 *
 * - `next`: the message is new, and none is missing before it
 * - `known`: the message came before
 * - `gap`: the message is new, and messages before it are lost: the log is another one, or does not reach back so far
 */
export type GroupNews = 'next' | 'known' | 'gap';

/**
 * The place of a client, or of a page, in a durable group. It outlives connections: the client sends it when it reconnects, and
 * so misses no message and shows none twice.
 *
 * It is independent of the protocol: the application reads the positions from its messages. Use one object for each group.
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
   * @param position - a position stored before the page was loaded, such as in `sessionStorage`; any other value counts as none
   */
  constructor(position?: GroupPosition) {
    this.last = isPosition(position) ? position : undefined;
  }

  /** The position of the last new message; store it to survive a reload. */
  get position(): GroupPosition | undefined {
    return this.last;
  }

  /** Begins a connection: returns the position to send with the sign-in. Call it in `ready` of a `ReconnectingClient`. */
  begin(): GroupPosition | undefined {
    this.said = this.last;
    return this.last;
  }

  /**
   * Takes the position of a message that came. Show the message unless the result is `known`.
   *
   * @throws DecodeError `MESSAGE_INVALID` if the value is not a position
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
   * Takes the server's answer to the position of {@link begin}; missed messages may come before it. Returns `gap`, once, if
   * messages between the two positions are lost.
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
