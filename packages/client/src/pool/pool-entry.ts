import type { Channel } from '@headrace/core';
import { isPeerLeaving } from '@headrace/core/authoring';

/** Reason for which a pool closed a connection, or found it closed. */
export type PoolCloseReason =
  /** The connection had closed, or begun to close. */
  | 'lost'
  /** The health check failed. */
  | 'sick'
  /** The connection was idle too long. */
  | 'idle'
  /** The connection was too old, or used too often. */
  | 'worn'
  /** The pool had more connections than `max`. */
  | 'excess'
  /** The user discarded the connection. */
  | 'discarded'
  /** The pool was closed. */
  | 'pool';

/** One connection of a pool. */
export class PoolEntry<C extends Channel> {
  readonly channel: C;
  readonly createdAt: number;
  uses = 0;
  idleSince = 0;
  /** Whether the close was counted. Later reports of the channel do not count. */
  isGone = false;

  constructor(channel: C, createdAt: number) {
    this.channel = channel;
    this.createdAt = createdAt;
  }

  get isUsable(): boolean {
    return this.channel.isActive && !this.channel.isEnding && !isPeerLeaving(this.channel);
  }
}
