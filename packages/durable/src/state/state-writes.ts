import { ChannelError } from '@headrace/core';
import { TokenBucket } from '@headrace/core/authoring';
import type { LogPosition, StateAnswer, StateEntry, StateWrite } from '@headrace/store';
import type { RowChange } from './database/row-writes.ts';
import type { ChannelKey, ChannelKeys } from './keys/channel-keys.ts';
import { type KeyLife, LASTING } from './keys/key-life.ts';
import type { StateErrors } from './state-errors.ts';
import type { StateLifetime, StatePlan } from './state-options.ts';
import type { ChangeAnswer, StateRoom } from './state-room.ts';
import type { StateValues } from './state-values.ts';

/** The parts of its group that {@link StateWrites} works with. */
export interface WritesOwner<Value> {
  readonly room: StateRoom;
  readonly plan: StatePlan<Value>;
  readonly values: StateValues<Value>;
  readonly errors: StateErrors;
  readonly channelKeys: ChannelKeys<Value>;
  /** Called when the key of a channel begins to exist. */
  came(): void;
  /** Called when a change is stored. */
  stored(change: StoredChange): void;
}

/** A change that this node has stored. */
export interface StoredChange {
  readonly id: string;
  readonly key: string;
  readonly position: LogPosition;
  readonly life: KeyLife;
}

/** A change that the application asks for. */
export interface AskedChange<Value> extends StateLifetime {
  readonly key: string;
  /** The new value, or undefined for a removal. */
  readonly value: Value | undefined;
  readonly expected: number | undefined;
}

/** The changes of a state that this node asks for. */
export class StateWrites<Value> {
  private readonly owner: WritesOwner<Value>;
  private readonly bucket: TokenBucket;
  private readonly underWay = new Set<Promise<unknown>>();
  private storedCount = 0;
  private failedCount = 0;

  constructor(owner: WritesOwner<Value>) {
    this.owner = owner;
    this.bucket = new TokenBucket(owner.plan.rate);
  }

  /** Number of changes of the application that were stored. */
  get stored(): number {
    return this.storedCount;
  }

  /** Number of changes of the application that were refused or failed. */
  get failed(): number {
    return this.failedCount;
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    while (this.underWay.size > 0) await Promise.allSettled(this.underWay);
  }

  /** Stores a change of the application, within the rate, and counts it. */
  change(asked: AskedChange<Value>): Promise<ChangeAnswer> {
    return this.counted(
      () => this.store(asked),
      (answer) => 'position' in answer,
    );
  }

  /** Stores a change of the application. A key whose time to live is over counts as one that does not exist. */
  async store(asked: AskedChange<Value>): Promise<ChangeAnswer> {
    const answer = await this.within(asked);
    if (asked.expected !== 0 || !('conflict' in answer) || !this.isOver(answer.conflict)) {
      return answer;
    }
    return this.within({ ...asked, expected: answer.conflict!.position.offset });
  }

  /** Notes that a change is under way until the promise settles. */
  tracked<Outcome>(change: Promise<Outcome>): Promise<Outcome> {
    const { underWay } = this;
    underWay.add(change);
    return change.finally(() => underWay.delete(change));
  }

  /**
   * Makes a change of the application, within the rate, and counts it.
   *
   * @param isStored - returns undefined for a change that another one has replaced
   */
  async counted<Answer>(
    change: () => Promise<Answer>,
    isStored: (answer: Answer) => boolean | undefined,
  ): Promise<Answer> {
    const { plan, room, errors } = this.owner;
    try {
      if (!this.bucket.take(plan.rate, room.wire.host.clock.now())) throw errors.tooOften();
      const answer = await change();
      const counts = isStored(answer);
      if (counts === true) this.storedCount += 1;
      else if (counts === false) this.failedCount += 1;
      return answer;
    } catch (error) {
      this.failedCount += 1;
      throw error;
    }
  }

  /** Stores a change of a row. */
  async row({ key, value, rowVersion }: RowChange<Value>, expected: number): Promise<ChangeAnswer> {
    const life = rowVersion === undefined ? LASTING : { ...LASTING, rowVersion };
    const { id, write } = this.owner.values.encoded(key, value, expected, life);
    return this.fitting(await this.append(id, write, life));
  }

  /** Removes a key of this version. Another version stays. */
  async remove(key: string, version: number, isNodeGone: boolean): Promise<void> {
    const life = { ...LASTING, isNodeGone };
    const { id, write } = this.owner.values.encoded(key, undefined, version, life);
    await this.append(id, write, life);
  }

  /** Sets the key of a channel that the store has lost. Resolves with the id of the change that the key already has, if it exists. */
  async setAgain(
    { key, value, ttlMs }: ChannelKey<Value>,
    begun: (id: string) => void,
  ): Promise<string | undefined> {
    const life = { ...LASTING, ttlMs, isOfChannel: true };
    const { id, write } = this.owner.values.encoded(key, value, 0, life);
    begun(id);
    const answer = this.fitting(await this.append(id, write, life));
    return 'conflict' in answer ? answer.conflict?.id : undefined;
  }

  private async within(asked: AskedChange<Value>): Promise<ChangeAnswer> {
    const { key, value, expected, ttlMs, channel } = asked;
    const { owner } = this;
    const { channelKeys } = owner;
    if (channel?.isEnding === true) {
      throw new ChannelError('CHANNEL_CLOSED', 'the channel of the key ends');
    }
    const life = lifeOf(asked);
    const { id, write } = owner.values.encoded(key, value, expected, life);
    if (channel === undefined || value === undefined) {
      return this.fitting(await this.append(id, write, life));
    }
    channelKeys.begin(id, { channel, key, value, ttlMs });
    owner.came();
    let answer: StateAnswer;
    try {
      answer = await this.append(id, write, life);
    } catch (error) {
      channelKeys.failed(id);
      throw error;
    }
    if (!('position' in answer)) channelKeys.refused(id);
    return this.fitting(answer);
  }

  private async append(id: string, write: StateWrite, life: KeyLife): Promise<StateAnswer> {
    const { owner } = this;
    const answer = await this.tracked(owner.room.append(id, write));
    if ('position' in answer) {
      owner.stored({ id, key: write.key, position: answer.position, life });
    }
    return answer;
  }

  /** Returns the answer of a store that had room. @throws RejectedError at a limit of the store */
  private fitting(answer: StateAnswer): ChangeAnswer {
    if ('full' in answer) throw this.owner.errors.full(answer);
    return answer;
  }

  /** Returns true for a key whose time to live is over. To everybody, it does not exist. */
  private isOver(entry: StateEntry | null): boolean {
    const decoded = entry === null ? undefined : this.owner.values.decoded(entry);
    return decoded !== undefined && decoded.kept === undefined;
  }
}

function lifeOf({ ttlMs, channel }: StateLifetime): KeyLife {
  if (ttlMs === undefined && channel === undefined) return LASTING;
  return { ...LASTING, ttlMs, isOfChannel: channel !== undefined };
}
