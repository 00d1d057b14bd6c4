/** A timer that fires this much after its time fires in a process that stood still. */
const LATE_MS = 1000;

/**
 * For how long this process stood still, judged by a timer that was due at a time and fires only now; 0 for one that is
 * not later than `lateMs`. Input of that time waits unread: the time does not count as silence of a peer.
 *
 * @param lateMs - for timers whose period is far from a second
 */
export function stoodStillMs(now: number, dueAt: number, lateMs = LATE_MS): number {
  return now - dueAt > lateMs ? now - dueAt : 0;
}
