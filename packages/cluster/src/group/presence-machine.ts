/** A member on any node. */
export interface Member {
  /** What `idOf` gave. */
  readonly id: string;
  /** The node that has the connection. */
  readonly node: string;
}

/** A change of one node's members, as it goes over the bus. */
export interface PresenceDelta {
  /** The version after it. */
  readonly version: number;
  /** The version before it; equal to `version` where nothing changed: a reminder. */
  readonly from: number;
  /** Members after it. */
  readonly count: number;
  readonly joined: readonly string[];
  readonly left: readonly string[];
}

/** One page of all ids of a node. */
export interface PresencePage {
  readonly version: number;
  readonly count: number;
  readonly page: number;
  readonly pages: number;
  readonly ids: readonly string[];
}

/** What follows from a message. */
export type PresenceAction =
  | { readonly do: 'joined'; readonly id: string; readonly node: string }
  | {
      readonly do: 'left';
      readonly id: string;
      readonly node: string;
      readonly reason: LeaveReason;
    }
  /** Something was missed: the node is to send all its ids. */
  | { readonly do: 'ask'; readonly node: string };

/** Why an id is not on a node any more: its last member left, or the node is gone. */
export type LeaveReason = 'left' | 'node-gone';

interface Remote {
  version: number;
  count: number;
  ids: Set<string>;
  /** Pages of a snapshot that are there. */
  snapshot:
    | {
        readonly version: number;
        readonly count: number;
        readonly pages: Map<number, readonly string[]>;
      }
    | undefined;
  /** What came before the snapshot that it builds on. */
  waiting: PresenceDelta[];
  isAsked: boolean;
}

/** What waits for a snapshot at most; beyond, another snapshot is asked for. */
const MAX_WAITING = 1000;
/** Pages of 1000 ids: a million members of one node. */
const MAX_PAGES = 1000;

/**
 * What a node knows of the members of one group on the other nodes. Each node alone writes its own members, with a
 * version that grows; so views cannot conflict, only be behind. Without clock and bus.
 */
export class PresenceMachine {
  private readonly remotes = new Map<string, Remote>();
  private readonly hasIds: boolean;

  constructor(hasIds: boolean) {
    this.hasIds = hasIds;
  }

  /** Members elsewhere. */
  get total(): number {
    let sum = 0;
    for (const { count } of this.remotes.values()) sum += count;
    return sum;
  }

  *who(): IterableIterator<Member> {
    for (const [node, { ids }] of this.remotes) for (const id of ids) yield { id, node };
  }

  delta(node: string, delta: PresenceDelta): PresenceAction[] {
    const remote = this.remoteOf(node);
    if (!this.hasIds) {
      if (delta.version >= remote.version) this.count(remote, delta);
      return [];
    }
    if (delta.version <= remote.version) return [];
    if (delta.from === remote.version) return this.apply(node, remote, delta);
    if (delta.from < delta.version) remote.waiting.push(delta);
    if (remote.waiting.length > MAX_WAITING) remote.waiting = [];
    return this.ask(node, remote);
  }

  /** A node that was gone is back: what it has by now is not known. */
  returned(node: string): PresenceAction[] {
    return this.ask(node, this.remoteOf(node));
  }

  page(node: string, page: PresencePage): PresenceAction[] {
    const remote = this.remotes.get(node);
    if (remote === undefined || page.pages > MAX_PAGES) return [];
    if (!this.hasIds) {
      remote.isAsked = false;
      if (page.version >= remote.version) this.count(remote, page);
      return [];
    }
    if (page.version <= remote.version && remote.version > 0) {
      remote.isAsked = false;
      remote.waiting = [];
      return [];
    }
    let { snapshot } = remote;
    if (snapshot === undefined || snapshot.version < page.version) {
      snapshot = { version: page.version, count: page.count, pages: new Map() };
      remote.snapshot = snapshot;
    }
    if (snapshot.version !== page.version) return [];
    snapshot.pages.set(page.page, page.ids);
    if (snapshot.pages.size < page.pages) return [];
    remote.snapshot = undefined;
    remote.isAsked = false;
    const { version, count } = snapshot;
    return this.replace(node, remote, new Set([...snapshot.pages.values()].flat()), version, count);
  }

  /** The snapshot that was asked for did not come. */
  unanswered(node: string): PresenceAction[] {
    const remote = this.remotes.get(node);
    if (remote === undefined || !remote.isAsked) return [];
    remote.isAsked = false;
    remote.snapshot = undefined;
    return this.ask(node, remote);
  }

  gone(node: string, reason: LeaveReason): PresenceAction[] {
    const remote = this.remotes.get(node);
    this.remotes.delete(node);
    return [...(remote?.ids ?? [])].map((id) => ({ do: 'left', id, node, reason }));
  }

  private replace(
    node: string,
    remote: Remote,
    ids: Set<string>,
    version: number,
    count: number,
  ): PresenceAction[] {
    const before = remote.ids;
    remote.ids = ids;
    this.count(remote, { version, count });
    const actions: PresenceAction[] = [];
    for (const id of before) {
      if (!ids.has(id)) actions.push({ do: 'left', id, node, reason: 'left' });
    }
    for (const id of ids) if (!before.has(id)) actions.push({ do: 'joined', id, node });
    const { waiting } = remote;
    remote.waiting = [];
    for (const delta of waiting) actions.push(...this.delta(node, delta));
    return actions;
  }

  private apply(node: string, remote: Remote, delta: PresenceDelta): PresenceAction[] {
    this.count(remote, delta);
    const actions: PresenceAction[] = [];
    for (const id of delta.left) {
      if (remote.ids.delete(id)) actions.push({ do: 'left', id, node, reason: 'left' });
    }
    for (const id of delta.joined) {
      if (remote.ids.has(id)) continue;
      remote.ids.add(id);
      actions.push({ do: 'joined', id, node });
    }
    return actions;
  }

  private count(remote: Remote, { version, count }: { version: number; count: number }): void {
    remote.version = version;
    remote.count = count;
  }

  private ask(node: string, remote: Remote): PresenceAction[] {
    if (remote.isAsked) return [];
    remote.isAsked = true;
    return [{ do: 'ask', node }];
  }

  private remoteOf(node: string): Remote {
    let remote = this.remotes.get(node);
    if (remote === undefined) {
      remote = {
        version: 0,
        count: 0,
        ids: new Set(),
        snapshot: undefined,
        waiting: [],
        isAsked: false,
      };
      this.remotes.set(node, remote);
    }
    return remote;
  }
}
