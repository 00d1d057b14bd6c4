import type { Channel } from '@headrace/core';
import { principalOf } from '@headrace/handlers';

/** Somebody who is signed in. */
export interface Member {
  readonly id: string;
}

/** The id behind a connection that is signed in. */
export function idOf(channel: Channel): string {
  return principalOf<Member>(channel)?.id ?? '';
}
