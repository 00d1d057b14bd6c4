import { type Channel, ChannelError, type Clock } from '@headrace/core';
import {
  broadcasting,
  type EncodedForms,
  onceAfterEvent,
  WritableWaits,
} from '@headrace/core/authoring';
import type { LogPosition } from '@headrace/store';
import { PendingJoin } from '../feed/pending-join.ts';
import { isPosition } from '../log/joining-member.ts';
import { limitRead } from './local-state.ts';
import type { StateMessage } from './state-message.ts';
import type { StateView, ViewChange } from './state-view.ts';

/** The outcome of `StateGroup.join` for a member. */
export interface StateJoin {
  /** True if the member received the changes after its position, and false if it received the whole state. */
  readonly recovered: boolean;
  /** The member receives all changes after this position. */
  readonly position: LogPosition;
  /** The number of changes that the member received before `ready`. */
  readonly count: number;
}

/** The parts of its group that {@link StateMembers} works with. */
export interface MembersOwner<Value> {
  readonly clock: Clock;
  readonly group: string;
  /** The state on this node, or undefined while it is read. */
  view(): StateView<Value> | undefined;
  formatted(message: StateMessage<Value>): unknown;
  /** Resolves after a read of the store that begins now or later. */
  caughtUp(): Promise<void>;
  /** Whether the store may have changes that the state lacks, because it cannot be read now. */
  isStale(): boolean;
  /** Called when the last member has gone, or a join has ended. */
  went(): void;
  /** Returns why the state is not there in time, or undefined while it can still come. */
  notRead(): Error | undefined;
  /** Returns an error when the node has left the cluster. */
  left(): Error | undefined;
}

/** One member, and how far it is. */
interface StateMember {
  readonly channel: Channel;
  /** Whether it takes changes of values in place of whole values. */
  readonly takesDeltas: boolean;
  /** The position that the member came with, until it is compared with the state. */
  asked: LogPosition | undefined;
  /** The read of the store because the member seems to be ahead of this node. */
  lookedUp: 'no' | 'asked' | 'yes';
  /** The epoch of the last `begin`. */
  epoch: string | undefined;
  /** The member has all changes up to this offset. */
  at: number;
  /**
   * The member has the newest value of each key up to this offset: it was sent them, or it came with a position and was sent the rest.
   * Otherwise 0. It has all changes up to {@link at}, but not the values of those that were replaced before it could get them.
   */
  wholeAt: number;
  /** Removals up to this offset do not concern the member, because it got the state from its beginning after it. */
  readFrom: number;
  recovered: boolean;
  count: number;
  isReady: boolean;
  settle: { resolve(join: StateJoin): void; reject(error: Error): void } | undefined;
  joining: PendingJoin<StateJoin>;
}

/** The changes of a state between two offsets. */
interface DueChanges<Value> {
  readonly view: StateView<Value>;
  readonly from: number;
  readonly to: number;
  readonly changes: readonly ViewChange<Value>[];
}

/** Maximum time for which a round blocks the event loop. The remaining members follow after other events. */
const SLICE_MS = 5;
/** Number of members that are written to before they are flushed. */
const BATCH_MEMBERS = 32;
/** Number of changes for one member between two looks at the clock. */
const CHANGES_AT_ONCE = 64;

/**
 * The members of a state group on this node. Each member has a place in the order of the changes. A round brings all members to the
 * newest change. A member that accepts no more stays at its place, and continues there later: changes that were replaced meanwhile
 * are not sent. So nothing waits for a slow member.
 */
export class StateMembers<Value> {
  private readonly owner: MembersOwner<Value>;
  private readonly members = new Map<Channel, StateMember>();
  /** The channels that accept no more now. Each has one listener, however often it joins and is removed meanwhile. */
  private readonly full = new WritableWaits();
  private deltaMembers = 0;
  private readonly soon = onceAfterEvent<MembersOwner<Value>>(() => this.beginRound());
  /** The members that the present round has not reached. */
  private rest: Iterator<StateMember> | undefined = undefined;
  private isRoundDue = false;
  private isTurnAwaited = false;
  private sliceEnd = 0;
  /** Whether a member has more changes than the time of the slice allowed. */
  private isSliceOver = false;
  /** The changes for a member of the present round, which are the same for members with the same place. */
  private due: DueChanges<Value> | undefined = undefined;
  /** The encoded forms of the messages of the present round. */
  private forms = new Map<unknown, EncodedForms>();
  private readonly onClosed = (channel: Channel): void => void this.remove(channel);

  constructor(owner: MembersOwner<Value>) {
    this.owner = owner;
  }

  get size(): number {
    return this.members.size;
  }

  /** Whether a member takes changes of values in place of whole values. */
  get takeDeltas(): boolean {
    return this.deltaMembers > 0;
  }

  has(channel: Channel): boolean {
    return this.members.has(channel);
  }

  [Symbol.iterator](): IterableIterator<Channel> {
    return this.members.keys();
  }

  /** Adds a member, or begins again with a member that is ready. */
  join(channel: Channel, asked: LogPosition | undefined, takesDeltas: boolean): Promise<StateJoin> {
    const known = this.members.get(channel);
    if (known?.settle !== undefined) return known.joining.again();
    const refusal = channel.isEnding ? closedError() : this.owner.left();
    if (refusal !== undefined) return Promise.reject(refusal);
    const member = newMember(channel, isPosition(asked) ? asked : undefined, takesDeltas);
    const joining = new Promise<StateJoin>((resolve, reject) => {
      const stop = limitRead(this.owner, (error) => {
        if (member.epoch === undefined && this.members.get(channel) === member) {
          this.drop(member, error);
        }
      });
      member.settle = {
        resolve: (join) => {
          stop();
          resolve(join);
        },
        reject: (error) => {
          stop();
          reject(error);
        },
      };
    });
    member.joining = new PendingJoin(channel, joining);
    if (known === undefined) channel.onClosed(this.onClosed);
    else this.count(known, -1);
    this.count(member, 1);
    this.members.set(channel, member);
    this.changed();
    return joining;
  }

  /** Removes a member. Returns true if it was one. */
  remove(channel: Channel): boolean {
    const member = this.members.get(channel);
    if (member === undefined) return false;
    this.drop(member, closedError());
    return true;
  }

  /** Ends the joins that are under way. */
  fail(error: Error): void {
    for (const member of [...this.members.values()]) {
      if (member.settle !== undefined) this.drop(member, error);
    }
  }

  /** Called when the state has changed, or can be read again. */
  changed(): void {
    if (this.members.size > 0) this.soon(this.owner);
  }

  private drop(member: StateMember, error: Error): void {
    const { channel } = member;
    this.members.delete(channel);
    this.count(member, -1);
    channel.offClosed(this.onClosed);
    member.settle?.reject(error);
    member.settle = undefined;
    this.owner.went();
  }

  private count({ takesDeltas }: StateMember, sign: 1 | -1): void {
    if (takesDeltas) this.deltaMembers += sign;
  }

  private beginRound(): void {
    if (this.rest !== undefined) {
      this.isRoundDue = true;
      return;
    }
    this.isRoundDue = false;
    this.rest = this.members.values();
    this.runSlice();
  }

  private runSlice(): void {
    const { clock } = this.owner;
    this.beginSlice();
    const batch: Channel[] = [];
    for (let next = this.rest!.next(); next.done !== true; next = this.rest!.next()) {
      if (this.advance(next.value)) batch.push(next.value.channel);
      if (batch.length < BATCH_MEMBERS && !this.isSliceOver) continue;
      for (const channel of batch.splice(0)) channel.flush();
      if (clock.now() < this.sliceEnd) continue;
      clock.nextTurn(() => this.runSlice());
      return;
    }
    for (const channel of batch) channel.flush();
    this.rest = undefined;
    this.forms.clear();
    this.due = undefined;
    if (this.isRoundDue) this.roundLater();
  }

  private beginSlice(): void {
    this.sliceEnd = this.owner.clock.now() + SLICE_MS;
    this.isSliceOver = false;
  }

  /** Begins a round in the next turn of the event loop, or after the present round. */
  private roundLater(): void {
    this.isRoundDue = true;
    if (this.rest !== undefined || this.isTurnAwaited) return;
    this.isTurnAwaited = true;
    this.owner.clock.nextTurn(() => {
      this.isTurnAwaited = false;
      if (this.isRoundDue) this.beginRound();
    });
  }

  /** Writes to a member what it accepts of the changes that it does not have. Returns true if it was written to. */
  private advance(member: StateMember): boolean {
    const { channel } = member;
    if (this.full.has(channel) || this.members.get(channel) !== member) return false;
    const view = this.owner.view();
    const isStale = this.owner.isStale();
    if (view === undefined) {
      if (!isStale || !member.isReady) return false;
    } else {
      // A join does not begin with what may be old.
      if (isStale && member.epoch === undefined) return false;
      const isAtEnd = member.epoch === view.epoch && member.at === view.offset;
      if (isAtEnd && member.isReady !== isStale) return false;
    }
    // It leaves soon, because its server is drained, or it was told to go.
    if (channel.isEnding) return false;
    // Also before `begin` and `ready`: a member that joins a small state again and again must not fill its output.
    if (!this.accepts(member)) return false;
    if (isStale && member.isReady) this.unready(member);
    if (view === undefined) return true;
    if (!this.begun(member, view)) return false;
    const isWhole = this.writeChanges(member, view);
    if (isWhole && !member.isReady && !isStale) this.ready(member, view);
    return true;
  }

  /** Writes `begin` where it is due. Returns false while the store must be read first. */
  private begun(member: StateMember, view: StateView<Value>): boolean {
    const { asked } = member;
    if (member.epoch === undefined) {
      const isOfView = asked?.epoch === view.epoch;
      if (isOfView && asked.offset > view.offset && member.lookedUp !== 'yes') {
        this.lookUp(member);
        return false;
      }
      const recovered = isOfView && asked.offset <= view.offset && asked.offset >= view.floor;
      this.begin(member, view, recovered ? asked.offset : undefined);
      return true;
    }
    const isBehind = view.floor > Math.max(member.at, member.readFrom);
    if (member.epoch !== view.epoch || isBehind || member.at > view.offset) {
      this.begin(member, view, undefined);
    }
    return true;
  }

  private lookUp(member: StateMember): void {
    if (member.lookedUp !== 'no') return;
    member.lookedUp = 'asked';
    void this.owner.caughtUp().then(() => {
      member.lookedUp = 'yes';
      this.changed();
    });
  }

  /** @param from - the offset up to which the member has all changes; with `undefined`, it gets the whole state */
  private begin(member: StateMember, view: StateView<Value>, from: number | undefined): void {
    const { group } = this.owner;
    const { epoch } = view;
    const recovered = from !== undefined;
    member.asked = undefined;
    member.epoch = epoch;
    member.at = from ?? 0;
    member.wholeAt = 0;
    member.readFrom = recovered ? 0 : view.offset;
    member.recovered = recovered;
    member.count = 0;
    member.isReady = false;
    this.write(member, this.owner.formatted({ type: 'begin', group, epoch, recovered }));
  }

  /** Tells a member that it may lack changes. They follow, and then `ready`. */
  private unready(member: StateMember): void {
    const { group } = this.owner;
    const epoch = member.epoch!;
    member.isReady = false;
    this.write(member, this.owner.formatted({ type: 'begin', group, epoch, recovered: true }));
  }

  /** Returns false if the member accepts no more, or its time is over. */
  private writeChanges(member: StateMember, view: StateView<Value>): boolean {
    const { at } = member;
    const due = this.dueAfter(view, at);
    let isWhole = true;
    if (due !== undefined) isWhole = due.every((change) => this.writeChange(member, change));
    else {
      let seen = 0;
      view.eachAfter(at, (change) => {
        seen += 1;
        isWhole = seen % CHANGES_AT_ONCE !== 0 || this.hasTime();
        isWhole &&= this.writeChange(member, change);
        return isWhole;
      });
    }
    if (isWhole) {
      member.at = view.offset;
      member.wholeAt = view.offset;
    }
    return isWhole;
  }

  /** Returns the changes after an offset, or undefined if there are many. Most members of a round have the same place. */
  private dueAfter(view: StateView<Value>, from: number): readonly ViewChange<Value>[] | undefined {
    const { due } = this;
    if (due?.view === view && due.from === from && due.to === view.offset) return due.changes;
    const changes: ViewChange<Value>[] = [];
    view.eachAfter(from, (change) => changes.push(change) < CHANGES_AT_ONCE);
    if (changes.length === CHANGES_AT_ONCE) return undefined;
    if (this.rest !== undefined) this.due = { view, from, to: view.offset, changes };
    return changes;
  }

  /** Returns false if the member accepts no more. */
  private writeChange(member: StateMember, change: ViewChange<Value>): boolean {
    if (!this.accepts(member)) return false;
    const { offset } = change.position;
    member.at = offset;
    // The member began without the key.
    const isNew = change.kept !== undefined || offset > member.readFrom;
    if (!isNew || change.message === undefined) return true;
    member.count += 1;
    this.writeOnce(member.channel, messageFor(member, change));
    return true;
  }

  private hasTime(): boolean {
    if (this.owner.clock.now() < this.sliceEnd) return true;
    this.isSliceOver = true;
    this.roundLater();
    return false;
  }

  private accepts({ channel }: StateMember): boolean {
    // An output that is full because it was not flushed does not mean that the member is slow.
    if (!channel.isWritable) channel.flush();
    if (channel.isWritable) return true;
    this.full.once(channel, () => {
      const present = this.members.get(channel);
      if (present === undefined) return;
      this.beginSlice();
      if (channel.isOpen && this.advance(present)) channel.flush();
    });
    return false;
  }

  private ready(member: StateMember, view: StateView<Value>): void {
    const { group } = this.owner;
    const { recovered, count } = member;
    member.isReady = true;
    this.write(member, this.owner.formatted({ type: 'ready', group, version: view.offset }));
    member.settle?.resolve({ recovered, position: view.position, count });
    member.settle = undefined;
  }

  private write({ channel }: StateMember, message: unknown): void {
    if (message !== undefined) channel.write(message);
  }

  /** Writes a message of a change, which is encoded once for the members of a round. */
  private writeOnce(channel: Channel, message: unknown): void {
    if (this.rest === undefined) {
      channel.write(message);
      return;
    }
    let forms = this.forms.get(message);
    if (forms === undefined) {
      forms = new Map();
      this.forms.set(message, forms);
    }
    broadcasting(forms, () => channel.write(message));
  }
}

/** Returns the change of the value for a member that has the value before, and otherwise the whole value. */
function messageFor<Value>(member: StateMember, { delta, message }: ViewChange<Value>): unknown {
  const hasBefore = delta !== undefined && delta.from <= member.wholeAt;
  return member.takesDeltas && hasBefore ? delta.message : message;
}

function newMember(
  channel: Channel,
  asked: LogPosition | undefined,
  takesDeltas: boolean,
): StateMember {
  return {
    channel,
    takesDeltas,
    asked,
    lookedUp: 'no',
    epoch: undefined,
    at: 0,
    wholeAt: 0,
    readFrom: 0,
    recovered: false,
    count: 0,
    isReady: false,
    settle: undefined,
    joining: undefined as never,
  };
}

function closedError(): ChannelError {
  return new ChannelError('CHANNEL_CLOSED', 'the channel closed before the state arrived');
}
