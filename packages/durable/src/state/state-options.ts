import type { MessageCodec } from '@headrace/cluster';
import { type Channel, OptionError } from '@headrace/core';
import {
  choice,
  describeOptions,
  flag,
  fn,
  having,
  number,
  object,
  type Rate,
  time,
  whole,
} from '@headrace/core/authoring';
import type { StateLimits } from '@headrace/store';
import type { StateRead, StateRows } from './database/state-row.ts';
import type { StateMessage } from './state-message.ts';

/**
 * Options of {@link stateGroup}. Give all nodes the same ones. While they differ, a change is judged by those of the node that asks for it.
 */
export interface StateGroupOptions<Value = unknown> {
  /**
   * Format of values in the store. With `getState`, a row without a `rowVersion` is compared in this format, so a value must always have the
   * same bytes. @default bytes as they are, texts as UTF-8, everything else as JSON
   */
  readonly codec?: MessageCodec<Value>;
  /**
   * Returns what members get for a message of the group, or `undefined` for nothing. For a `patch`, `undefined` means the whole value.
   * @default the message itself
   */
  readonly format?: (message: StateMessage<Value>) => unknown;
  /**
   * Returns all rows of the database that has the truth about the group. The group then only tells its changes. The rows come at once,
   * as an array, or one after the other, as an async generator. Read a database that has all acknowledged changes, not a replica that
   * is behind. The function may throw or reject: it is called again later.
   * @default none; the group has the truth itself
   */
  readonly getState?: (read: StateRead) => StateRows<Value> | PromiseLike<StateRows<Value>>;
  /**
   * Maximum time from a read of the database to the next one, on a node that keeps the state, in milliseconds. The time is a random part
   * of it, at least half. After a read that failed, it is 0.25 s to 30 s. With `false`, the function is called only at the beginning, after a
   * loss of the store, after a failure, and for `refresh`.
   * @default 60000
   */
  readonly refreshMs?: number | false;
  /** Time within which `getState` must give all rows, in milliseconds, or `false` for no limit. @default 10000 */
  readonly getStateTimeoutMs?: number | false;
  /** Maximum number of keys. A further key is refused with `STATE_KEYS_FULL`. @default 10000 */
  readonly maxKeys?: number;
  /** Maximum length of a key in UTF-8, in bytes. Another key is refused with `OPTION_INVALID`. @default 256 */
  readonly maxKeyBytes?: number;
  /** Maximum length of a value in the store, in bytes. A longer value is refused with `MESSAGE_TOO_LONG`. @default 64512 */
  readonly maxValueBytes?: number;
  /**
   * Maximum size of all keys and values in the store, in bytes, with 28 to 50 bytes for each value. A larger state is refused
   * with `STATE_BYTES_FULL`. @default 16777216 (16 MiB)
   */
  readonly maxBytes?: number;
  /**
   * Maximum number of changes that this node makes in a second, and at once. A further change is refused with `STATE_RATE`.
   * @default 10000
   */
  readonly changesPerSecond?: number;
  /**
   * Number of the newest removals that are remembered. A member that was away for longer gets the whole state again. @default 10000
   */
  readonly removals?: number;
  /** Time for which the store remembers a removal, in milliseconds. @default 3600000 */
  readonly removalAgeMs?: number;
  /**
   * Condition for keeping the state on this node: while this node has members, or always, from the first call on.
   * @default 'with-members'
   */
  readonly listens?: 'with-members' | 'always';
}

/** Options of one change of a `StateGroup`. */
export interface StateWriteOptions {
  /**
   * Number of the change's row in the database of `getState`, see `StateRow.rowVersion`. A change whose number is not higher than that
   * of the key is passed over. @default none
   */
  readonly rowVersion?: number | undefined;
  /**
   * Number of the version that the key must have, or 0 if the key must not exist. Otherwise the change fails with
   * `STATE_CONFLICT`. @default any version
   */
  readonly version?: number | undefined;
}

/** Options of `StateGroup.join`. */
export interface StateJoinOptions {
  /**
   * Whether the member gets `patch` messages. A change of a plain object is then a JSON merge patch (RFC 7396), if the member has the value
   * before, the patch is shorter, and the result has exactly the JSON of the value. @default false
   */
  readonly deltas?: boolean;
}

/** How long a key of a `StateGroup` lives. Each change of the key begins with a life of its own. */
export interface StateLifetime {
  /** Time after which the key is removed, in milliseconds, at most 2147483647 (24 days). @default no limit */
  readonly ttlMs?: number | undefined;
  /**
   * Channel of this node. The key is removed when the channel has closed, or some seconds after this node is gone. While the channel
   * is open, this node sets the key again if the store lost it. @default none
   */
  readonly channel?: Channel | undefined;
}

/** Options of `StateGroup.get` and `StateGroup.entries`. */
export interface StateReadOptions {
  /**
   * Whether a node that cannot read the store answers at once with what it has, which can be old. Otherwise the call waits for the
   * store. A node that does not keep the state always waits. @default false
   */
  readonly allowStale?: boolean;
}

/** Options of `StateGroup.set`. */
export interface StateSetOptions extends StateWriteOptions, StateLifetime {}

const OPTIONS = describeOptions('stateGroup', {
  getState: fn({ answers: 'async', purpose: 'gives the rows of the database' }),
  refreshMs: time({ default: 60_000 }),
  getStateTimeoutMs: time({ default: 10_000 }),
  codec: object('a codec with encode and decode'),
  format: fn({ answers: 'sync', takes: 1, purpose: 'gives what members get for a message' }),
  maxKeys: whole({ min: 1, default: 10_000 }),
  maxKeyBytes: whole({ min: 1, max: 1024, default: 256 }),
  maxValueBytes: whole({ min: 1, max: 1_047_500, default: 64_512 }),
  maxBytes: whole({ min: 1, default: 16 * 1024 * 1024 }),
  changesPerSecond: number({ min: 1, default: 10_000 }),
  removals: whole({ default: 10_000 }),
  removalAgeMs: number({ default: 3_600_000 }),
  listens: choice(['with-members', 'always'], { default: 'with-members' }),
});

const VERSION = whole({ max: Number.MAX_SAFE_INTEGER });
const VERSIONS = { version: VERSION, rowVersion: VERSION };
const LIFETIME = {
  ttlMs: whole({ min: 1, max: 0x7fffffff }),
  channel: having('onClosed', 'a channel of this node'),
};

export const SET_OPTIONS = describeOptions('set', { ...VERSIONS, ...LIFETIME });
export const JOIN_OPTIONS = describeOptions('join', { deltas: flag({ default: false }) });
export const DELETE_OPTIONS = describeOptions('delete', VERSIONS);
export const READ_OPTIONS = describeOptions('get', { allowStale: flag({ default: false }) });
export const UPDATE_OPTIONS = describeOptions('update', LIFETIME);

/** The database of the application that has the truth about a group. */
export interface SourcePlan<Value> {
  readonly getState: NonNullable<StateGroupOptions<Value>['getState']>;
  /** Maximum time between two reads, in milliseconds. */
  readonly refreshMs: number;
  /** Maximum duration of a read, in milliseconds. */
  readonly timeoutMs: number;
}

/** The options, checked. */
export interface StatePlan<Value> {
  readonly source: SourcePlan<Value> | undefined;
  readonly codec: MessageCodec<Value> | undefined;
  readonly format: ((message: StateMessage<Value>) => unknown) | undefined;
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
  readonly rate: Rate;
  readonly limits: StateLimits;
  readonly listensAlways: boolean;
}

/** @throws OptionError */
export function statePlan<Value>(options: StateGroupOptions<Value>): StatePlan<Value> {
  const plan = OPTIONS.resolve(options as StateGroupOptions<unknown>);
  const { maxKeys: keys, maxBytes: bytes, removals, removalAgeMs, changesPerSecond } = plan;
  const { getState, refreshMs, getStateTimeoutMs: timeoutMs } = plan;
  for (const option of ['refreshMs', 'getStateTimeoutMs'] as const) {
    if (getState !== undefined || options[option] === undefined) continue;
    const text = `${option} is an option of state groups with getState`;
    throw new OptionError('OPTION_CONFLICT', text, { option });
  }
  const source = getState && { getState, refreshMs, timeoutMs };
  return {
    source: source as SourcePlan<Value> | undefined,
    codec: plan.codec as MessageCodec<Value> | undefined,
    format: plan.format as StatePlan<Value>['format'],
    maxKeyBytes: plan.maxKeyBytes,
    maxValueBytes: plan.maxValueBytes,
    rate: { perSecond: changesPerSecond, burst: changesPerSecond },
    limits: { keys, bytes, removals, removalAgeMs },
    listensAlways: plan.listens === 'always',
  };
}
