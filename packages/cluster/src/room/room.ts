import type { ChannelError } from '@headrace/core';
import type { Log } from '../log/log.ts';
import type { Wire } from '../node/wire.ts';

/** What the parts of a durable group share. */
export interface Room {
  readonly wire: Wire;
  readonly log: Log;
  /** Its name in the log. */
  readonly stream: string;
  /** The group's name. */
  readonly group: string;
  /** The `BUS_DOWN` that callers get. */
  downError(why: string): ChannelError;
}
