import type { BusSubscription } from '@headrace/bus';
import { checkNumber } from '@headrace/core/authoring';
import type { LogEntry, LogPosition } from './log.ts';

/** A change of one key of a state. The store does not read the bytes. */
export interface StateWrite {
  readonly key: string;
  /** The value of the key, or for a removal what the writer says about it. */
  readonly bytes: Buffer;
  /** Whether the change removes the key. */
  readonly isRemoval: boolean;
  /**
   * The version that the key must have, or 0 for a key that must not exist. With `undefined`, the key may have any version. A
   * removal of a key that does not exist never fits.
   */
  readonly expected: number | undefined;
  /** The size of the key and the bytes, in bytes. */
  readonly byteLength: number;
}

/**
 * The newest change of one key. Its `offset` is the version of the key, and its `previous` the offset of the change before it, of
 * any key.
 */
export interface StateEntry extends LogEntry {
  readonly key: string;
  readonly isRemoval: boolean;
  /** Age of the change when the store sent it, in milliseconds by the clock of the store. For a live copy, 0. */
  readonly ageMs: number;
  /** Of a live copy: the engine knows that the state has begun with this change, and has nothing else. @default false */
  readonly isFirst?: boolean;
}

/** What became of a {@link StateWrite}. */
export type StateAnswer =
  | { readonly position: LogPosition }
  /** The key does not have the expected version. The entry is the present one, or null for a key that does not exist. */
  | { readonly conflict: StateEntry | null }
  | StateRefusal;

/** The state has, or would have, more keys or bytes than the limits of the link allow, or than its store holds. */
export interface StateRefusal {
  readonly full: 'keys' | 'bytes' | 'store';
  /** Number of keys that the state has, or of bytes that it would have. */
  readonly size: number;
  /** With `store`: the number of bytes that the store of this state holds. */
  readonly most?: number;
}

/** The limits of one state. `Infinity` means no limit. */
export interface StateLimits {
  /** Maximum number of keys. */
  readonly keys: number;
  /** Maximum size of all keys and their bytes, in bytes. */
  readonly bytes: number;
  /** Number of the newest removals that are remembered. */
  readonly removals: number;
  /** Age up to which removals are remembered, in milliseconds. */
  readonly removalAgeMs: number;
}

/** Changes after an offset: for each key that has changed since, its newest change. */
export interface StatePage {
  readonly epoch: string;
  /** The entries in the order of their offsets. A removal is an entry while it is remembered. */
  readonly entries: readonly StateEntry[];
  /** The page has the newest changes up to this offset. The next page begins after it. */
  readonly end: number;
  /** Offset of the newest change, or 0 if there was none. */
  readonly last: number;
  /** The highest offset of a removal that is not remembered, or 0. A reader before it may not have seen the removal. */
  readonly floor: number;
  /** The state has begun after this offset, if the engine knows it. A page after a lower offset begins with the oldest entry. */
  readonly begunAfter?: number | undefined;
}

/**
 * The store of an engine for states, over one link. A state has one entry for each key: the newest change. Each change gets an
 * offset, which is higher than all offsets before. Stream names come from `Subjects.state()` or `keys()`: `hr.<app>.s.<group>`. The link does
 * not retry. Calls under way when the link ends need not settle.
 */
export interface StateLink {
  /**
   * Makes the state if it does not exist. The limits are those of the calls on this link. Links of other nodes can have others, for example
   * while the nodes restart with another option.
   */
  open(stream: string, limits: StateLimits): Promise<void>;
  /**
   * Changes a key after the changes of earlier calls on this link, and sends the change to all followers. If the store has the id
   * already, resolves with its position. Rejects with an `EncodeError` `MESSAGE_TOO_LONG` for bytes that the engine never
   * stores. Any other rejection is tried again.
   */
  append(stream: string, id: string, write: StateWrite): Promise<StateAnswer>;
  /** Reads up to `limit` entries after an offset, and at least one if there is one. The offset 0 begins with the oldest entry. */
  read(stream: string, after: number, limit: number): Promise<StatePage>;
  /**
   * Calls the listener with the changes from now on, as `LogLink.follow` does. Changes can be lost. An entry whose `previous` is its
   * own offset carries no change: it tells a reader without the changes up to this offset, or of another epoch, to read.
   */
  follow(stream: string, listener: (entry: StateEntry) => void): BusSubscription;
  /**
   * Forgets what this process keeps for a stream that nobody here uses now, so that names that come and go fill no memory. What is
   * stored stays, and a later `open` begins again.
   */
  release?(stream: string): void;
  /** Says why an append is not stored yet, for the error of a writer that has waited too long. */
  waitsFor?(stream: string, id: string): string | undefined;
}

/**
 * The store of a bus for states. It works like a {@link StateLink}, but continues over new links, as `Log` does: an append is
 * repeated with its id, and rejects with `BUS_DOWN` after 5 s.
 */
export interface StateLog extends StateLink {}

/** Returns the limits. @throws OptionError for a limit that is not valid */
export function checkStateLimits(limits: StateLimits): StateLimits {
  const { keys, bytes, removals, removalAgeMs } = limits;
  for (const [name, value] of Object.entries({ keys, bytes })) {
    checkNumber(name, value, { min: 1, integer: true });
  }
  checkNumber('removals', removals, { min: 0, integer: true });
  checkNumber('removalAgeMs', removalAgeMs, { min: 0 });
  return { keys, bytes, removals, removalAgeMs };
}
