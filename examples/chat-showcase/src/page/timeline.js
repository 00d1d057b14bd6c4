// Where a message belongs in the log: a new day, a new group, or on with the last one. Pure.

/** A group ends after this much silence. */
export const GROUP_GAP_MS = 5 * 60_000;

/** @typedef {{ sender: string, isOwn: boolean, at: Date }} Placed */

/**
 * @param {Placed | null} previous the message before, null when something else stands between
 * @param {Placed} next
 */
export function continuesGroup(previous, next) {
  if (previous === null) return false;
  if (previous.sender !== next.sender || previous.isOwn !== next.isOwn) return false;
  const gapMs = next.at.getTime() - previous.at.getTime();
  return gapMs < GROUP_GAP_MS && isSameDay(previous.at, next.at);
}

/**
 * @param {Date} a
 * @param {Date} b
 */
export function isSameDay(a, b) {
  return (
    a.getFullYear() === b.getFullYear() &&
    a.getMonth() === b.getMonth() &&
    a.getDate() === b.getDate()
  );
}

/**
 * @param {Date} day
 * @param {Date} now
 */
export function dayLabel(day, now) {
  if (isSameDay(day, now)) return 'Today';
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1);
  if (isSameDay(day, yesterday)) return 'Yesterday';
  return day.toLocaleDateString(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
}
