import { AttributeKey } from '@headrace/core';

/** How a member is connected. Every WebSocket counts as the page. */
export type Way = 'page' | 'frames' | 'lines';

/** Set as soon as the first bytes have shown it. */
export const WAY: AttributeKey<Way> = new AttributeKey('chat.way');
