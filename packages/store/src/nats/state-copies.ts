import { Buffer } from 'node:buffer';
import type { BusSubscription } from '@headrace/bus';
import type { Clock } from '@headrace/core';
import type { Msg } from '@nats-io/transport-node';
import type { LogEntry } from '../contract/log.ts';
import type { StateEntry } from '../contract/state-log.ts';
import { LiveOrder } from './live-order.ts';
import type { NatsCopies } from './nats-copies.ts';
import { changeIn, recordOf } from './nats-state-reader.ts';
import type { NatsStore } from './nats-store.ts';
import type { StateNames } from './state-names.ts';
import { begunAfter } from './state-record.ts';

const NOTHING = Buffer.alloc(0);

/** A live copy of a message of the stream, of any state. */
interface StreamCopy extends LogEntry {
  readonly message: Msg;
}

/** The stream up to `top` has no change of a state after `last`. */
interface KnownEnd {
  readonly last: number;
  readonly top: number;
}

interface Followed {
  readonly names: StateNames;
  readonly deliver: (entry: StateEntry) => void;
  /** The last change since the follower began, or since copies were lost, or undefined before one. */
  change: number | undefined;
  end: KnownEnd | undefined;
  /** The sequence after which all copies are passed to the follower, unless they are lost. */
  readonly from: number;
  /** The epoch of a state that has begun since, and has no change. */
  begun: string | undefined;
}

/**
 * The live copies of one stream, for the states in it that are followed over one link. Other states store between the changes of one
 * state. So the copies of all states are followed, and none was lost while their sequences have no gap.
 */
export class StateCopies {
  private readonly subscription: BusSubscription;
  private readonly states = new Map<string, Set<Followed>>();
  private readonly onEmpty: () => void;
  /** The sequence of the last copy in order, and of the first one after which none was lost. */
  private last = 0;
  private wholeFrom = 0;

  /**
   * @param opened - resolves with the stream once its epoch is known
   * @param onEmpty - called when the last follower has ended
   */
  constructor(
    { copies, clock }: { readonly copies: Pick<NatsCopies, 'follow'>; readonly clock: Clock },
    { bucketCopies }: StateNames,
    opened: Promise<NatsStore>,
    onEmpty: () => void,
  ) {
    this.onEmpty = onEmpty;
    this.subscription = copies.follow<StreamCopy>(
      // The token of the state, and of the key.
      `${bucketCopies}.*.*`,
      opened,
      ({ epoch, sequence: offset, id }, message) => {
        const position = { epoch, offset };
        return { position, previous: offset - 1, id, bytes: NOTHING, message };
      },
      new LiveOrder(clock, (copy) => this.take(copy)),
    );
  }

  follow(names: StateNames, deliver: (entry: StateEntry) => void): BusSubscription {
    const { copies } = names;
    const followed: Followed = {
      names,
      deliver,
      change: undefined,
      end: undefined,
      from: this.last,
      begun: undefined,
    };
    const all = this.states.get(copies) ?? new Set();
    this.states.set(copies, all.add(followed));
    return {
      close: () => {
        if (!all.delete(followed) || all.size > 0) return;
        this.states.delete(copies);
        if (this.states.size > 0) return;
        this.subscription.close();
        this.onEmpty();
      },
    };
  }

  /** Notes what was read of a state. Its followers have read it, too. */
  read({ copies }: StateNames, end: KnownEnd): void {
    for (const followed of this.states.get(copies) ?? []) followed.end = end;
  }

  private take(copy: StreamCopy): void {
    const { offset } = copy.position;
    // The copy is late, and a loss was told when the one after it came.
    if (offset <= this.last) return;
    if (this.last === 0 || offset > this.last + 1) {
      if (this.last > 0) this.tellLoss(offset - 1);
      this.wholeFrom = offset;
    }
    this.last = offset;
    const { subject } = copy.message;
    const state = this.states.get(subject.slice(0, subject.lastIndexOf('.')));
    if (state === undefined) return;
    for (const followed of state) this.pass(followed, copy);
  }

  /** Tells the followers of all states to read, because the lost copies can be of any. */
  private tellLoss(offset: number): void {
    const position = { epoch: '', offset };
    const nothing = {
      position,
      previous: offset,
      id: '',
      key: '',
      isRemoval: false,
      bytes: NOTHING,
    };
    for (const state of [...this.states.values()]) {
      for (const followed of state) {
        followed.change = followed.end = followed.begun = undefined;
        followed.deliver({ ...nothing, ageMs: 0 });
      }
    }
  }

  /** Whether no change of a state can have come after this sequence: another node can store one just before the floor. */
  private isEmptySince({ from, change = 0 }: Followed, after: number | undefined): boolean {
    return after !== undefined && after >= Math.max(from, change, this.wholeFrom - 1);
  }

  private pass(followed: Followed, { position: { offset }, id, message }: StreamCopy): void {
    const { copies, subject } = followed.names;
    const { subject: copy, headers, data } = message;
    const record = recordOf(headers, offset);
    if (record === undefined) return;
    const { epoch, kind, floor } = record;
    if (kind === 'f') {
      // What follows the floor follows the change before it.
      if (floor === 0 && this.isEmptySince(followed, begunAfter(epoch))) followed.begun = epoch;
      return;
    }
    const entry = changeIn(
      { epoch, sequence: offset, id },
      `${subject}${copy.slice(copies.length)}`,
      headers,
      data,
      0,
    )!;
    const { end, begun } = followed;
    let previous = followed.change;
    if (end !== undefined && end.top + 1 >= this.wholeFrom) previous ??= end.last;
    followed.change = offset;
    followed.begun = undefined;
    if (begun === epoch) followed.deliver({ ...entry, previous: 0, isFirst: true });
    else followed.deliver({ ...entry, previous: previous ?? entry.previous });
  }
}
