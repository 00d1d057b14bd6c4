import { createHash } from 'node:crypto';
import { FLOOR_TOKEN } from './state-record.ts';

const STREAM = /^(hr\.([A-Za-z0-9_-]+))\.s\.([A-Za-z0-9_-]+)$/;
/**
 * Number of JetStream streams that the states of one app share, as far as they are used. A stream has its lock, its files and,
 * with replicas, its own elections. So there are enough for their groups to be rarely in each other's way, and few enough to stay
 * for ever.
 */
const BUCKETS = 64;

/** The names of one state in JetStream. */
export interface StateNames {
  /** The JetStream stream. */
  readonly name: string;
  /** The subjects of all messages of the stream, and of all copies. */
  readonly bucket: string;
  readonly bucketCopies: string;
  /** The subject of the state's messages without the token of the key, and of its copies. */
  readonly subject: string;
  readonly copies: string;
  /** The subject of the state's floor. */
  readonly floorSubject: string;
}

/** Returns the names of a state. No app and no group has a plus sign in its token, so no other stream has this name. */
export function namesOf(stream: string): StateNames {
  const [, prefix, app, token] = STREAM.exec(stream) ?? [];
  if (prefix === undefined || app === undefined || token === undefined) {
    throw new Error(`${stream} is not a name of a state: it looks like hr.<app>.s.<group>`);
  }
  const at = createHash('sha256').update(token).digest()[0]! % BUCKETS;
  const [bucket, bucketCopies] = [`${prefix}.s.${at}`, `${prefix}.v.${at}`];
  const subject = `${bucket}.${token}`;
  return {
    ...{ name: `hr_${app}+s+${at}`, bucket, bucketCopies, subject },
    ...{ copies: `${bucketCopies}.${token}`, floorSubject: `${subject}.${FLOOR_TOKEN}` },
  };
}
