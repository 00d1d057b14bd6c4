import { GONE_CODE } from '../protocol/resume-frame.ts';

/**
 * Why a client was told `RESUME_GONE`: `unknown` (neither the table nor its log has such a channel: it ended, its client was
 * absent for too long, or it never was), `ended` (it has ended here), `secret` (a wrong one), `oldSecret` (the client has shown a later
 * one), `unreadable` (the records in the log cannot be read), `credit` (more is kept in the log than the credit of the client),
 * `position` (the client has less than it has acknowledged), `overrun` (it took too little), `version` (of the protocol), `limit` (too
 * many clients were absent).
 */
export type GoneReason =
  | 'unknown'
  | 'ended'
  | 'secret'
  | 'oldSecret'
  | 'unreadable'
  | 'credit'
  | 'position'
  | 'overrun'
  | 'version'
  | 'limit';

/** Each has the code that its client is told; strangers learn no more. */
const CODES: Readonly<Record<GoneReason, number>> = {
  unknown: GONE_CODE.unknown,
  ended: GONE_CODE.unknown,
  secret: GONE_CODE.unknown,
  oldSecret: GONE_CODE.unknown,
  unreadable: GONE_CODE.unknown,
  credit: GONE_CODE.unknown,
  position: GONE_CODE.overrun,
  overrun: GONE_CODE.overrun,
  version: GONE_CODE.version,
  limit: GONE_CODE.limit,
};

/** @internal What the client is told. */
export function codeOf(reason: GoneReason): number {
  return CODES[reason];
}

/** @internal A count for each reason. */
export function noneGone(): Record<GoneReason, number> {
  const reasons = Object.keys(CODES) as GoneReason[];
  return Object.fromEntries(reasons.map((reason) => [reason, 0])) as Record<GoneReason, number>;
}
