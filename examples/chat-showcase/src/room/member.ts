import { AttributeKey, type Channel } from '@headrace/core';
import { principalOf } from '@headrace/handlers';

/** Somebody who is signed in. */
export interface Member {
  readonly id: string;
}

/** How somebody came in. Every WebSocket counts as the page. */
export type Way = 'page' | 'frames' | 'lines';

/** Set as soon as the first bytes have shown it. */
export const WAY: AttributeKey<Way> = new AttributeKey('chat.way');

/** The id of whoever is signed in on this connection. */
export function idOf(channel: Channel): string {
  return principalOf<Member>(channel)?.id ?? '';
}
