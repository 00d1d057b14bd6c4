import type { LiveStateMessage } from '@headrace/client';

/**
 * A message to a member of a state group. The option `format` can give it another form.
 *
 * - `begin` comes first. With `recovered`, the changes follow that the member missed. Otherwise the whole state follows, so the
 *   member forgets what it has. A member can get a further `begin` when the store has lost changes, and one with `recovered` when its
 *   node cannot read the store: what it has may be old, until `ready` comes again.
 * - `set` and `delete` change a key. The `version` grows with each change of the group, and is the position within the `epoch`.
 * - `patch` changes a key as `set` does, for members that asked for `deltas`: `patch` is a JSON merge patch (RFC 7396) for the value of the
 *   version `from`, which the member has.
 * - `ready` follows the last of these changes. Later changes follow as they are made.
 */
export type StateMessage<Value = unknown> = LiveStateMessage<Value>;

/** The value of a key, and its version. */
export interface StateValue<Value = unknown> {
  /** The group keeps and sends this value, so do not change it. */
  readonly value: Value;
  /** Grows with each change of the group. A write can demand this version. */
  readonly version: number;
}
