import { createHash, randomBytes } from 'node:crypto';
import { plainText, textOf } from './nats-jet-stream.ts';

/** The last change that a writer made of a key. */
export interface WriterChange {
  readonly writer: string;
  /** A {@link tagOf} the id of the change. */
  readonly tag: string;
  /** The sequence of the change. */
  readonly sequence: number;
}

/** The kind of a message: a key that is set or removed, or the {@link FLOOR_TOKEN floor}. */
export type RecordKind = 's' | 'r' | 'f';

/** The header of a message of a state. */
export interface StateRecord {
  readonly kind: RecordKind;
  /** The epoch in which the message was stored. The sequences of another epoch were lost, and can be used again. */
  readonly epoch: string;
  /** Of the floor: the offset of the newest removal that is forgotten. */
  readonly floor: number;
  /** The last change of each of the newest writers of the key, the newest at the end. The last one is the message itself. */
  readonly writers: readonly WriterChange[];
}

export const RECORD_HEADER = 'Hr-State';
/**
 * The last token of the subject of the floor, which no key has. The floor is the first message of a state that is not empty, and
 * names its epoch. Without it, the state was empty or purged since, and has another epoch. It is written before removals are deleted.
 */
export const FLOOR_TOKEN = 'floor';

/** Number of writers whose last change is known. With headers of this size, a value of 1 MiB less 1 KiB fits into 1 MiB. */
const MAX_WRITERS = 12;
const TAG_CHARACTERS = 8;
const RECORD = /^([srf]) (\S+) (\d+)(?: (\S+))?$/;

export function encodeRecord({ kind, epoch, floor, writers }: StateRecord): string {
  const changes = writers.map(
    ({ writer, tag, sequence }) => `${writer}:${tag}:${sequence.toString(36)}`,
  );
  // A header ends without white space.
  return [kind, epoch, floor, ...(changes.length > 0 ? [changes.join(',')] : [])].join(' ');
}

/** @param sequence - the sequence of the message, which its writer did not know yet */
export function decodeRecord(text: string | undefined, sequence: number): StateRecord | undefined {
  const [, kind, epoch, floor, changes = ''] = RECORD.exec(text ?? '') ?? [];
  if (kind === undefined || epoch === undefined) return undefined;
  const writers = changes.split(',').flatMap((change): WriterChange[] => {
    const [writer, tag, at] = change.split(':');
    if (writer === undefined || tag === undefined || at === undefined) return [];
    return [{ writer, tag, sequence: Number.parseInt(at, 36) || sequence }];
  });
  return { kind: kind as RecordKind, epoch, floor: Number(floor), writers };
}

/** Adds a change whose sequence is not known yet. */
export function changedBy(
  writers: readonly WriterChange[],
  writer: string,
  tag: string,
): readonly WriterChange[] {
  const others = writers.filter((change) => change.writer !== writer);
  return [...others, { writer, tag, sequence: 0 }].slice(-MAX_WRITERS);
}

/** Number of random characters in an epoch. */
const EPOCH_CHARACTERS = 12;

/**
 * Makes the epoch of a state.
 *
 * @param stream - the epoch of its stream
 * @param begunAfter - a sequence after which all messages of the state come, if it is known
 */
export function newEpoch(stream: string, begunAfter: number | undefined): string {
  const random = randomBytes((EPOCH_CHARACTERS / 4) * 3).toString('base64url');
  return `${stream}.${random}${begunAfter?.toString(36) ?? ''}`;
}

/** Returns a sequence after which all messages of a state come, or undefined if its epoch does not say it. */
export function begunAfter(epoch: string): number | undefined {
  const text = epoch.slice(epoch.lastIndexOf('.') + 1 + EPOCH_CHARACTERS);
  return text === '' ? undefined : Number.parseInt(text, 36);
}

/** Returns the epoch of a state without a floor. @param stream - the epoch of its stream */
export function emptyEpoch(stream: string): string {
  return `${stream}.`;
}

/** Returns whether an epoch is that of a state without a floor. */
export function isEmptyEpoch(epoch: string): boolean {
  return epoch.endsWith('.');
}

/** Returns whether the epoch of a state is one of this stream. */
export function isOfStream(epoch: string, stream: string): boolean {
  return epoch.slice(0, epoch.lastIndexOf('.')) === stream;
}

/** Makes an id for a header. Ids apply to the whole stream, so a tag of the state comes first. */
export function scopedId(scope: string, id: string): string {
  return `${scope}/${plainText(id)}`;
}

/** Reads the id in a header. */
export function unscoped(text: string): string {
  return textOf(text.slice(text.indexOf('/') + 1));
}

/** Shortens the id of a change. */
export function tagOf(id: string): string {
  return createHash('sha256').update(id).digest('base64url').slice(0, TAG_CHARACTERS);
}
