/** Maximum characters of an id. A thousand ids must fit into one message in any JSON form. */
export const MAX_ID_LENGTH = 128;
/** Maximum number of groups and ids in one message of changes. */
export const MAX_ENTRIES = 1000;
/**
 * Maximum size of an answer, in characters of ids and groups, and 16 more for each. The JSON of an answer is shorter than 1 MiB.
 */
export const MAX_ANSWER_LENGTH = 65_536;
export const ENTRY_LENGTH = 16;
/** Maximum size of a group or id in a message of changes, and of one character of an answer, as JSON and in bytes. */
const ENTRY_BYTES = 1024;
const LENGTH_BYTES = 16;
/** Maximum number of rows in a message, and of ids in a row. */
const MAX_LIST_LENGTH = MAX_ANSWER_LENGTH / ENTRY_LENGTH;
/** Maximum characters of a group's token. */
const MAX_GROUP_LENGTH = 128;

/** The changes in one group of a node. In an answer, the row contains all members of the group, and no ids that left. */
export interface PresenceRow {
  /** The token of the group's name. */
  readonly group: string;
  /** The number of members after the change. */
  readonly count: number;
  readonly joined: readonly string[];
  readonly left: readonly string[];
}

/** The place where an answer continues: the number of a group on its node, and the number of an id in the group. */
export interface PresenceCursor {
  readonly group: number;
  /** The last id of the group in the answers, or 0. */
  readonly id: number;
}

/** The changes after a number, as far as they fit into one message. */
export interface PresenceAnswer {
  /** All changes up to this number are in these rows and in the rows of the following answers. */
  readonly upTo: number;
  /** The place to ask for next, or undefined if the answer is complete. */
  readonly next: PresenceCursor | undefined;
  /** The rows. A group that is too long for one answer continues in the next answer. */
  readonly rows: readonly PresenceRow[];
}

/** A question from a node that missed changes. */
export interface PresenceQuestion {
  /** The number of the question, which the answer repeats. */
  readonly ask: number;
  /** The number after which the changes are wanted. */
  readonly since: number;
  readonly from: PresenceCursor;
}

/** Returns the maximum number of groups and ids of a message of changes. */
export function entriesIn(maxBodyBytes: number): number {
  return Math.min(MAX_ENTRIES, Math.max(2, Math.floor(maxBodyBytes / ENTRY_BYTES)));
}

/** Returns the maximum size of an answer, as {@link MAX_ANSWER_LENGTH} counts. */
export function lengthIn(maxBodyBytes: number): number {
  return Math.min(MAX_ANSWER_LENGTH, Math.floor(maxBodyBytes / LENGTH_BYTES));
}

/** Converts rows to JSON values without empty lists. */
export function fromRows(rows: readonly PresenceRow[]): unknown[] {
  return rows.map(({ group, count, joined, left }) => {
    if (left.length > 0) return [group, count, joined, left];
    return joined.length > 0 ? [group, count, joined] : [group, count];
  });
}

/** @throws an error for invalid rows */
export function toRows(value: unknown): PresenceRow[] {
  if (!Array.isArray(value) || value.length > MAX_LIST_LENGTH)
    throw new Error('presence without rows');
  return value.map(toRow);
}

/** @throws an error for an invalid question */
export function toPresenceQuestion({
  ask,
  since,
  from,
}: Record<string, unknown>): PresenceQuestion {
  return { ask: toNumber('question', ask), since: toNumber('number', since), from: toCursor(from) };
}

/** @throws an error for an invalid answer */
export function toPresenceAnswer({ upTo, next, rows }: Record<string, unknown>): PresenceAnswer {
  return {
    upTo: toNumber('number', upTo),
    next: next === undefined ? undefined : toCursor(next),
    rows: toRows(rows),
  };
}

/** @throws an error for an invalid number */
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
    throw new Error('presence without a group');
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
