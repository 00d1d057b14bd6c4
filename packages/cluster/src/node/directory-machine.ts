import type { Heartbeat, NodeInfo, NodeLife, NodeStatus } from './node-info.ts';

/** An event of the directory. */
export type DirectoryAction =
  /** A node sent its first heartbeat, or its first after it was gone. */
  | { readonly do: 'joined'; readonly node: NodeInfo }
  /** The status or the life of a node changed. */
  | { readonly do: 'changed'; readonly node: NodeInfo }
  | { readonly do: 'left'; readonly node: NodeInfo; readonly reason: 'left' | 'node-gone' }
  /** A node that sent messages, but never a heartbeat, is silent now. */
  | { readonly do: 'vanished'; readonly id: string }
  /** A node was forgotten. */
  | { readonly do: 'forgotten'; readonly id: string };

/** The times of silence after which a node changes its life, in milliseconds. */
export interface DirectoryTimes {
  readonly suspectMs: number;
  readonly goneMs: number;
  readonly forgetMs: number;
}

interface Entry {
  status: NodeStatus;
  /** `unannounced`: the node sent messages, but no heartbeat since it is known, or since it was gone. */
  life: NodeLife | 'unannounced';
  heardAt: number;
  /** Whether the node sent a second heartbeat. An invented id sends only one. */
  isKnown: boolean;
}

/** Maximum number of nodes, far more than a bus can serve. Without a limit, invented ids could fill the memory. */
const MAX_NODES = 10_000;
const NO_STATUS: NodeStatus = {
  state: 'ready',
  address: undefined,
  connections: 0,
  load: 0,
  roles: [],
};

/** The running nodes, by their heartbeats. The machine has no clock and no bus. */
export class DirectoryMachine {
  private readonly times: DirectoryTimes;
  private readonly entries = new Map<string, Entry>();

  constructor(times: DirectoryTimes) {
    this.times = times;
  }

  heard(id: string, heartbeat: Heartbeat, now: number): DirectoryAction[] {
    const { nonce: _nonce, presence: _presence, isGone, ...status } = heartbeat;
    const entry = this.entries.get(id);
    if (status.state === 'left') return this.left(id, entry, status, isGone === true);
    if (entry === undefined) {
      const actions = this.entries.size < MAX_NODES ? [] : this.makeRoom();
      if (this.entries.size >= MAX_NODES) return [];
      this.entries.set(id, { status, life: 'alive', heardAt: now, isKnown: false });
      return [...actions, { do: 'joined', node: this.get(id)! }];
    }
    const { life, status: before } = entry;
    entry.heardAt = now;
    entry.isKnown = true;
    entry.life = 'alive';
    entry.status = status;
    if (life === 'gone' || life === 'unannounced') return [{ do: 'joined', node: this.get(id)! }];
    const isSame = life === 'alive' && JSON.stringify(before) === JSON.stringify(status);
    return isSame ? [] : [{ do: 'changed', node: this.get(id)! }];
  }

  /** Notes a message that is not a heartbeat. Returns false if there are too many nodes to remember the sender. */
  noteActivity(id: string, now: number): boolean {
    const entry = this.entries.get(id);
    if (entry === undefined) {
      if (this.entries.size >= MAX_NODES) return false;
      this.entries.set(id, {
        status: NO_STATUS,
        life: 'unannounced',
        heardAt: now,
        isKnown: false,
      });
    } else if (entry.life === 'gone') {
      entry.life = 'unannounced';
      entry.heardAt = now;
    }
    return true;
  }

  /** Checks the times of silence. */
  look(now: number): DirectoryAction[] {
    const { suspectMs, goneMs, forgetMs } = this.times;
    const actions: DirectoryAction[] = [];
    for (const [id, entry] of this.entries) {
      const silentMs = now - entry.heardAt;
      if (entry.life === 'alive' && silentMs >= suspectMs) {
        entry.life = 'suspect';
        actions.push({ do: 'changed', node: this.get(id)! });
      }
      if (entry.life === 'suspect' && silentMs >= goneMs) {
        entry.life = 'gone';
        actions.push({ do: 'left', node: this.get(id)!, reason: 'node-gone' });
      }
      if (entry.life === 'unannounced' && silentMs >= goneMs) {
        entry.life = 'gone';
        actions.push({ do: 'vanished', id });
      }
      if (entry.life === 'gone' && silentMs >= forgetMs) {
        actions.push({ do: 'forgotten', id });
        this.entries.delete(id);
      }
    }
    return actions;
  }

  /**
   * Adds the time in which this process stood still, or had no bus, to the times of the last heartbeats. Two such periods can
   * overlap.
   */
  suspended(ms: number, now: number): void {
    for (const entry of this.entries.values()) entry.heardAt = Math.min(now, entry.heardAt + ms);
  }

  get(id: string): NodeInfo | undefined {
    const entry = this.entries.get(id);
    if (entry === undefined) return undefined;
    const { life, status } = entry;
    return life === 'unannounced' ? undefined : { id, life, ...status };
  }

  /** Returns true for a node that is not gone, with or without a heartbeat. */
  isAlive(id: string): boolean {
    const entry = this.entries.get(id);
    return entry !== undefined && entry.life !== 'gone';
  }

  /** Returns the nodes that sent a heartbeat and are not gone. */
  list(): NodeInfo[] {
    return [...this.entries.keys()]
      .map((id) => this.get(id))
      .filter((node): node is NodeInfo => node !== undefined && node.life !== 'gone');
  }

  /** Forgets a node that sent no second heartbeat, or that is gone, if such a node exists. */
  private makeRoom(): DirectoryAction[] {
    for (const [id, entry] of this.entries) {
      if (!entry.isKnown || entry.life === 'gone') return this.forget(id, entry, 'node-gone');
    }
    return [];
  }

  private left(
    id: string,
    entry: Entry | undefined,
    status: NodeStatus,
    isGone: boolean,
  ): DirectoryAction[] {
    if (entry === undefined) return [];
    if (!isGone) entry.status = status;
    return this.forget(id, entry, isGone ? 'node-gone' : 'left');
  }

  private forget(id: string, { life }: Entry, reason: 'left' | 'node-gone'): DirectoryAction[] {
    const forgotten: DirectoryAction = { do: 'forgotten', id };
    const node = this.get(id);
    this.entries.delete(id);
    if (life === 'unannounced') return [{ do: 'vanished', id }, forgotten];
    if (life === 'gone') return [forgotten];
    const last: NodeInfo = reason === 'left' ? node! : { ...node!, life: 'gone' };
    return [{ do: 'left', node: last, reason }, forgotten];
  }
}
