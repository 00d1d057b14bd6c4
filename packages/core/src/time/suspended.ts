/** Minimum delay of a timer, in milliseconds, from which the process counts as having stood still. */
const LATE_MS = 1000;

/**
 * Returns the time for which this process stood still, in milliseconds. This is the delay of a timer that was due at `dueAt`
 * and fires at `now`, or 0 if the timer is at most `lateMs` late. Input that arrives during the delay waits unread, so the
 * delay does not count as silence of a peer.
 *
 * @param lateMs - tolerance, in milliseconds, for timers with a period much shorter or longer than a second
 */
export function suspendedMs(now: number, dueAt: number, lateMs = LATE_MS): number {
  return now - dueAt > lateMs ? now - dueAt : 0;
}
