/** Characters; a thousand ids must fit into one message, however JSON writes them. */
export const MAX_ID_LENGTH = 128;
/** Groups and ids in one message, together. */
export const MAX_ENTRIES = 1000;
/** The token of a group is no longer. */
const MAX_GROUP_LENGTH = 128;

/** What changed in one group of a node; in an answer all of it, with nobody who left. */
export interface PresenceRow {
  /** The token of its name. */
  readonly group: string;
  /** Members after it. */
  readonly count: number;
  readonly joined: readonly string[];
  readonly left: readonly string[];
}

/** One page of an answer: the groups that changed after a number. */
export interface PresencePage {
  /** Of the question. */
  readonly ask: number;
  readonly page: number;
  readonly pages: number;
  /** All changes up to this number are in the pages. */
  readonly upTo: number;
  /** Nothing had changed after it. */
  readonly isAll: boolean;
  readonly rows: readonly PresenceRow[];
}

/** The rows in as many messages as it takes; a row that is too long is cut, and each part has its count. */
export function* packed(rows: Iterable<PresenceRow>): IterableIterator<PresenceRow[]> {
  let batch: PresenceRow[] = [];
  let room = MAX_ENTRIES;
  for (const { group, count, joined, left } of rows) {
    let at = 0;
    do {
      if (room <= 1) {
        yield batch;
        batch = [];
        room = MAX_ENTRIES;
      }
      const end = at + room - 1;
      const part = {
        group,
        count,
        joined: joined.slice(at, end),
        left: left.slice(Math.max(0, at - joined.length), Math.max(0, end - joined.length)),
      };
      batch.push(part);
      room -= 1 + part.joined.length + part.left.length;
      at = end;
    } while (at < joined.length + left.length);
  }
  if (batch.length > 0) yield batch;
}

/** Rows as JSON says them: nothing of what is empty. */
export function fromRows(rows: readonly PresenceRow[]): unknown[] {
  return rows.map(({ group, count, joined, left }) => {
    if (left.length > 0) return [group, count, joined, left];
    return joined.length > 0 ? [group, count, joined] : [group, count];
  });
}

/** @throws what is wrong with them */
export function toRows(value: unknown): PresenceRow[] {
  if (!Array.isArray(value) || value.length > MAX_ENTRIES) throw new Error('presence without rows');
  return value.map(toRow);
}

/** @throws what is wrong with it */
export function toPresencePage(note: Record<string, unknown>): PresencePage {
  const { ask, page, pages, upTo, isAll, rows } = note;
  return {
    ask: toNumber('question', ask),
    page: toNumber('page', page),
    pages: toNumber('pages', pages),
    upTo: toNumber('number', upTo),
    isAll: isAll === true,
    rows: toRows(rows),
  };
}

/** @throws what is wrong with it */
export function toNumber(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new Error(`presence with the ${name} ${String(value)}`);
}

function toRow(value: unknown): PresenceRow {
  if (!Array.isArray(value)) throw new Error('a row of presence is a list');
  const [group, count, joined = [], left = []] = value as unknown[];
  if (typeof group !== 'string' || group.length > MAX_GROUP_LENGTH) {
    throw new Error('presence of no group');
  }
  return { group, count: toNumber('count', count), joined: toIds(joined), left: toIds(left) };
}

function toIds(value: unknown): string[] {
  const isIds =
    Array.isArray(value) &&
    value.length <= MAX_ENTRIES &&
    value.every((id) => typeof id === 'string' && id.length <= MAX_ID_LENGTH);
  if (!isIds) throw new Error('presence without a list of ids');
  return value as string[];
}
