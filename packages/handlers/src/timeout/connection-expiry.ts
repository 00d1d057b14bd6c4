import type { Context, Timer } from '@headrace/core';
import {
  describeOptions,
  fn,
  number,
  type Resolved,
  recognizeCopies,
} from '@headrace/core/authoring';
import { endWith } from '../idle/end-with.ts';

/** An event that is fired before a connection ends because of its age or its number of messages. */
export class ConnectionExpiredEvent {
  static {
    recognizeCopies(ConnectionExpiredEvent, 'headrace.ConnectionExpiredEvent');
  }

  /** The limit that is reached. */
  readonly limit: 'age' | 'messages';
  /** Time to finish work in progress, in milliseconds. */
  readonly graceMs: number;

  constructor(limit: 'age' | 'messages', graceMs: number) {
    this.limit = limit;
    this.graceMs = graceMs;
  }
}

/** Options for the end of an expired connection. */
export interface ExpiryOptions<Message> {
  /** Makes the last message to the peer. Without this function, no message is sent. */
  readonly lastWord?: () => Message;
  /** Time between the event and the end, for answers in progress, in milliseconds. @default 0 */
  readonly graceMs?: number;
}

export const EXPIRY_OPTIONS = describeOptions('expiry', {
  lastWord: fn({ answers: 'sync', takes: 0, purpose: 'makes the last message' }),
  graceMs: number({ default: 0 }),
});

/** {@link ExpiryOptions} after the check. */
export type Expiry = Resolved<ExpiryOptions<unknown>, typeof EXPIRY_OPTIONS.kinds>;

/** Notifies the next handlers, waits for the grace time, sends the last message, and ends the channel. */
export function expire(
  ctx: Context,
  limit: 'age' | 'messages',
  { lastWord, graceMs }: Expiry,
): Timer | undefined {
  const end = (): void => endWith(ctx, 'limit', lastWord);
  ctx.fireUserEventTriggered(new ConnectionExpiredEvent(limit, graceMs));
  if (graceMs > 0) return ctx.deadline({ ms: graceMs, whileHeld: 'runs' }, end);
  end();
  return undefined;
}
