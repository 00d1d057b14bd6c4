/**
 * A message of a state group to its members: a `StateMessage` of `@headrace/durable`.
 *
 * - `begin` comes first. With `recovered`, the changes follow that the member missed, otherwise the whole state.
 * - `set` and `delete` change a key. The `version` grows with each change of the group.
 * - `patch` changes a key as `set` does: `patch` is a JSON merge patch (RFC 7396) for the value of the version `from`.
 * - `ready` follows the last of these changes. Later changes follow as they are made.
 */
export type LiveStateMessage<Value = unknown> =
  | {
      readonly type: 'begin';
      readonly group: string;
      readonly epoch: string;
      readonly recovered: boolean;
    }
  | {
      readonly type: 'set';
      readonly group: string;
      readonly key: string;
      readonly value: Value;
      readonly version: number;
    }
  | {
      readonly type: 'patch';
      readonly group: string;
      readonly key: string;
      readonly patch: Readonly<Record<string, unknown>>;
      readonly from: number;
      readonly version: number;
    }
  | {
      readonly type: 'delete';
      readonly group: string;
      readonly key: string;
      readonly version: number;
    }
  | { readonly type: 'ready'; readonly group: string; readonly version: number };

/**
 * A change of a {@link LiveState}.
 *
 * - `set`: the key has a new value. `previous` is `undefined` if the key did not exist.
 * - `delete`: the key was deleted.
 * - `reset`: the key is gone, because it is not in the state that replaced the earlier one.
 */
export type LiveChange<Value = unknown> =
  | {
      readonly type: 'set';
      readonly key: string;
      readonly value: Value;
      readonly previous: Value | undefined;
    }
  | {
      readonly type: 'delete' | 'reset';
      readonly key: string;
      readonly value: undefined;
      readonly previous: Value;
    };
