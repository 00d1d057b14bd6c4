import { EncodeError, RejectedError } from '@headrace/core';
import { atOnce } from '@headrace/core/authoring';
import { MAX_TRIES, type StateErrors } from '../state-errors.ts';
import type { StateValue } from '../state-message.ts';
import type { StateLifetime } from '../state-options.ts';
import type { StateValues } from '../state-values.ts';
import type { StateWrites } from '../state-writes.ts';
import { KeyQueue } from './key-queue.ts';

type Present<Value> = StateValue<Value> | undefined;

/** The parts of its group that {@link KeyUpdates} works with. */
export interface UpdatesOwner<Value> {
  readonly values: StateValues<Value>;
  readonly writes: StateWrites<Value>;
  readonly errors: StateErrors;
  /** The values on this node, if they are current. */
  current(): { get(key: string): Present<Value> } | undefined;
  /** Reads the value of a key. */
  read(key: string): Promise<Present<Value>>;
}

/** A call of `update`. */
interface Update<Value> {
  readonly change: (value: Value | undefined) => Value | undefined;
  readonly lifetime: StateLifetime;
  /** The value after the function, or undefined for a removal. */
  value: Value | undefined;
  /** Whether this is another value than the one before. */
  isChange: boolean;
  hasThrown: boolean;
  resolve(answer: Present<Value>): void;
  reject(error: unknown): void;
}

type Updates<Value> = readonly Update<Value>[];

/**
 * Changes of keys by their present values. Updates of a key that come while one is under way wait, and then share one read and one
 * write. So a node does not compete with itself for a key, and each function is called about once.
 */
export class KeyUpdates<Value> {
  private readonly owner: UpdatesOwner<Value>;
  private readonly queue = new KeyQueue<Update<Value>>((key, updates) => this.all(key, updates));

  constructor(owner: UpdatesOwner<Value>) {
    this.owner = owner;
  }

  /** Resolves with the value after the function, see {@link StateGroup.update}. */
  update(
    key: string,
    change: (value: Value | undefined) => Value | undefined,
    lifetime: StateLifetime,
  ): Promise<Present<Value>> {
    const updated = new Promise<Present<Value>>((resolve, reject) => {
      const outcome = { value: undefined, isChange: false, hasThrown: false };
      this.queue.add(key, { change, lifetime, ...outcome, resolve, reject });
    });
    return this.owner.writes.tracked(updated);
  }

  private async all(key: string, updates: Updates<Value>): Promise<void> {
    for (const batch of batchesOf(updates)) {
      try {
        await this.together(key, batch);
      } catch (error) {
        await this.failed(key, batch, error);
      }
    }
  }

  /** A value that cannot be stored stops no update but its own. */
  private async failed(key: string, batch: Updates<Value>, error: unknown): Promise<void> {
    const isOfValue = error instanceof EncodeError || error instanceof RejectedError;
    const isAlone = batch.length === 1 || !isOfValue;
    for (const update of batch) {
      if (isAlone) update.reject(error);
      else if (!update.hasThrown) await this.together(key, [update]).catch(update.reject);
    }
  }

  /** Changes a key by these functions, one after another, with one write. */
  private async together(key: string, batch: Updates<Value>): Promise<void> {
    const { owner } = this;
    const current = owner.current();
    let present = current?.get(key);
    let updates = called(batch, present);
    if (current === undefined && !updates.some(isChange)) {
      if (updates.length === 0) return;
      present = await owner.read(key);
      updates = called(updates, present);
    }
    if (updates.some(isChange)) {
      const store = () => this.store(key, updates, present);
      await owner.writes.counted(store, (isStored) => isStored || undefined);
    } else settle(updates, present?.version ?? 0, 0);
  }

  /** Stores the value after all functions. Resolves with false if there is nothing to change any more. */
  private async store(
    key: string,
    updates: Updates<Value>,
    present: Present<Value>,
  ): Promise<boolean> {
    const { writes, values, errors } = this.owner;
    let expected = present?.version ?? 0;
    let left = updates;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { value, lifetime } = left.at(-1)!;
      const answer = await writes.store({ key, value, expected, ...lifetime });
      if ('position' in answer) {
        settle(left, answer.position.offset, expected);
        return true;
      }
      const { conflict } = answer;
      expected = conflict?.position.offset ?? 0;
      left = called(left, conflict === null ? undefined : values.decoded(conflict)?.kept);
      if (left.some(isChange)) continue;
      settle(left, expected, 0);
      return false;
    }
    throw errors.changedTooOften(key);
  }
}

const isChange = (update: { readonly isChange: boolean }): boolean => update.isChange;

/** Calls the functions, each with the value after the one before it. Returns the updates whose functions did not throw. */
function called<Value>(batch: Updates<Value>, present: Present<Value>): Updates<Value> {
  let value = present?.value;
  return batch.filter((update) => {
    const before = value;
    try {
      value = atOnce('change', update.change(before));
    } catch (error) {
      update.hasThrown = true;
      update.reject(error);
      return false;
    }
    update.value = value;
    update.isChange = value !== before;
    return true;
  });
}

/**
 * Answers the updates. A value that a later one has replaced is not what the store has under its new version: with the version
 * before, a `set` that follows it is refused.
 */
function settle<Value>(updates: Updates<Value>, version: number, before: number): void {
  const last = updates.findLastIndex(isChange);
  for (const [at, { value, resolve }] of updates.entries()) {
    const answer = { value: value!, version: at < last ? before : version };
    resolve(value === undefined ? undefined : answer);
  }
}

/** Splits updates where the life of the key changes. */
function batchesOf<Value>(updates: Updates<Value>): Updates<Value>[] {
  const batches: Update<Value>[][] = [];
  for (const update of updates) {
    const batch = batches.at(-1);
    const { ttlMs, channel } = batch?.at(-1)?.lifetime ?? {};
    const { lifetime } = update;
    const isSame = batch !== undefined && ttlMs === lifetime.ttlMs && channel === lifetime.channel;
    if (isSame) batch.push(update);
    else batches.push([update]);
  }
  return batches;
}
