import { GONE_CODE } from '../protocol/resume-frame.ts';

/**
 * Reason for which a client received `RESUME_GONE`. `unknown`: neither the table nor its log has the channel, because it ended,
 * its client was absent for too long, or it never existed. `ended`: the channel has ended here. `secret`: the secret is wrong.
 * `oldSecret`: the client has shown a later secret. `unreadable`: the records in the log cannot be read. `credit`: the log keeps
 * more than the client's credit. `rolledBack`: the log has lost messages that the client has. `position`: the client has fewer
 * messages than it has acknowledged. `overrun`: the client read too slowly. `refused`: several links in a row refused the same
 * message of the client. `version`: the protocol versions differ. `limit`: too many clients were absent.
 */
export type GoneReason =
  | 'unknown'
  | 'ended'
  | 'secret'
  | 'oldSecret'
  | 'unreadable'
  | 'credit'
  | 'rolledBack'
  | 'position'
  | 'overrun'
  | 'refused'
  | 'version'
  | 'limit';

/** Codes that the client receives. Several reasons share a code, so that strangers learn no details. */
const CODES: Readonly<Record<GoneReason, number>> = {
  unknown: GONE_CODE.unknown,
  ended: GONE_CODE.unknown,
  secret: GONE_CODE.unknown,
  oldSecret: GONE_CODE.unknown,
  unreadable: GONE_CODE.unknown,
  credit: GONE_CODE.unknown,
  rolledBack: GONE_CODE.unknown,
  position: GONE_CODE.overrun,
  overrun: GONE_CODE.overrun,
  refused: GONE_CODE.refused,
  version: GONE_CODE.version,
  limit: GONE_CODE.limit,
};

/** @internal Returns the code that the client receives. */
export function codeOf(reason: GoneReason): number {
  return CODES[reason];
}

/** @internal Returns a counter of 0 for each reason. */
export function noneGone(): Record<GoneReason, number> {
  const reasons = Object.keys(CODES) as GoneReason[];
  return Object.fromEntries(reasons.map((reason) => [reason, 0])) as Record<GoneReason, number>;
}
