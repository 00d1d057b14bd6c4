import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { SavedSession } from './recovery-session.ts';

/** A session as the store of the nodes keeps it. */
export interface SessionRecord {
  readonly version: 1;
  /** Claim of the process that has the session, which nobody else can know. */
  readonly owner: string;
  /** Epoch of the log whose offsets are the numbers of the session. */
  readonly epoch: string;
  /** Differs from the record before, so that a store keeps the record of a session that has not changed for longer. */
  readonly number: number;
  readonly session: SavedSession;
}

/** @throws an error for data that JSON cannot express */
export function encodeRecord(record: SessionRecord): Buffer {
  return Buffer.from(JSON.stringify(record), 'utf8');
}

/** Returns `undefined` for a record of another version. */
export function decodeRecord(bytes: Uint8Array): SessionRecord | undefined {
  try {
    const record = JSON.parse(Buffer.from(bytes).toString('utf8')) as SessionRecord;
    return record.version === 1 ? record : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the key of a session's record. Who can read the store cannot take a session over. */
export function recordKeyOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
