/** Characters; a thousand ids must fit into one message, however JSON writes them. */
export const MAX_ID_LENGTH = 128;
/** Groups and ids in one message of changes, together. */
export const MAX_ENTRIES = 1000;
/** Characters of the ids and groups in one answer, and 16 more for each: JSON makes less than 1 MiB of them. */
export const MAX_ANSWER_LENGTH = 65_536;
export const ENTRY_LENGTH = 16;
/** Rows of a message, and ids of a row. */
const MAX_LIST_LENGTH = MAX_ANSWER_LENGTH / ENTRY_LENGTH;
/** The token of a group is no longer. */
const MAX_GROUP_LENGTH = 128;

/** The changes in one group of a node; in an answer all its members, and none that left. */
export interface PresenceRow {
  /** The token of its name. */
  readonly group: string;
  /** Members after it. */
  readonly count: number;
  readonly joined: readonly string[];
  readonly left: readonly string[];
}

/** The end of an answer: the number of a group on its node, and the number of an id in the group. */
export interface PresenceCursor {
  readonly group: number;
  /** The last group in the answers; 0 for none. */
  readonly id: number;
}

/** The changes after a number, as many as one message takes. */
export interface PresenceAnswer {
  /** All changes up to this number are in the rows, and in those of the answers that follow. */
  readonly upTo: number;
  /** Where the rest begins, which is to be asked for; undefined if that was all. */
  readonly next: PresenceCursor | undefined;
  /** A group that is too long for one answer goes on in the next one. */
  readonly rows: readonly PresenceRow[];
}

/** Of a node that missed something. */
export interface PresenceQuestion {
  /** Its answer has it too. */
  readonly ask: number;
  /** The number after which something changed. */
  readonly since: number;
  readonly from: PresenceCursor;
}

/** Rows as they go into JSON, without lists that are empty. */
export function fromRows(rows: readonly PresenceRow[]): unknown[] {
  return rows.map(({ group, count, joined, left }) => {
    if (left.length > 0) return [group, count, joined, left];
    return joined.length > 0 ? [group, count, joined] : [group, count];
  });
}

/** @throws what is wrong with them */
export function toRows(value: unknown): PresenceRow[] {
  if (!Array.isArray(value) || value.length > MAX_LIST_LENGTH)
    throw new Error('presence without rows');
  return value.map(toRow);
}

/** @throws what is wrong with it */
export function toPresenceQuestion({
  ask,
  since,
  from,
}: Record<string, unknown>): PresenceQuestion {
  return { ask: toNumber('question', ask), since: toNumber('number', since), from: toCursor(from) };
}

/** @throws what is wrong with it */
export function toPresenceAnswer({ upTo, next, rows }: Record<string, unknown>): PresenceAnswer {
  return {
    upTo: toNumber('number', upTo),
    next: next === undefined ? undefined : toCursor(next),
    rows: toRows(rows),
  };
}

/** @throws what is wrong with it */
function toNumber(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new Error(`presence with the ${name} ${String(value)}`);
}

function toCursor(value: unknown): PresenceCursor {
  const { group, id } = (value ?? {}) as Record<string, unknown>;
  return { group: toNumber('cursor', group), id: toNumber('cursor', id) };
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
    value.length <= MAX_LIST_LENGTH &&
    value.every((id) => typeof id === 'string' && id.length <= MAX_ID_LENGTH);
  if (!isIds) throw new Error('presence without a list of ids');
  return value as string[];
}
