/**
 * How many messages of one read, or kept ones, a handler passes on between two calls of `channel.checkTurn()`: a call
 * costs half as much as a small frame. A power of two.
 */
export const MESSAGES_PER_LOOK = 16;
