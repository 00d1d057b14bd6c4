/**
 * A handler that passes on many messages of one read, or kept ones, calls `channel.checkTurn()` once for this many of
 * them: a call costs half as much as a small frame. A power of two.
 */
const MESSAGES_PER_TURN_CHECK = 16;

/**
 * True if `channel.checkTurn()` is due after so many messages in a row. The first check begins the connection's time;
 * one message may cost as much as a broadcast to many, which the second one finds.
 */
export function isTurnCheckDue(count: number): boolean {
  return count % MESSAGES_PER_TURN_CHECK === 0 || count === 1 || count === 4;
}
