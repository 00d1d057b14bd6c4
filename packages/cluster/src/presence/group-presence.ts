import type { OwnMembers } from './own-members.ts';
import type { LeaveReason, Member, PresenceMachine } from './presence-machine.ts';

/** Notified of ids that join and leave. */
export interface PresenceListener {
  joined(id: string, node: string): void;
  left(id: string, node: string, reason: LeaveReason): void;
}

/** The owner of a {@link GroupPresence}. */
export interface GroupPresenceOwner {
  readonly nodeId: string;
  changed(members: OwnMembers): void;
  freed(members: OwnMembers): void;
}

/** The members of one group on all nodes, as far as this node knows. */
export class GroupPresence {
  /** Undefined if members are only counted. */
  readonly listener: PresenceListener | undefined;
  /** Whether the known members of other nodes have been announced. Earlier changes are not announced. */
  isAnnounced = false;
  private readonly owner: GroupPresenceOwner;
  private readonly own: OwnMembers;
  private readonly others: PresenceMachine;

  constructor(
    owner: GroupPresenceOwner,
    own: OwnMembers,
    others: PresenceMachine,
    listener: PresenceListener | undefined,
  ) {
    this.owner = owner;
    this.own = own;
    this.others = others;
    this.listener = listener;
  }

  get total(): number {
    return this.own.count + this.others.total(this.own.group);
  }

  /** Returns each id with its node, this node first. */
  *who(): IterableIterator<Member> {
    const node = this.owner.nodeId;
    for (const id of this.own.ids()) yield { id, node };
    yield* this.others.who(this.own.group);
  }

  /** Returns the other nodes that have a member with the id. */
  holders(id: string): string[] {
    return this.others.holders(this.own.group, id);
  }

  /** @param id - undefined for a member that is only counted */
  add(id: string | undefined): void {
    if (this.own.add(id)) this.listener?.joined(id!, this.owner.nodeId);
    this.owner.changed(this.own);
  }

  /** @param id - the id that was passed to `add` */
  remove(id: string | undefined): void {
    if (this.own.remove(id)) this.listener?.left(id!, this.owner.nodeId, 'left');
    this.owner.changed(this.own);
  }

  /** Frees the group, which has no members on this node. The members of other nodes can still be read. */
  free(): void {
    this.owner.freed(this.own);
  }

  /** Announces the ids that other nodes had before. */
  announce(): void {
    this.isAnnounced = true;
    for (const { id, node } of this.others.who(this.own.group)) this.listener?.joined(id, node);
  }
}
