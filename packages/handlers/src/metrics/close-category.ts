import type { CloseReason } from '@headrace/core';

/**
 * The category of a close reason, for dashboards. `normal` ends need no attention, and `network` ends are lost connections.
 * Limits cause `policy` ends. Bugs, ours or the peer's, cause `fault` ends.
 */
export type CloseCategory = 'normal' | 'network' | 'policy' | 'fault' | 'other';

const CATEGORIES: Readonly<Record<string, CloseCategory>> = {
  local: 'normal',
  peer: 'normal',
  shutdown: 'normal',
  replaced: 'normal',
  reset: 'network',
  unreachable: 'network',
  heartbeat: 'network',
  idle: 'policy',
  timeout: 'policy',
  unauthenticated: 'policy',
  'slow-consumer': 'policy',
  refused: 'policy',
  limit: 'policy',
  'bad-input': 'fault',
  error: 'fault',
};

/** Returns the category of a close reason, or `other` for the reasons of an application. */
export function closeCategory(reason: CloseReason): CloseCategory {
  return Object.hasOwn(CATEGORIES, reason) ? CATEGORIES[reason]! : 'other';
}
