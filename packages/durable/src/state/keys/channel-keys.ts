import type { Channel, Clock, Timer } from '@headrace/core';

/** A key that lives as long as a channel of this node. */
export interface ChannelKey<Value> {
  readonly channel: Channel;
  readonly key: string;
  readonly value: Value;
  readonly ttlMs: number | undefined;
}

/** The parts of its group that {@link ChannelKeys} works with. */
export interface ChannelKeysOwner<Value> {
  readonly clock: Clock;
  /** Resolves after a read of the store that begins now or later. */
  caughtUp(): Promise<void>;
  /**
   * Sets a key that must not exist. Calls `begun` with the id first, and {@link ChannelKeys.stored} when it is stored. Resolves with
   * the id of the change that the key already has, if it exists. Rejects if nothing is known.
   */
  setAgain(key: ChannelKey<Value>, begun: (id: string) => void): Promise<string | undefined>;
  /** Removes a key that has this version. Rejects if that is not known to have happened. */
  removeKey(key: string, version: number): Promise<void>;
  /** Called when the last key is gone. */
  went(): void;
}

interface Held<Value> extends ChannelKey<Value> {
  /** The ids under which the change may be stored. */
  readonly ids: Set<string>;
  /** The version of the key, or 0 while it is not known. */
  version: number;
  /** Whether the answer to a change is awaited. */
  isWriting: boolean;
  /** Whether the channel has closed. */
  isOver: boolean;
  timer: Timer | undefined;
}

/** Time after which a change that failed is repeated. */
const RETRY_DELAY_MS = 1000;

/**
 * The keys of a state group that live as long as channels of this node. The node removes them when their channel closes, and sets
 * them again when other nodes have removed them because they took this node for gone, or when the store has lost them. A key that
 * somebody else changes does not belong to its channel any more.
 */
export class ChannelKeys<Value> {
  private readonly owner: ChannelKeysOwner<Value>;
  /** By the ids of changes that may be stored. */
  private readonly byId = new Map<string, Held<Value>>();
  /** The changes that are stored, or were. */
  private readonly byKey = new Map<string, Held<Value>>();
  private readonly byChannel = new Map<Channel, Set<Held<Value>>>();
  private readonly onClosed = (channel: Channel): void => this.closed(channel);

  constructor(owner: ChannelKeysOwner<Value>) {
    this.owner = owner;
  }

  get isEmpty(): boolean {
    return this.byChannel.size === 0;
  }

  /** Called before a change is stored under an id. */
  begin(id: string, { channel, key, value, ttlMs }: ChannelKey<Value>): void {
    const held: Held<Value> = {
      ...{ channel, key, value, ttlMs },
      ids: new Set([id]),
      version: 0,
      isWriting: true,
      isOver: false,
      timer: undefined,
    };
    this.byId.set(id, held);
    let ofChannel = this.byChannel.get(channel);
    if (ofChannel === undefined) {
      ofChannel = new Set();
      this.byChannel.set(channel, ofChannel);
      channel.onClosed(this.onClosed);
    }
    ofChannel.add(held);
  }

  /** Called when a change was stored, or arrives from the store. */
  stored(id: string, version: number): void {
    const held = this.byId.get(id);
    if (held === undefined || held.version >= version) return;
    const former = this.byKey.get(held.key);
    if (former !== undefined && former !== held) {
      if (former.version > version) {
        this.drop(held);
        return;
      }
      this.drop(former);
    }
    held.version = version;
    held.isWriting = false;
    this.byKey.set(held.key, held);
    if (held.isOver) this.remove(held);
  }

  /** Called when it is known that the change of an id is not stored. */
  refused(id: string): void {
    const held = this.byId.get(id);
    if (held !== undefined) this.drop(held);
  }

  /** Called when it is not known whether the change of an id is stored. */
  failed(id: string): void {
    const held = this.byId.get(id);
    if (held !== undefined) void this.lookFor(held);
  }

  /**
   * Called with each change of the store, in order.
   *
   * @param isNodeGone - whether another node removed the key because it took this node for gone
   */
  changed(key: string, version: number, id: string, isNodeGone: boolean): void {
    this.stored(id, version);
    const held = this.byKey.get(key);
    if (held === undefined || held.ids.has(id) || version <= held.version) return;
    if (isNodeGone && !held.isOver) this.setAgain(held);
    else this.drop(held);
  }

  /** Called before the whole state arrives again. */
  restarted(): void {
    for (const held of this.byKey.values()) held.version = 0;
  }

  /** Called when the whole state has arrived. */
  reached(): void {
    for (const held of [...this.byKey.values()]) {
      if (held.version > 0 || held.isWriting || held.timer !== undefined) continue;
      if (held.isOver) this.drop(held);
      else this.setAgain(held);
    }
  }

  /** Removes all keys. */
  removeAll(): void {
    for (const channel of [...this.byChannel.keys()]) this.closed(channel);
  }

  /** Forgets all keys, and leaves them in the store. */
  clear(): void {
    for (const ofChannel of [...this.byChannel.values()]) {
      for (const held of [...ofChannel]) this.drop(held);
    }
  }

  private closed(channel: Channel): void {
    for (const held of [...(this.byChannel.get(channel) ?? [])]) {
      if (held.isOver) continue;
      held.isOver = true;
      if (held.version > 0) this.remove(held);
      else if (!held.isWriting) void this.lookFor(held);
    }
  }

  private drop(held: Held<Value>): void {
    const { channel, key, ids } = held;
    held.timer?.cancel();
    for (const id of ids) this.byId.delete(id);
    if (this.byKey.get(key) === held) this.byKey.delete(key);
    const ofChannel = this.byChannel.get(channel);
    if (ofChannel?.delete(held) !== true || ofChannel.size > 0) return;
    this.byChannel.delete(channel);
    channel.offClosed(this.onClosed);
    if (this.isEmpty) this.owner.went();
  }

  private remove(held: Held<Value>): void {
    this.owner.removeKey(held.key, held.version).then(
      () => this.drop(held),
      () => this.later(held, () => this.remove(held)),
    );
  }

  private setAgain(held: Held<Value>): void {
    if (held.isOver) {
      void this.lookFor(held);
      return;
    }
    held.version = 0;
    held.isWriting = true;
    const begun = (id: string): void => {
      held.ids.add(id);
      this.byId.set(id, held);
    };
    this.owner.setAgain(held, begun).then(
      (existing) => {
        if (existing === undefined) return;
        // An earlier change of this node was stored late.
        if (held.ids.has(existing)) void this.found(held);
        else this.drop(held);
      },
      () => {
        held.isWriting = false;
        if (held.isOver) void this.lookFor(held);
        else this.later(held, () => this.setAgain(held));
      },
    );
  }

  /** Forgets a change that is not in the store. Otherwise it has arrived from there. */
  private async lookFor(held: Held<Value>): Promise<void> {
    held.isWriting = false;
    await this.owner.caughtUp();
    if (held.version === 0) this.drop(held);
  }

  /** Waits until a change arrives that is in the store. Sets the key again if the store has lost it meanwhile. */
  private async found(held: Held<Value>): Promise<void> {
    held.isWriting = false;
    await this.owner.caughtUp();
    const isPresent = held.version > 0 || held.isWriting || held.timer !== undefined;
    if (!isPresent && this.byKey.get(held.key) === held) this.setAgain(held);
  }

  private later(held: Held<Value>, task: () => void): void {
    if (this.byKey.get(held.key) !== held || held.timer !== undefined) return;
    held.timer = this.owner.clock.deadlines.schedule(() => {
      held.timer = undefined;
      if (this.byKey.get(held.key) === held) task();
    }, RETRY_DELAY_MS);
  }
}
