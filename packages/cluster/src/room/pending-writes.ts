import type { ChannelMatcher, GroupOutcome } from '@headrace/core';
import type { LogPosition } from '../log/log.ts';
import type { DurableOutcome } from './durable-outcome.ts';

/** A message of this node that has not come back from the log. */
export interface PendingWrite {
  readonly id: string;
  readonly bytes: Buffer;
  readonly outcomes: DurableOutcome[];
  /** Which members here get it. */
  matcher: ChannelMatcher | undefined;
  position: LogPosition | undefined;
}

/** What was written here and has not been delivered here, by id. */
export class PendingWrites {
  private readonly writes = new Map<string, PendingWrite>();
  private total = 0;

  get size(): number {
    return this.writes.size;
  }

  /** The messages together. */
  get bytes(): number {
    return this.total;
  }

  /** Another write of a message that is on its way: undefined if it is not. */
  join(id: string, outcome: DurableOutcome, matcher: ChannelMatcher | undefined): boolean {
    const write = this.writes.get(id);
    if (write === undefined) return false;
    write.outcomes.push(outcome);
    write.matcher = both(write.matcher, matcher);
    if (write.position !== undefined) outcome.settle(write.position);
    return true;
  }

  add(write: PendingWrite): void {
    this.writes.set(write.id, write);
    this.total += write.bytes.byteLength;
  }

  get(id: string): PendingWrite | undefined {
    return this.writes.get(id);
  }

  /** It was delivered, or will not be: its outcomes begin. */
  begun(write: PendingWrite, outcome: GroupOutcome | undefined): void {
    if (this.writes.get(write.id) !== write) return;
    this.writes.delete(write.id);
    this.total -= write.bytes.byteLength;
    const begin = () => {
      for (const one of write.outcomes) one.begin(outcome?.size ?? 0);
    };
    if (outcome === undefined) begin();
    else outcome.onceBegun(begin);
  }

  /** What is stored up to here will not be delivered any more. */
  passed(at: LogPosition): void {
    for (const write of [...this.writes.values()]) {
      if (write.position !== undefined && isPassed(write.position, at)) {
        this.begun(write, undefined);
      }
    }
  }

  /** Nothing is delivered any more. */
  clear(): void {
    for (const write of [...this.writes.values()]) this.begun(write, undefined);
  }
}

/** True if a reader at this place has had the message of the position, or never gets it. */
export function isPassed(position: LogPosition, at: LogPosition): boolean {
  return position.epoch !== at.epoch || position.offset <= at.offset;
}

function both(
  one: ChannelMatcher | undefined,
  other: ChannelMatcher | undefined,
): ChannelMatcher | undefined {
  if (one === undefined) return other;
  if (other === undefined) return one;
  return (channel) => one(channel) && other(channel);
}
