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
  /** Publishes the members of the group from now on. */
  started(presence: GroupPresence): OwnMembers;
  changed(members: OwnMembers): void;
  freed(members: OwnMembers): void;
}

/** The members of one group on all nodes, as far as this node knows. */
export class GroupPresence {
  /** The token of the name. */
  readonly group: string;
  /** Undefined if members are only counted. */
  readonly listener: PresenceListener | undefined;
  /** Whether the known members of other nodes have been announced. Earlier changes are not announced. */
  isAnnounced = false;
  private readonly owner: GroupPresenceOwner;
  /** Undefined while the group has no members here and is not used. */
  private own: OwnMembers | undefined = undefined;
  private readonly others: PresenceMachine;

  constructor(
    owner: GroupPresenceOwner,
    group: string,
    others: PresenceMachine,
    listener: PresenceListener | undefined,
  ) {
    this.owner = owner;
    this.group = group;
    this.others = others;
    this.listener = listener;
  }

  get total(): number {
    return (this.own?.count ?? 0) + this.others.total(this.group);
  }

  /** Returns each id with its node, this node first. */
  *who(): IterableIterator<Member> {
    const node = this.owner.nodeId;
    for (const id of this.own?.ids() ?? []) yield { id, node };
    yield* this.others.who(this.group);
  }

  /** Returns the other nodes that have a member with the id. */
  holders(id: string): string[] {
    return this.others.holders(this.group, id);
  }

  /** @param id - undefined for a member that is only counted */
  add(id: string | undefined): void {
    if (this.own!.add(id)) this.listener?.joined(id!, this.owner.nodeId);
    this.owner.changed(this.own!);
  }

  /** @param id - the id that was passed to `add` */
  remove(id: string | undefined): void {
    if (this.own!.remove(id)) this.listener?.left(id!, this.owner.nodeId, 'left');
    this.owner.changed(this.own!);
  }

  /** Lets other nodes see the members of this node. Known members of other nodes are announced in a moment. */
  start(): void {
    this.own = this.owner.started(this);
  }

  /** Frees the group, which has no members on this node. The members of other nodes can still be read. */
  free(): void {
    this.owner.freed(this.own!);
    this.own = undefined;
    this.isAnnounced = false;
  }

  /** Announces the ids that other nodes had before. */
  announce(): void {
    this.isAnnounced = true;
    for (const { id, node } of this.others.who(this.group)) this.listener?.joined(id, node);
  }
}
