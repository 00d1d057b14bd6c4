/**
 * How many messages of one read, or kept ones, a handler passes on between two calls of `channel.checkTurn()`: a call
 * costs half as much as a small frame. A power of two.
 */
export const MESSAGES_PER_LOOK = 16;

/**
 * True if `channel.checkTurn()` is due after so many messages in a row. The first check begins the connection's time;
 * one message may cost as much as a broadcast to many, which the second one finds.
 */
export function isTimeToLook(count: number): boolean {
  return count % MESSAGES_PER_LOOK === 0 || count === 1 || count === 4;
}
