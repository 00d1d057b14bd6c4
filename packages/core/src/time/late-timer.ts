import type { Clock } from '../contract/clock.ts';

/** Delay from which a timer counts as late, in milliseconds. The timers of a process that is not busy are less late. */
const LATE_MS = 5;
/** Maximum time for which a late timer waits for connections that are still busy with their input, in milliseconds. */
const MAX_BUSY_MS = 1000;

/** Whether input can lie unread in the sockets since the time at which a timer was due, because the process stood still. */
export function isLate(lateMs: number): boolean {
  return lateMs > LATE_MS;
}

/**
 * Runs a task after the input that already lies in the sockets was read: after one turn of the event loop, and after the
 * turns of the connections that have more input than fits in one. The task waits for these at most as long as it is late.
 *
 * @param now - time of the clock, in milliseconds
 * @param task - called with the time after which the sockets were read
 */
export function afterReads(
  clock: Pick<Clock, 'now' | 'nextTurn' | 'turns'>,
  now: number,
  lateMs: number,
  task: (readAt: number) => void,
): void {
  const untilMs = now + Math.min(lateMs, MAX_BUSY_MS);
  let wasBusy = false;
  let turnAt = now;
  const look = (): void => {
    const time = clock.now();
    const isBusy = clock.turns.isBusy && time < untilMs;
    // A connection that has worked off its input is read again in the turn after that.
    const isRead = !isBusy && !wasBusy;
    wasBusy = isBusy;
    if (isRead) task(turnAt);
    else {
      turnAt = time;
      clock.nextTurn(look);
    }
  };
  clock.nextTurn(look);
}

/**
 * Runs the task of a timer that fires `lateMs` after its time. Every clock runs its timers with this function, because an event
 * loop that stood still runs its timers before it reads the sockets: without it, a peer whose data arrived in time would be
 * too late. Therefore no task of a timer runs late before the sockets were read.
 *
 * @param now - time of the clock, in milliseconds
 */
export function runTimer(
  clock: Pick<Clock, 'now' | 'nextTurn' | 'turns'>,
  now: number,
  lateMs: number,
  task: () => void,
): void {
  if (isLate(lateMs)) afterReads(clock, now, lateMs, task);
  else task();
}
