import type { CloseReason } from '@headrace/core';

/**
 * The category of a close reason, for dashboards: `normal` ends need no attention, `network` ends are
 * lost connections, `policy` ends are our limits at work, `fault` ends are bugs, ours or the peer's.
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

/** The category of a close reason; `other` for reasons of an application's own. */
export function closeCategory(reason: CloseReason): CloseCategory {
  return Object.hasOwn(CATEGORIES, reason) ? CATEGORIES[reason]! : 'other';
}
