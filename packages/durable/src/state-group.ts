import type {
  Cluster,
  LogPosition,
  StateAnswer,
  StateEntry,
  StatePage,
  StateWrite,
} from '@headrace/cluster';
import {
  additionOf,
  checkGroupName,
  checkSameOptions,
  type GroupWire,
  portOf,
  wireOf,
} from '@headrace/cluster/authoring';
import { type Channel, ChannelError, OptionError, RejectedError } from '@headrace/core';
import { atOnce, TokenBucket } from '@headrace/core/authoring';
import { type ChannelKey, ChannelKeys } from './channel-keys.ts';
import { DURABLE_ERRORS } from './durable-errors.ts';
import { KeyExpiry } from './key-expiry.ts';
import { type KeyLife, LASTING } from './key-life.ts';
import { RoomFeed } from './room-feed.ts';
import { MAX_TRIES, type RowOutcome, RowWrites } from './row-writes.ts';
import { type StateJoin, StateMembers } from './state-members.ts';
import type { StateValue } from './state-message.ts';
import {
  DELETE_OPTIONS,
  JOIN_OPTIONS,
  SET_OPTIONS,
  type StateGroupOptions,
  type StateJoinOptions,
  type StateLifetime,
  type StatePlan,
  type StateSetOptions,
  type StateWriteOptions,
  statePlan,
  UPDATE_OPTIONS,
} from './state-options.ts';
import { StateOrder } from './state-order.ts';
import { StateRoom } from './state-room.ts';
import { StateSource } from './state-source.ts';
import { type DecodedEntry, StateValues } from './state-values.ts';
import { StateView, type ViewChange } from './state-view.ts';

/** Counts of a {@link StateGroup} on this node since it was made. */
export interface StateGroupCounters {
  /** Number of changes that this node was asked for and that were stored. */
  readonly stored: number;
  /** Number of changes that this node was asked for and that were refused or failed. */
  readonly failed: number;
  /** Number of changes of all nodes that arrived. Changes that were replaced before this node read them are not counted. */
  readonly received: number;
}

/** A call that needs the state on this node. */
interface Waiter<Value> {
  resolve(view: StateView<Value>): void;
  reject(error: Error): void;
}

/** A change that the application asks for. */
interface AskedChange<Value> extends StateLifetime {
  readonly key: string;
  /** The new value, or undefined for a removal. */
  readonly value: Value | undefined;
  readonly expected: number | undefined;
}

/** Time within which the state must be read for `get` and `entries`. */
const WITHIN_MS = 5000;

/**
 * A state that the members of all nodes see: keys with values. {@link stateGroup} makes the group.
 *
 * A member gets the state as it is, and then each change, in the order of the store. A member that is slow gets the newest value of
 * each key. The store gives each change a version, which is higher than all versions before. While a node has members, it keeps
 * the state in memory.
 */
export class StateGroup<Value = unknown> implements Iterable<Channel> {
  /** The name of the group, the same on all nodes. */
  readonly name: string;
  /** @internal The options that later calls must agree with. */
  readonly given: object;
  private readonly plan: StatePlan<Value>;
  private readonly room: StateRoom;
  private readonly values: StateValues<Value>;
  private readonly feed: RoomFeed<StateEntry, StatePage>;
  private readonly members: StateMembers<Value>;
  private readonly expiry: KeyExpiry;
  private readonly channelKeys: ChannelKeys<Value>;
  private readonly rows: RowWrites<Value>;
  private readonly source: StateSource<Value> | undefined = undefined;
  private readonly bucket: TokenBucket;
  private readonly writes = new Set<Promise<unknown>>();
  private view: StateView<Value> | undefined = undefined;
  /** The state that is read from its beginning. It takes the place of the view when it is whole. */
  private loading: StateView<Value> | undefined = undefined;
  private readonly waiters = new Set<Waiter<Value>>();
  /** The newest change that this node has stored. */
  private written: LogPosition | undefined = undefined;
  /** Number of calls of `refresh` that are under way. */
  private refreshes = 0;
  /** The epoch of the versions of keys that do not live forever. */
  private epoch: string | undefined = undefined;
  private stored = 0;
  private failed = 0;
  private received = 0;

  /** @internal @throws OptionError */
  constructor(
    name: string,
    wire: GroupWire,
    options: StateGroupOptions<Value>,
    isAlive: (node: string) => boolean,
  ) {
    const plan = statePlan(options);
    const room = new StateRoom(wire, name, plan.limits);
    this.name = name;
    this.given = options;
    this.plan = plan;
    this.room = room;
    this.values = new StateValues(room, plan);
    this.bucket = new TokenBucket(plan.rate);
    this.feed = new RoomFeed(room, new StateOrder(), 0, {
      isOurs: (entry) => this.values.isOurs(entry),
      deliver: (entry) => this.deliver(entry),
      skipped: () => {},
      moved: () => {},
      restarted: ({ epoch }) => {
        this.loading = new StateView(epoch, plan.limits.removals);
        this.enter(epoch);
        this.channelKeys.restarted();
        this.source?.restart();
      },
      reached: (at, floor) => this.reached(at, floor),
      isBusy: () => false,
      onceFree: (listener) => listener(),
    });
    const { clock, random, logger } = wire.host;
    this.expiry = new KeyExpiry({
      clock,
      random,
      nodeId: () => wire.nodeId,
      isAlive,
      removeKey: (key, version, isNodeGone) => this.removeKey(key, version, isNodeGone),
    });
    this.channelKeys = new ChannelKeys<Value>({
      clock,
      caughtUp: () => this.feed.caughtUp(),
      setAgain: (key, begun) => this.setAgain(key, begun),
      removeKey: (key, version) => this.removeKey(key, version, false),
      went: () => this.look(),
    });
    this.members = new StateMembers<Value>({
      clock,
      group: name,
      view: () => this.shown,
      formatted: (message) => this.values.formatted(message),
      caughtUp: () => this.feed.caughtUp(),
      went: () => this.look(),
      notRead: () => this.notRead(),
    });
    this.rows = new RowWrites<Value>({
      view: () => this.whole,
      decoded: (entry) => this.changeOf(entry),
      store: ({ key, value, rowVersion }, expected) =>
        this.storeRow(key, value, expected, rowVersion),
      changedTooOften: (key) => this.changedTooOften(key),
    });
    if (plan.source !== undefined) {
      this.source = new StateSource<Value>(
        {
          clock,
          logger,
          random,
          group: name,
          maxKeys: plan.limits.keys,
          writes: this.rows,
          view: () => this.whole,
          checkRow: (key, value) => this.values.checkRow(key, value),
          isSame: (value, other) => this.values.isSame(value, other),
          caughtUp: () => this.feed.caughtUp(),
          agreed: () => this.show(),
        },
        plan.source,
      );
    }
    this.look();
  }

  /** The number of members on this node. */
  get size(): number {
    return this.members.size;
  }

  /** A copy of the counts since the group was made. */
  get counters(): StateGroupCounters {
    const { stored, failed, received } = this;
    return { stored, failed, received };
  }

  /** Returns true for a member on this node. */
  has(channel: Channel): boolean {
    return this.members.has(channel);
  }

  /** Iterates over the members on this node. */
  [Symbol.iterator](): Iterator<Channel> {
    return this.members[Symbol.iterator]();
  }

  /**
   * Adds a member until it closes. The member gets `begin`, then the state or the changes after its position, then `ready`, and
   * then each later change. No change is missed or sent twice, and never more is written than the output of the member accepts.
   *
   * With `recovered: false`, the member gets the whole state, because it has no position, another state has replaced the one that it
   * knew, or removals are forgotten that it has not seen. A second call during a join returns the same promise, and a call for a
   * member begins again.
   *
   * Rejects with `BUS_DOWN` if the state could not be read for 5 s, with the error of {@link refresh} if the database could not be read for
   * as long, and with `CHANNEL_CLOSED`. The channel is not a member then.
   *
   * @param position - the epoch of the last `begin`, and the highest version, that the member has received
   */
  join(
    channel: Channel,
    position?: LogPosition,
    options: StateJoinOptions = {},
  ): Promise<StateJoin> {
    const { deltas } = JOIN_OPTIONS.resolve(options);
    const joining = this.members.join(channel, position, deltas);
    this.look();
    return joining;
  }

  /** Removes a member of this node, which stays open. Returns true if it was a member. */
  remove(channel: Channel): boolean {
    return this.members.remove(channel);
  }

  /**
   * Sets the value of a key. Resolves with the position of the change when it is stored. Its `offset` is the version of the key.
   *
   * Rejects with `STATE_CONFLICT` if the key does not have the version of the options, with `STATE_KEYS_FULL`, `STATE_BYTES_FULL`
   * and `STATE_RATE` at the limits of the options, with `MESSAGE_TOO_LONG` and `MESSAGE_NOT_ENCODABLE` for a value that cannot be
   * stored, with `OPTION_INVALID` for a key or an option that is not valid, with `CHANNEL_CLOSED` for a channel that ends, and with
   * `BUS_DOWN` if the change could not be stored for 5 s, although it may be stored then.
   *
   * In a group with `getState`, store the value in the database first. The option `rowVersion` then says which change is newer: a change
   * that is not newer is passed over, and the call resolves with the position of the newer one. Rejects with `OPTION_CONFLICT` for the
   * other options, because the database says which keys exist, and for `rowVersion` in other groups.
   */
  async set(key: string, value: Value, options: StateSetOptions = {}): Promise<LogPosition> {
    const { version: expected, rowVersion, ...lifetime } = SET_OPTIONS.resolve(options);
    this.checkSource({ version: expected, ...lifetime }, rowVersion);
    if (value === undefined) throw new TypeError(`set(${key}): delete removes a key`);
    if (rowVersion !== undefined) return (await this.setRow(key, value, rowVersion)).position!;
    const answer = await this.change({ key, value, expected, ...lifetime });
    if ('position' in answer) return answer.position;
    throw this.conflict(key, expected, answer.conflict);
  }

  /** Removes a key. Resolves with true if the key existed. Rejects like {@link set}. */
  async delete(key: string, options: StateWriteOptions = {}): Promise<boolean> {
    const { version: expected, rowVersion } = DELETE_OPTIONS.resolve(options);
    this.checkSource({ version: expected }, rowVersion);
    if (rowVersion !== undefined) return (await this.setRow(key, undefined, rowVersion)).isStored;
    const answer = await this.change({ key, value: undefined, expected });
    if ('position' in answer) return true;
    const isAbsent = answer.conflict === null && (expected === undefined || expected === 0);
    if (isAbsent) return false;
    throw this.conflict(key, expected, answer.conflict);
  }

  /**
   * Changes a key by its present value, and repeats that while other changes come in between. Resolves with the new value and its
   * version, or with undefined if the key does not exist then. The key keeps nothing of the life that it had: see the options.
   *
   * Rejects like {@link set}, with the errors of the function, with `STATE_CONFLICT` after 100 changes in between, and with
   * `OPTION_CONFLICT` in a group with `getState`: change the database, and then `set` the key.
   *
   * @param change - returns the new value, `undefined` to remove the key, or the given value to change nothing
   */
  async update(
    key: string,
    change: (value: Value | undefined) => Value | undefined,
    options: StateLifetime = {},
  ): Promise<StateValue<Value> | undefined> {
    const lifetime = UPDATE_OPTIONS.resolve(options);
    if (this.source !== undefined) throw this.notOfSource('update');
    let isKnown = this.current !== undefined;
    let present = this.view?.get(key);
    let expected = present?.version ?? 0;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const value = atOnce('change', change(present?.value));
      if (value === present?.value) {
        if (isKnown) return present;
        present = await this.get(key);
        expected = present?.version ?? 0;
        isKnown = true;
        continue;
      }
      const answer = await this.change({ key, value, expected, ...lifetime });
      if ('position' in answer) {
        return value === undefined ? undefined : { value, version: answer.position.offset };
      }
      isKnown = true;
      const { conflict } = answer;
      present = conflict === null ? undefined : this.values.decoded(conflict)?.kept;
      expected = conflict?.position.offset ?? 0;
    }
    throw this.changedTooOften(key);
  }

  /**
   * Reads the database of `getState` now, and stores the differences as changes of the group. Resolves when they are stored. Call it
   * after changes of the database of which the group was not told.
   *
   * Rejects with `STATE_NOT_READ` if `getState` fails, with the errors of {@link set} if a difference cannot be stored, and with
   * `OPTION_CONFLICT` in a group without `getState`.
   */
  async refresh(): Promise<void> {
    const { source } = this;
    if (source === undefined) {
      const text = `the state group ${this.name} has no getState`;
      throw new OptionError('OPTION_CONFLICT', text, { option: 'getState' });
    }
    const refreshed = source.refresh();
    this.refreshes += 1;
    try {
      await Promise.all([refreshed, this.loaded()]);
    } finally {
      this.refreshes -= 1;
      this.look();
    }
  }

  /**
   * Resolves with the value of a key as the members of this node have it, or with undefined. It is not older than a change that this
   * node has stored before the call. A node that does not keep the state reads it. Rejects with `BUS_DOWN` or the error of
   * {@link refresh} if it could not be read for 5 s.
   */
  async get(key: string): Promise<StateValue<Value> | undefined> {
    return (await this.loaded()).get(key);
  }

  /** Resolves with the values of all keys, in the order of their versions, as {@link get} does. */
  async entries(): Promise<Map<string, StateValue<Value>>> {
    return (await this.loaded()).entries();
  }

  /** @internal Removes the keys of this node's channels, stores the changes under way, and ends with the node. */
  async leave(): Promise<void> {
    if (this.room.wire.bus.state === 'up') {
      this.channelKeys.removeAll();
      while (this.writes.size > 0) await Promise.allSettled(this.writes);
    }
    this.room.isLeft = true;
    this.expiry.clear();
    this.channelKeys.clear();
    this.look();
  }

  /** @internal Called when a node may be gone. */
  peersChanged(): void {
    this.expiry.peersChanged();
  }

  private async change(
    asked: AskedChange<Value>,
  ): Promise<Exclude<StateAnswer, { full: unknown }>> {
    try {
      let answer = await this.store(asked);
      if ('conflict' in answer && asked.expected === 0 && this.isOver(answer.conflict)) {
        answer = await this.store({ ...asked, expected: answer.conflict!.position.offset });
      }
      if ('full' in answer) throw this.full(answer.full);
      if ('position' in answer) this.stored += 1;
      else this.failed += 1;
      return answer;
    } catch (error) {
      this.failed += 1;
      throw error;
    }
  }

  private async store(asked: AskedChange<Value>): Promise<StateAnswer> {
    const { key, value, expected, ttlMs, channel } = asked;
    const { wire } = this.room;
    if (!this.bucket.take(this.plan.rate, wire.host.clock.now())) throw this.tooOften();
    if (channel?.isEnding === true) {
      throw new ChannelError('CHANNEL_CLOSED', 'the channel of the key ends');
    }
    const life = lifeOf(asked);
    const { id, write } = this.values.encoded(key, value, expected, life);
    if (channel === undefined || value === undefined) return this.storeNow(id, write, life);
    this.channelKeys.begin(id, { channel, key, value, ttlMs });
    this.look();
    try {
      const answer = await this.storeNow(id, write, life);
      if (!('position' in answer)) this.channelKeys.refused(id);
      return answer;
    } catch (error) {
      this.channelKeys.failed(id);
      throw error;
    }
  }

  /** Returns true for a key whose time to live is over. To everybody, it does not exist. */
  private isOver(entry: StateEntry | null): boolean {
    const decoded = entry === null ? undefined : this.values.decoded(entry);
    return decoded !== undefined && decoded.kept === undefined;
  }

  /** @throws OptionError for options that the database of `getState` decides about, and for versions of rows without it */
  private checkSource(options: object, rowVersion: number | undefined): void {
    if (this.source === undefined) {
      if (rowVersion === undefined) return;
      const text = `the state group ${this.name} has no getState, so its keys have no rowVersion`;
      throw new OptionError('OPTION_CONFLICT', text, { option: 'rowVersion' });
    }
    for (const [option, value] of Object.entries(options)) {
      if (value !== undefined) throw this.notOfSource(option);
    }
  }

  private notOfSource(option: string): OptionError {
    const text = `${option} is not possible in the state group ${this.name}: the database of getState decides about its keys`;
    return new OptionError('OPTION_CONFLICT', text, { option });
  }

  /** Stores a change of a row for the application. */
  private async setRow(
    key: string,
    value: Value | undefined,
    rowVersion: number,
  ): Promise<RowOutcome> {
    const { rate } = this.plan;
    try {
      if (!this.bucket.take(rate, this.room.wire.host.clock.now())) throw this.tooOften();
      const outcome = await this.rows.set({ key, value, rowVersion });
      if (outcome.isStored) this.stored += 1;
      return outcome;
    } catch (error) {
      this.failed += 1;
      throw error;
    }
  }

  private async storeRow(
    key: string,
    value: Value | undefined,
    expected: number,
    rowVersion: number | undefined,
  ): Promise<Exclude<StateAnswer, { full: unknown }>> {
    const life = rowVersion === undefined ? LASTING : { ...LASTING, rowVersion };
    const { id, write } = this.values.encoded(key, value, expected, life);
    const answer = await this.storeNow(id, write, life);
    if ('full' in answer) throw this.full(answer.full);
    return answer;
  }

  private async storeNow(id: string, write: StateWrite, life: KeyLife): Promise<StateAnswer> {
    const storing = this.room.append(id, write);
    this.writes.add(storing);
    const answer = await storing.finally(() => this.writes.delete(storing));
    if (!('position' in answer)) return answer;
    const { position } = answer;
    const { key } = write;
    this.written = position;
    if (this.feed.isStarted) this.feed.expect(position);
    else this.enter(position.epoch);
    if (position.epoch === this.epoch) {
      const { offset: version } = position;
      const { nodeId: node } = this.room.wire;
      this.expiry.changed({ key, version, life, node, ageMs: 0 });
      this.channelKeys.stored(id, version);
    } else this.channelKeys.failed(id);
    return answer;
  }

  /** Notes that versions of another epoch mean nothing any more. */
  private enter(epoch: string): void {
    if (this.epoch !== epoch) this.expiry.clear();
    this.epoch = epoch;
  }

  private async removeKey(key: string, version: number, isNodeGone: boolean): Promise<void> {
    const life = { ...LASTING, isNodeGone };
    const { id, write } = this.values.encoded(key, undefined, version, life);
    await this.storeNow(id, write, life);
  }

  private async setAgain(
    { key, value, ttlMs }: ChannelKey<Value>,
    begun: (id: string) => void,
  ): Promise<boolean> {
    const life = { ...LASTING, ttlMs, isOfChannel: true };
    const { id, write } = this.values.encoded(key, value, 0, life);
    begun(id);
    const answer = await this.storeNow(id, write, life);
    if ('full' in answer) throw this.full(answer.full);
    return 'position' in answer;
  }

  /** The whole state as the store has it. */
  private get whole(): StateView<Value> | undefined {
    return this.loading === undefined ? this.view : undefined;
  }

  /** The whole state, if it agrees with the database. */
  private get shown(): StateView<Value> | undefined {
    return this.source?.hasAgreed === false ? undefined : this.whole;
  }

  /** Returns why the state is not there in time, or undefined while the database can still give it. */
  private notRead(): Error | undefined {
    const { source } = this;
    if (source?.isUnderWay === true) return undefined;
    return source?.error ?? this.room.downError(`it could not be read for ${WITHIN_MS} ms`);
  }

  /** What `get` and `entries` return: the state, if it has all changes that this node has stored. */
  private get current(): StateView<Value> | undefined {
    const { shown, written } = this;
    if (shown === undefined) return undefined;
    const isBehind = written?.epoch === shown.epoch && written.offset > shown.offset;
    return isBehind ? undefined : shown;
  }

  private async loaded(): Promise<StateView<Value>> {
    const { current } = this;
    if (current !== undefined) return current;
    const { clock } = this.room.wire.host;
    return new Promise((resolve, reject) => {
      const settled = (settle: () => void): void => {
        timer.cancel();
        this.waiters.delete(waiter);
        settle();
        this.look();
      };
      const waiter: Waiter<Value> = {
        resolve: (view) => settled(() => resolve(view)),
        reject: (error) => settled(() => reject(error)),
      };
      const late = (): void => {
        const error = this.notRead();
        if (error === undefined) timer = clock.schedule(late, WITHIN_MS, true);
        else waiter.reject(error);
      };
      let timer = clock.schedule(late, WITHIN_MS, true);
      this.waiters.add(waiter);
      this.look();
    });
  }

  /** Keeps the state while somebody needs it, and only then. */
  private look(): void {
    const { members, waiters, channelKeys, plan, room, feed } = this;
    const isUsed = members.size > 0 || waiters.size > 0 || this.refreshes > 0;
    const isNeeded = plan.listensAlways || isUsed || !channelKeys.isEmpty;
    if (isNeeded && !room.isLeft) {
      feed.start();
      return;
    }
    feed.stop();
    this.view = undefined;
    this.loading = undefined;
    this.source?.stop(() => room.downError('the cluster was left'));
    this.expiry.clearOthers();
  }

  private deliver(entry: StateEntry): void {
    this.received += 1;
    const view = this.loading ?? this.view!;
    const { key, id, ageMs } = entry;
    const { offset: version } = entry.position;
    const decoded = this.values.decoded(entry);
    if (decoded === undefined) view.reach(version);
    else {
      const { node, life } = decoded;
      const change = this.changeIn(view, entry, decoded);
      const isDelta = this.members.takeDeltas && this.loading === undefined;
      view.set(
        isDelta ? { ...change, delta: this.values.delta(view.change(key), change) } : change,
      );
      this.expiry.changed({ key, version, life, node, ageMs });
      this.channelKeys.changed(key, version, id, life.isNodeGone);
    }
    if (this.loading === undefined) this.members.changed();
    this.answerWaiters();
  }

  private reached(at: LogPosition, floor: number): void {
    const { loading } = this;
    if (loading !== undefined) {
      loading.forget(floor);
      this.view = loading;
      this.loading = undefined;
    }
    const view = this.view!;
    view.reach(at.offset);
    if (loading !== undefined) this.source?.begin();
    this.show();
    // Can be the end of the last need for the view.
    if (loading !== undefined) this.channelKeys.reached();
  }

  /** Brings the state to those that wait for it. */
  private show(): void {
    this.members.changed();
    this.answerWaiters();
  }

  private answerWaiters(): void {
    const { current } = this;
    if (current === undefined) return;
    for (const waiter of [...this.waiters]) waiter.resolve(current);
  }

  /**
   * Returns a change in the form of the view. Only a removal lets a change of an older row into the store, if its node does not keep the
   * state. The key stays removed then.
   */
  private changeIn(
    view: StateView<Value>,
    entry: StateEntry,
    decoded: DecodedEntry<Value>,
  ): ViewChange<Value> {
    const change = this.values.change(entry, decoded);
    const { key, rowVersion, position } = change;
    const before = view.change(key);
    const newest = before?.rowVersion;
    if (change.kept === undefined || rowVersion === undefined || newest === undefined)
      return change;
    if (rowVersion >= newest) return change;
    // If the key cannot be removed now, the next comparison with the database does it.
    this.storeRow(key, undefined, position.offset, newest).catch(() => {});
    const removed = { ...decoded, kept: undefined };
    // The page that brought the change does not have the removal.
    const isShown = before?.kept !== undefined;
    return {
      ...this.values.change({ ...entry, isRemoval: isShown }, removed),
      rowVersion: newest,
    };
  }

  private changeOf(entry: StateEntry): ViewChange<Value> | undefined {
    const decoded = this.values.decoded(entry);
    return decoded && this.values.change(entry, decoded);
  }

  private changedTooOften(key: string): ChannelError {
    const { name: group } = this;
    const text = `the key ${JSON.stringify(key)} of the state group ${group} changed ${MAX_TRIES} times in between`;
    return new ChannelError(DURABLE_ERRORS.STATE_CONFLICT, text, { group, key });
  }

  private conflict(
    key: string,
    expected: number | undefined,
    present: StateEntry | null,
  ): ChannelError {
    const version = present?.position.offset ?? 0;
    const text = `the key ${JSON.stringify(key)} of the state group ${this.name} has the version ${version}, not ${expected}`;
    const details = { group: this.name, key, version, expected: expected ?? -1 };
    return new ChannelError(DURABLE_ERRORS.STATE_CONFLICT, text, details);
  }

  private full(what: 'keys' | 'bytes'): RejectedError {
    const { keys, bytes } = this.plan.limits;
    const { name: group } = this;
    if (what === 'keys') {
      const text = `the state group ${group} has ${keys} keys (maxKeys)`;
      return new RejectedError(DURABLE_ERRORS.STATE_KEYS_FULL, text, { group, maxKeys: keys });
    }
    const text = `the state group ${group} would have more than ${bytes} bytes (maxBytes)`;
    return new RejectedError(DURABLE_ERRORS.STATE_BYTES_FULL, text, { group, maxBytes: bytes });
  }

  private tooOften(): RejectedError {
    const { perSecond: changesPerSecond } = this.plan.rate;
    const { name: group } = this;
    const text = `this node changes the state group ${group} more than ${changesPerSecond} times a second`;
    return new RejectedError(DURABLE_ERRORS.STATE_RATE, text, { group, changesPerSecond });
  }
}

/**
 * Returns the state group of this name. The first call makes the group. Later calls return the same group, and must not pass other
 * options. A state group does not share its name with other kinds of groups.
 *
 * @throws OptionError `OPTION_INVALID` for a wrong option or name; `OPTION_CONFLICT` for options that differ from those
 *   of the first call, and for a bus without a store for states
 * @example
 * ```ts run
 * import { Cluster } from '@headrace/cluster';
 * import { stateGroup } from '@headrace/durable';
 *
 * const cluster = await Cluster.join({ app: 'map' });
 * const vehicles = stateGroup<{ x: number; y: number }>(cluster, 'vehicles');
 * const { offset } = await vehicles.set('bus 7', { x: 1, y: 1 });
 * await vehicles.set('bus 7', { x: 2, y: 1 }, { version: offset });
 * await vehicles.update('bus 7', (at) => at && { ...at, y: at.y + 1 });
 * console.log((await vehicles.get('bus 7'))?.value); // prints { x: 2, y: 2 }
 * console.log(await vehicles.delete('bus 7')); // prints true
 * await cluster.leave();
 * ```
 */
export function stateGroup<Value = unknown>(
  cluster: Cluster<never>,
  name: string,
  options: StateGroupOptions<Value> = {},
): StateGroup<Value> {
  checkGroupName(name);
  const groups = additionOf(cluster, stateGroupsOfNode);
  const known = groups.get(name) as StateGroup<Value> | undefined;
  if (known !== undefined) {
    checkSameOptions(name, known.given, options);
    return known;
  }
  const port = portOf(cluster);
  const isAlive = (node: string): boolean => port.isAlive(node);
  const group = new StateGroup<Value>(name, wireOf(cluster), options, isAlive);
  if (groups.size === 0) {
    port.listen({
      received: () => {},
      peersChanged: () => {
        for (const one of groups.values()) one.peersChanged();
      },
      busChanged: () => {},
      leaving: async () => {
        await Promise.all(Array.from(groups.values(), (one) => one.leave()));
      },
    });
  }
  groups.set(name, group as StateGroup);
  return group;
}

function lifeOf({ ttlMs, channel }: StateLifetime): KeyLife {
  if (ttlMs === undefined && channel === undefined) return LASTING;
  return { ...LASTING, ttlMs, isOfChannel: channel !== undefined };
}

function stateGroupsOfNode(): Map<string, StateGroup> {
  return new Map();
}
