import { Buffer } from 'node:buffer';
import { type Body, decodeBody, encodeBody, type StoredMessage } from '@headrace/cluster/authoring';
import { EncodeError, OptionError } from '@headrace/core';
import { toError } from '@headrace/core/authoring';
import type { StateEntry, StateWrite } from '@headrace/store';
import { type KeyLife, LASTING, splitLife, withLife } from './keys/key-life.ts';
import type { StateMessage, StateValue } from './state-message.ts';
import type { StatePlan } from './state-options.ts';
import type { StateRoom } from './state-room.ts';
import type { ValueDelta, ViewChange } from './state-view.ts';
import { patchOf, type ValuePatch } from './value-patch.ts';

/** An entry of the store, decoded. */
export interface DecodedEntry<Value> {
  /** The node that wrote the change. */
  readonly node: string;
  readonly life: KeyLife;
  readonly kept: StateValue<Value> | undefined;
}

/** Number of random bytes in an id. Another program cannot guess the id and store a change under it first. */
const ID_BYTES = 8;

/** Converts the changes of one state group between the stored form, the values, and the form for members. */
export class StateValues<Value> {
  private readonly room: StateRoom;
  private readonly plan: StatePlan<Value>;
  /** The last checked live change, which is usually delivered next. */
  private seen: { readonly entry: StateEntry; readonly envelope: StoredMessage } | undefined =
    undefined;
  private count = 0;

  constructor(room: StateRoom, plan: StatePlan<Value>) {
    this.room = room;
    this.plan = plan;
  }

  /**
   * Encodes a change for the store.
   *
   * @param value - undefined removes the key
   * @throws OptionError for a value that is not a key
   * @throws EncodeError `MESSAGE_TOO_LONG`, and the errors of the codec
   */
  encoded(
    key: string,
    value: Value | undefined,
    expected: number | undefined,
    life: KeyLife = LASTING,
  ): { readonly id: string; readonly write: StateWrite } {
    const { wire } = this.room;
    const isRemoval = value === undefined;
    const keyBytes = this.checkedKey(key);
    const body = withLife(isRemoval ? encodeBody('') : this.body(value), life);
    this.count += 1;
    const id = `${wire.nodeId}-${this.count}-${wire.randomText(ID_BYTES)}`;
    const bytes = wire.encode(this.scope({ id, key, isRemoval }), this.count, body);
    const byteLength = keyBytes + bytes.byteLength;
    return { id, write: { key, bytes, isRemoval, expected, byteLength } };
  }

  /**
   * Decodes an entry. Returns undefined for an entry that no node of the cluster made or nobody can decode. A removal has no value,
   * and a key whose time to live is over has none.
   */
  decoded(entry: StateEntry): DecodedEntry<Value> | undefined {
    const { wire, stream } = this.room;
    const envelope = this.envelopeOf(entry);
    if (envelope === undefined) return undefined;
    const { node } = envelope;
    try {
      const { life, rest } = splitLife(envelope);
      const isOver = life.ttlMs !== undefined && entry.ageMs >= life.ttlMs;
      if (entry.isRemoval || isOver) return { node, life, kept: undefined };
      const value = decodeBody<Value>(rest, this.plan.codec);
      return { node, life, kept: { value, version: entry.position.offset } };
    } catch (thrown) {
      wire.reportFault(envelope, stream, thrown);
      return undefined;
    }
  }

  /** Returns a decoded entry in the form of the view. */
  change(
    { key, position, isRemoval }: StateEntry,
    { kept, life: { rowVersion } }: DecodedEntry<Value>,
  ): ViewChange<Value> {
    const { group } = this.room;
    const version = position.offset;
    let message: unknown;
    if (kept !== undefined) {
      message = this.formatted({ type: 'set', group, key, value: kept.value, version });
    } else if (isRemoval) message = this.formatted({ type: 'delete', group, key, version });
    return { key, position, kept, rowVersion, message };
  }

  /** Returns what members get that have the value before a change, or undefined if the whole value is shorter or has no patch. */
  delta(before: ViewChange<Value> | undefined, change: ViewChange<Value>): ValueDelta | undefined {
    const { key, kept } = change;
    // A member that did not get the value before does not have it.
    if (kept === undefined || before?.kept === undefined || before.message === undefined)
      return undefined;
    const { version: from } = before.kept;
    const patch = shortPatch(before.kept.value, kept.value, from);
    if (patch === undefined) return undefined;
    const { group } = this.room;
    const { version } = kept;
    const message = this.formatted({ type: 'patch', group, key, patch, from, version });
    return message === undefined ? undefined : { from, message };
  }

  /** Checks whether a row can be stored. @throws OptionError or EncodeError, as {@link encoded} does */
  checkRow(key: string, value: Value): void {
    this.checkedKey(key);
    this.body(value);
  }

  /** Returns true if a value is the same in the store as one that came from it. */
  isSame(value: Value, stored: Value): boolean {
    const { codec } = this.plan;
    const [own, other] = [encodeBody(value, codec), encodeBody(stored, codec)];
    if (isSameBody(own, other)) return true;
    // A date becomes a text in JSON, and texts have a form of their own.
    return isSameBody(encodeBody(decodeBody<Value>(own, codec), codec), other);
  }

  /** Returns a message in the form for members, or undefined if `format` fails. */
  formatted(message: StateMessage<Value>): unknown {
    const { format } = this.plan;
    if (format === undefined) return message;
    try {
      return format(message) ?? undefined;
    } catch (thrown) {
      const { wire, group } = this.room;
      wire.host.logger.log('error', `format of the state group ${group} failed`, toError(thrown));
      return undefined;
    }
  }

  /** Returns true if a node of the cluster made the entry, or the entry carries no change; see `StateLink.follow`. */
  isOurs(entry: StateEntry): boolean {
    if (entry.previous === entry.position.offset) return true;
    const envelope = this.envelopeOf(entry);
    this.seen = envelope && { entry, envelope };
    return envelope !== undefined;
  }

  private envelopeOf(entry: StateEntry): StoredMessage | undefined {
    const { seen } = this;
    const { wire, stream } = this.room;
    if (seen?.entry !== entry) return wire.read(entry.bytes, stream, this.scope(entry));
    this.seen = undefined;
    return seen.envelope;
  }

  /** Returns the scope of a change's seal. The seal is not valid for another key, or under another id. */
  private scope({ id, key, isRemoval }: Pick<StateEntry, 'id' | 'key' | 'isRemoval'>): string {
    return `${this.room.stream}\0${id.length}\0${id}${isRemoval ? '-' : '='}${key}`;
  }

  private body(value: Value): Body {
    const { codec, maxValueBytes } = this.plan;
    const encoded = encodeBody(value, codec);
    const { byteLength: length } = encoded.body;
    if (length <= maxValueBytes) return encoded;
    const text = `a value of ${length} bytes, but maxValueBytes of the state group ${this.room.group} is ${maxValueBytes}`;
    throw new EncodeError('MESSAGE_TOO_LONG', text, { length, maxValueBytes });
  }

  private checkedKey(key: string): number {
    const { maxKeyBytes } = this.plan;
    // UTF-8 cannot encode half of a surrogate pair, so different keys would become equal in a store.
    const isText = typeof key === 'string' && !/\p{Surrogate}/u.test(key);
    const length = isText ? Buffer.byteLength(key) : 0;
    if (length > 0 && length <= maxKeyBytes) return length;
    const given = isText ? `a text of ${length} bytes` : kindOf(key);
    const text = `${given} cannot be a key of the state group ${this.room.group}: a key is a text of 1 to ${maxKeyBytes} bytes in UTF-8 (maxKeyBytes)`;
    throw new OptionError('OPTION_INVALID', text, { option: 'key', maxKeyBytes });
  }
}

/** Says what a value is that is not a key. */
function kindOf(value: unknown): string {
  if (typeof value === 'string') return 'a text with half of a surrogate pair';
  return value === null ? 'null' : `a value of the type ${typeof value}`;
}

function isSameBody(one: Body, other: Body): boolean {
  return one.bodyType === other.bodyType && one.body.equals(other.body);
}

/** Returns a patch that is shorter in JSON than the value, with all that a message with a patch has besides. */
function shortPatch(before: unknown, value: unknown, from: number): ValuePatch | undefined {
  try {
    const patch = patchOf(before, value);
    if (patch === undefined) return undefined;
    const more =
      `{"type":"patch","patch":,"from":${from},}`.length - '{"type":"set","value":,}'.length;
    return jsonBytes(patch) + more < jsonBytes(value) ? patch : undefined;
  } catch {
    // A codec of the application can decode values that JSON does not know.
    return undefined;
  }
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}
