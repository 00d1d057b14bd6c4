import { DecodeError } from '@headrace/core';
import { textOf } from '@headrace/core/authoring';

/** A position in the log of a durable group, as sent by the server. */
export interface GroupPosition {
  /** Id of the log, without `:` and white space. It changes when the log was lost or may have lost messages. */
  readonly epoch: string;
  /** Number of the message, which grows with each message of the group, not always by 1. */
  readonly offset: number;
}

/** The server's answer to a position: the result of `history.join`. */
export interface GroupJoined {
  /** True if the member receives every message after the position that it sent. */
  readonly recovered: boolean;
  /** Position after which the member receives every message. */
  readonly position: GroupPosition;
}

/**
 * The relation of a message to the last position.
 *
 * - `next`: the message is new, and no message before it is missing
 * - `known`: the message arrived before
 * - `gap`: the message is new, and messages before it are lost, because the log is another log or does not contain them
 */
export type GroupNews = 'next' | 'known' | 'gap';

/**
 * The position of a client or a page in a durable group. The client sends its position when it reconnects, so that it misses no
 * message and shows no message twice.
 *
 * The class works with any protocol, because the application reads the positions from its messages. Use one object for each
 * group.
 *
 * The answer to `begin` reports a gap, so the answer must arrive before later messages. The option `answer` of `history.join`
 * ensures this order. If messages arrive first, and the connection breaks before the answer, the next connection begins at the
 * last of these messages. A gap before these messages is then not reported.
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
  /** The last position at the beginning of this connection. Undefined when no earlier message can be missed any more. */
  private said: GroupPosition | undefined = undefined;

  /** @param position - position that an earlier page stored, for example in `sessionStorage`; any other value counts as none */
  constructor(position?: GroupPosition) {
    this.last = isPosition(position) ? position : undefined;
  }

  /** Position of the last new message. Store this value to survive a reload. */
  get position(): GroupPosition | undefined {
    return this.last;
  }

  /** Begins a connection. Returns the position to send with the sign-in. Call `begin` in `ready` of a `ReconnectingClient`. */
  begin(): GroupPosition | undefined {
    this.said = this.last;
    return this.last;
  }

  /**
   * Records the position of a received message. Show the message unless the result is `known`.
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
   * Records the server's answer to the position of {@link begin}. Missed messages can arrive before the answer. Returns `gap`
   * once if messages between the two positions are lost.
   *
   * @throws DecodeError `MESSAGE_INVALID` if its position is not valid
   */
  joined(answer: GroupJoined): Exclude<GroupNews, 'known'> {
    const { last, said } = this;
    const { recovered, position } = answer;
    const { epoch, offset } = checked(position);
    // If the log does not know the position of `begin`, the answer's position replaces it, but not
    // a later message's position.
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
