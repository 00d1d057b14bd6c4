import type { Cluster } from '@headrace/cluster';
import {
  additionOf,
  checkChannel,
  checkGroupName,
  checkSameOptions,
  GroupTable,
  type GroupWire,
  portOf,
  wireOf,
} from '@headrace/cluster/authoring';
import type { Channel } from '@headrace/core';
import type { LogPosition, StateEntry, StatePage } from '@headrace/store';
import { TOO_MANY_WAIT, WAS_LEFT } from '../durable-errors.ts';
import { Freshness } from '../feed/freshness.ts';
import { RoomFeed } from '../feed/room-feed.ts';
import { StateDatabase } from './database/state-database.ts';
import { ChannelKeys } from './keys/channel-keys.ts';
import { KeyExpiry } from './keys/key-expiry.ts';
import { KeyUpdates } from './keys/key-updates.ts';
import { LocalState, READ_WITHIN_MS } from './local-state.ts';
import { StateErrors } from './state-errors.ts';
import { type StateJoin, StateMembers } from './state-members.ts';
import type { StateValue } from './state-message.ts';
import {
  DELETE_OPTIONS,
  JOIN_OPTIONS,
  READ_OPTIONS,
  SET_OPTIONS,
  type StateGroupOptions,
  type StateJoinOptions,
  type StateLifetime,
  type StatePlan,
  type StateReadOptions,
  type StateSetOptions,
  type StateWriteOptions,
  statePlan,
  UPDATE_OPTIONS,
} from './state-options.ts';
import { StateOrder } from './state-order.ts';
import { StateRoom } from './state-room.ts';
import { StateValues } from './state-values.ts';
import type { StateView } from './state-view.ts';
import { StateWrites, type StoredChange } from './state-writes.ts';

/** Counts of a {@link StateGroup} on this node since it was made. */
export interface StateGroupCounters {
  /** Number of changes that this node was asked for and that were stored. */
  readonly stored: number;
  /** Number of changes that this node was asked for and that were refused or failed. */
  readonly failed: number;
  /** Number of changes of all nodes that arrived. Changes that were replaced before this node read them are not counted. */
  readonly received: number;
}

/** What a {@link StateGroup} needs of its node. */
export interface StateGroupNode {
  isAlive(node: string): boolean;
  /** Called when the group begins to be in use on this node, and when it ends. */
  keep(group: StateGroup<never>, isUsed: boolean): void;
}

/**
 * A state that the members of all nodes see: keys with values. {@link stateGroup} makes the group.
 *
 * A member gets the state as it is, and then each change, in the order of the store. A member that is slow gets the newest value of
 * each key. The store gives each change a version, which is higher than all versions before. While a node has members, it keeps
 * the state in memory.
 *
 * While a node cannot read the store, the group is stale there: its members get a further `begin`, and `ready` when they have again what
 * the store has. The events `stale` and `fresh` and {@link isStale} say so to the application.
 */
export class StateGroup<Value = unknown> extends Freshness implements Iterable<Channel> {
  /** The name of the group, the same on all nodes. */
  readonly name: string;
  /** @internal The options that later calls must agree with. */
  readonly given: object;
  private readonly plan: StatePlan<Value>;
  private readonly room: StateRoom;
  private readonly errors: StateErrors;
  private readonly values: StateValues<Value>;
  private readonly feed: RoomFeed<StateEntry, StatePage>;
  private readonly local: LocalState<Value>;
  private readonly members: StateMembers<Value>;
  private readonly expiry: KeyExpiry;
  private readonly channelKeys: ChannelKeys<Value>;
  private readonly writes: StateWrites<Value>;
  private readonly updates: KeyUpdates<Value>;
  private readonly database: StateDatabase<Value> | undefined = undefined;
  /** Number of calls of `refresh` that are under way. */
  private refreshes = 0;
  private received = 0;
  private readonly keep: StateGroupNode['keep'];
  /** Whether the store is open. */
  private isOpen = false;

  /** @internal @throws OptionError */
  constructor(
    name: string,
    wire: GroupWire,
    options: StateGroupOptions<Value>,
    { isAlive, keep }: StateGroupNode,
  ) {
    super(wire.host.logger, `the state group ${name}`);
    const plan = statePlan(options);
    const { limits } = plan;
    const { clock, random, logger } = wire.host;
    const room = new StateRoom(wire, name, limits);
    const errors = new StateErrors(name, limits, plan.rate);
    const values = new StateValues(room, plan);
    this.name = name;
    this.given = options;
    this.plan = plan;
    this.room = room;
    this.errors = errors;
    this.values = values;
    const caughtUp = (): Promise<void> => this.feed.caughtUp();
    const look = (): void => this.look();
    const notRead = (): Error | undefined => this.notRead();
    const isStale = (): boolean => this.isStale;
    const left = (): Error | undefined => (room.isLeft ? room.downError(WAS_LEFT) : undefined);
    this.feed = new RoomFeed(room, new StateOrder(), 0, {
      isOurs: (entry) => values.isOurs(entry),
      deliver: (entry) => this.deliver(entry),
      skipped: () => {},
      moved: () => {},
      restarted: ({ epoch }) => this.restarted(epoch),
      reached: (at, floor) => this.reached(at, floor),
      freshnessChanged: () => this.freshnessChanged(),
      isBusy: () => false,
      onceFree: (listener) => listener(),
    });
    this.local = new LocalState<Value>({
      ...{ clock, caughtUp, notRead, isStale, left, waits: look },
      maxRemovals: limits.removals,
      full: () => room.downError(TOO_MANY_WAIT),
      hasAgreed: () => this.database?.source.hasAgreed !== false,
    });
    this.members = new StateMembers<Value>({
      ...{ clock, group: name, caughtUp, notRead, isStale, left, went: look },
      view: () => this.local.shown,
      formatted: (message) => values.formatted(message),
    });
    this.expiry = new KeyExpiry({
      ...{ clock, random, isAlive },
      nodeId: () => wire.nodeId,
      removeKey: (key, version, isNodeGone) => this.writes.remove(key, version, isNodeGone),
    });
    const channelKeys = new ChannelKeys<Value>({
      ...{ clock, caughtUp, went: look },
      setAgain: (key, begun) => this.writes.setAgain(key, begun),
      removeKey: (key, version) => this.writes.remove(key, version, false),
    });
    this.channelKeys = channelKeys;
    const stored = (change: StoredChange): void => this.isStored(change);
    this.writes = new StateWrites({ room, plan, values, errors, channelKeys, stored, came: look });
    const { writes } = this;
    this.updates = new KeyUpdates<Value>({
      ...{ values, writes, errors },
      current: () => this.local.current,
      read: (key) => this.get(key),
    });
    if (plan.source !== undefined) {
      const owner = {
        ...{ clock, logger, random, group: name, maxKeys: limits.keys },
        ...{ values, writes, errors, caughtUp },
        view: () => this.local.whole,
        agreed: () => this.show(),
      };
      this.database = new StateDatabase(owner, plan.source);
    }
    this.keep = keep;
    room.onUse = (isOpen) => {
      this.isOpen = isOpen;
      this.listenersChanged();
    };
    this.listenersChanged();
    this.look();
  }

  /** The number of members on this node. */
  get size(): number {
    return this.members.size;
  }

  /** A copy of the counts since the group was made. */
  get counters(): StateGroupCounters {
    const { stored, failed } = this.writes;
    return { stored, failed, received: this.received };
  }

  get isStale(): boolean {
    return this.feed.isStale;
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
   * knew, or removals are forgotten that it has not seen. A second call during a join returns the same promise, and holds the
   * reads of the channel until the join is over. A call for a member begins again.
   *
   * Rejects with `BUS_DOWN` if the state could not be read for 5 s, with the error of {@link refresh} if the database could not be read for
   * as long, and with `CHANNEL_CLOSED`. The channel is not a member then. After `Cluster.leave`, rejects with `BUS_DOWN` at once.
   *
   * @param position - the epoch of the last `begin`, and the highest version, that the member has received
   * @throws OptionError `OPTION_INVALID` for a value that is not a channel
   */
  join(
    channel: Channel,
    position?: LogPosition,
    options: StateJoinOptions = {},
  ): Promise<StateJoin> {
    const { deltas } = JOIN_OPTIONS.resolve(options);
    checkChannel(channel);
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
    this.checkOptions({ version: expected, ...lifetime }, rowVersion);
    if (value === undefined) throw new TypeError(`set(${key}): delete removes a key`);
    const { database, writes } = this;
    if (rowVersion !== undefined) return (await database!.set(key, value, rowVersion)).position!;
    const answer = await writes.change({ key, value, expected, ...lifetime });
    if ('position' in answer) return answer.position;
    throw this.errors.conflict(key, expected, answer.conflict);
  }

  /** Removes a key. Resolves with true if the key existed. Rejects like {@link set}. */
  async delete(key: string, options: StateWriteOptions = {}): Promise<boolean> {
    const { version: expected, rowVersion } = DELETE_OPTIONS.resolve(options);
    this.checkOptions({ version: expected }, rowVersion);
    const { database, writes } = this;
    if (rowVersion !== undefined) return (await database!.set(key, undefined, rowVersion)).isStored;
    const answer = await writes.change({ key, value: undefined, expected });
    if ('position' in answer) return true;
    const isAbsent = answer.conflict === null && (expected === undefined || expected === 0);
    if (isAbsent) return false;
    throw this.errors.conflict(key, expected, answer.conflict);
  }

  /**
   * Changes a key by its present value, and repeats that while other nodes change the key in between. Resolves with the new value and
   * its version, or with undefined if the key does not exist then. The key keeps nothing of the life that it had: see the options.
   *
   * Updates of one key on one node wait for each other. Those that wait are made one after another with a single write, which counts
   * once for `changesPerSecond`. Each resolves with its own value. If the next one has replaced this value in the same write, the
   * version is the one before the write, so that {@link set} with this version is refused.
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
    if (this.database !== undefined) throw this.errors.notWithDatabase('update');
    return this.updates.update(key, change, lifetime);
  }

  /**
   * Reads the database of `getState` now, and stores the differences as changes of the group. Resolves when they are stored. Call it
   * after changes of the database of which the group was not told.
   *
   * Rejects with `STATE_NOT_READ` if `getState` fails, with the errors of {@link set} if a difference cannot be stored, and with
   * `OPTION_CONFLICT` in a group without `getState`.
   */
  async refresh(): Promise<void> {
    if (this.database === undefined) throw this.errors.withoutDatabase('getState');
    const refreshed = this.database.source.refresh();
    this.refreshes += 1;
    try {
      await Promise.all([refreshed, this.local.loaded()]);
    } finally {
      this.refreshes -= 1;
      this.look();
    }
  }

  /**
   * Resolves with the value of a key as the members of this node have it, or with undefined. It is not older than a change that this
   * node has stored before the call. A node that does not keep the state reads it. While the group {@link isStale}, the call waits for the
   * store, except with `allowStale`. Rejects with `BUS_DOWN` or the error of
   * {@link refresh} if it could not be read for 5 s.
   */
  async get(key: string, options: StateReadOptions = {}): Promise<StateValue<Value> | undefined> {
    return (await this.read(options)).get(key);
  }

  /** Resolves with the values of all keys, in the order of their versions, as {@link get} does. */
  async entries(options: StateReadOptions = {}): Promise<Map<string, StateValue<Value>>> {
    return (await this.read(options)).entries();
  }

  /** @internal Removes the keys of this node's channels, stores the changes under way, and ends with the node. */
  async leave(): Promise<void> {
    if (this.room.wire.bus.state === 'up') {
      this.channelKeys.removeAll();
      await this.writes.settled();
    }
    this.room.isLeft = true;
    const error = this.room.downError(WAS_LEFT);
    this.members.fail(error);
    this.local.fail(error);
    this.expiry.clear();
    this.channelKeys.clear();
    this.look();
  }

  /** @internal Called when a node may be gone. */
  peersChanged(): void {
    this.expiry.peersChanged();
  }

  /** A group with listeners stays, although nobody refers to it. */
  protected override listenersChanged(): void {
    this.keep(this as never, this.isOpen || this.eventNames().length > 0);
  }

  private async read(options: StateReadOptions): Promise<StateView<Value>> {
    const { allowStale } = READ_OPTIONS.resolve(options);
    const { local } = this;
    return (allowStale ? local.shown : undefined) ?? (await local.loaded());
  }

  private freshnessChanged(): void {
    this.show();
    this.emit(this.isStale ? 'stale' : 'fresh');
  }

  /** @throws OptionError for options that the database of `getState` decides about, and for versions of rows without it */
  private checkOptions(options: object, rowVersion: number | undefined): void {
    if (this.database === undefined) {
      if (rowVersion === undefined) return;
      throw this.errors.withoutDatabase('rowVersion', ', so its keys have no rowVersion');
    }
    for (const [option, value] of Object.entries(options)) {
      if (value !== undefined) throw this.errors.notWithDatabase(option);
    }
  }

  /** Called when this node has stored a change. */
  private isStored({ id, key, position, life }: StoredChange): void {
    const { feed, expiry, channelKeys, room } = this;
    const { epoch, offset: version } = position;
    if (feed.isStarted) {
      this.local.stored(position);
      feed.expect(position);
    } else expiry.enter(epoch);
    if (epoch === expiry.epoch) {
      expiry.changed({ key, version, life, node: room.wire.nodeId, ageMs: 0 });
      channelKeys.stored(id, version);
    } else channelKeys.failed(id);
  }

  /** Returns why the state is not there in time, or undefined while the database can still give it. */
  private notRead(): Error | undefined {
    const source = this.database?.source;
    if (source?.isUnderWay === true) return undefined;
    return source?.error ?? this.room.downError(`could not be read for ${READ_WITHIN_MS} ms`);
  }

  /** Keeps the state while somebody needs it, and only then. */
  private look(): void {
    const { members, local, channelKeys, plan, room, feed } = this;
    const isUsed = members.size > 0 || local.isAwaited || this.refreshes > 0;
    const isNeeded = plan.listensAlways || isUsed || !channelKeys.isEmpty;
    if (isNeeded && !room.isLeft) {
      feed.start();
      return;
    }
    feed.stop();
    local.clear();
    this.database?.source.stop(() => room.downError(WAS_LEFT));
    this.expiry.clearOthers();
  }

  private deliver(entry: StateEntry): void {
    this.received += 1;
    const { local, values, members, database } = this;
    const view = local.next;
    const { key, id, ageMs } = entry;
    const { offset: version } = entry.position;
    const decoded = values.decoded(entry);
    if (decoded === undefined) view.reach(version);
    else {
      const { node, life } = decoded;
      const change = database?.changeIn(view, entry, decoded) ?? values.change(entry, decoded);
      const isDelta = members.takeDeltas && !local.isLoading;
      view.set(isDelta ? { ...change, delta: values.delta(view.change(key), change) } : change);
      this.expiry.changed({ key, version, life, node, ageMs });
      this.channelKeys.changed(key, version, id, life.isNodeGone);
    }
    if (!local.isLoading) members.changed();
    local.answer();
  }

  private restarted(epoch: string): void {
    this.local.restart(epoch);
    this.expiry.enter(epoch);
    this.channelKeys.restarted();
    this.database?.source.restart();
  }

  private reached({ offset }: LogPosition, floor: number): void {
    const isNew = this.local.reached(offset, floor);
    if (isNew) this.database?.source.begin();
    this.show();
    // Can be the end of the last need for the state.
    if (isNew) this.channelKeys.reached();
  }

  /** Brings the state to those that wait for it. */
  private show(): void {
    this.members.changed();
    this.local.answer();
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
  const group = new StateGroup<Value>(name, wireOf(cluster), options, {
    isAlive: (node) => port.isAlive(node),
    keep: (one, isUsed) => groups.keep(one, isUsed),
  });
  if (!groups.isListening) {
    groups.isListening = true;
    port.listen({
      received: () => {},
      peersChanged: () => {
        for (const one of groups.all()) one.peersChanged();
      },
      busChanged: () => {},
      leaving: async () => {
        await Promise.all(groups.all().map((one) => one.leave()));
      },
    });
  }
  // The node itself comes first.
  if (cluster.nodes[0]!.state === 'left') void group.leave();
  return group;
}

/** The state groups of a node. What counts is in the store, so a group is needed no longer than somebody uses it. */
class StateGroups extends GroupTable<StateGroup<never>> {
  /** Whether the groups hear of the node. */
  isListening = false;
}

function stateGroupsOfNode(): StateGroups {
  return new StateGroups();
}
