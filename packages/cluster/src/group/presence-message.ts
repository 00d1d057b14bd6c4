import type { PresenceDelta, PresencePage } from './presence-machine.ts';

/** Characters; a thousand ids must fit into one message, however JSON writes them. */
export const MAX_ID_LENGTH = 128;

/** @throws what is wrong with it */
export function toPresenceDelta(value: unknown): PresenceDelta {
  const { version, from, count, joined, left } = objectOf(value);
  return {
    version: toCount('version', version),
    from: toCount('from', from),
    count: toCount('count', count),
    joined: toIds(joined),
    left: toIds(left),
  };
}

/** @throws what is wrong with it */
export function toPresencePage(value: unknown): PresencePage {
  const { version, count, page, pages, ids } = objectOf(value);
  return {
    version: toCount('version', version),
    count: toCount('count', count),
    page: toCount('page', page),
    pages: toCount('pages', pages),
    ids: toIds(ids),
  };
}

function objectOf(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error('presence is an object');
  return value as Record<string, unknown>;
}

function toCount(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new Error(`presence with the ${name} ${String(value)}`);
}

function toIds(value: unknown): string[] {
  const isIds =
    Array.isArray(value) &&
    value.length <= 1000 &&
    value.every((id) => typeof id === 'string' && id.length <= MAX_ID_LENGTH);
  if (!isIds) throw new Error('presence without a list of ids');
  return value as string[];
}
