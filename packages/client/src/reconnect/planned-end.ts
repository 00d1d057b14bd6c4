import type { Loss } from './loss.ts';

/** Time over which the clients of one server spread, if the server has not chosen the moment of each. */
const SPREAD_MS = 300;

/**
 * @internal The delay after a planned end, or `undefined` after any other loss. Everything that treats a planned end differently
 * from a failure asks this function.
 *
 * A server ends its connections as planned when it stops or sends clients elsewhere. Its protocol announces that ({@link Loss}
 * `moved`), or its connections end in order (`peer`) while other places are known. Then the client goes elsewhere at once, no matter
 * how long it waits after failures, and the place is no worse than others afterwards. A handler that closes with the reason `moved`
 * has chosen the moment. Otherwise, all clients of the server may come at the same time, and spread over {@link SPREAD_MS}.
 *
 * @param hasOther - whether another place is known, or can be asked for
 */
export function plannedDelay(
  { kind, during, reason }: Loss,
  hasOther: boolean,
  random: () => number,
): number | undefined {
  if (during !== 'online' || (kind !== 'moved' && (kind !== 'peer' || !hasOther))) return undefined;
  return reason === 'moved' ? 0 : random() * SPREAD_MS;
}
