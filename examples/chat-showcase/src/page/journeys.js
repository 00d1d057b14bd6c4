// Which steps of the pipelines belong to one message. Pure.
//
// The server tells the steps in their order. All that one read sets off, such as an echo, happens before the next read, so
// a message begins where bytes are taken at a place that is no further than the last one, or where the room speaks.

/** @typedef {import('../page-line/page-message.ts').Step} Step */

/**
 * The steps of each message.
 *
 * @param {readonly Step[]} steps
 * @param {readonly import('../page-line/page-message.ts').DrawnLane[]} lanes
 * @returns {Step[][]}
 */
export function journeysOf(steps, lanes) {
  /** @type {Step[][]} */
  const journeys = [];
  /** Where the bytes of this read were taken last. */
  let taken = -1;
  for (const step of steps) {
    const isRead = step.lane === 0 && step.deed === 'took' && step.kind === 'bytes';
    const isOfRoom = step.handler === lanes[step.lane]?.handlers.length;
    const isNew = isRead ? step.handler <= taken || taken < 0 : isOfRoom;
    if (isNew || journeys.length === 0) {
      journeys.push([]);
      taken = -1;
    }
    if (isRead) taken = step.handler;
    journeys.at(-1)?.push(step);
  }
  return journeys;
}

/**
 * The page asks for a sign of life every few seconds while the panel is open: nobody wants to follow that.
 *
 * @param {readonly Step[]} journey
 */
export function isHeartbeat(journey) {
  return journey.some(({ kind, what }) => kind === 'text' && /^“P[IO]NG”$/.test(what));
}
