/**
 * Number of messages between two calls of `channel.checkTurn()` by a handler that passes on many messages. A call costs half as
 * much as a small frame. The number is a power of two.
 */
const MESSAGES_PER_TURN_CHECK = 16;

/**
 * Returns true if `channel.checkTurn()` is due after `count` messages in a row. The first check starts the connection's time.
 * The second check follows soon, because one message can cost as much as a broadcast to many members.
 */
export function isTurnCheckDue(count: number): boolean {
  return count % MESSAGES_PER_TURN_CHECK === 0 || count === 1 || count === 4;
}
