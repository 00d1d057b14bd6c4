/** What waits in the order it was asked for: a call, or something else that keeps its place among them. */
export interface Queued {
  /** Waits for its turn; belongs to the table. */
  isQueued: boolean;
}

/** What the table keeps of a call. */
export interface TableCall extends Queued {
  /** Its number on the wire, 0 before it has one. Belongs to the table. */
  id: number;
}

/** Limits of a {@link CallTable}. */
export interface CallLimits {
  /** Calls that were sent and have no answer yet. */
  readonly maxInFlight: number;
  /** What waits to be sent. */
  readonly maxQueued: number;
}

/** What is to be done with something new. */
export type Admission = 'send' | 'wait' | 'refuse';

const MAX_ID = 0xffff_ffff;

/**
 * The calls of one end: which are in flight, by their ids, and what waits. Without channel, clock and messages: it is
 * notified of what happened and returns what to do. What waits is sent in the order it came, and nothing overtakes it.
 */
export class CallTable<C extends TableCall, N extends Queued = C> {
  private readonly limits: CallLimits;
  private readonly sent = new Map<number, C>();
  private readonly queue = new Set<C | N>();
  private lastId: number;
  /** Ids have begun anew. */
  private hasWrapped = false;
  private lateCount = 0;
  private unknownCount = 0;

  /** @param lastId - ids begin after it */
  constructor(limits: CallLimits, lastId = 0) {
    this.limits = limits;
    this.lastId = lastId;
  }

  get inFlight(): number {
    return this.sent.size;
  }

  get queued(): number {
    return this.queue.size;
  }

  /** Answers that came after their call had been given up. */
  get late(): number {
    return this.lateCount;
  }

  /** Answers to what was never asked. */
  get unknown(): number {
    return this.unknownCount;
  }

  /** Something is under way or waits. */
  get isBusy(): boolean {
    return this.sent.size > 0 || this.queue.size > 0;
  }

  /** A new call; `isOpen` is false while nothing can be sent. One that waits is queued. */
  admit(call: C, isOpen: boolean): Admission {
    if (isOpen && this.queue.size === 0 && this.sent.size < this.limits.maxInFlight) return 'send';
    return this.enqueue(call);
  }

  /** Something that expects no answer: it is sent at once, unless something waits that came before it. */
  admitNotice(notice: N, isOpen: boolean): Admission {
    return isOpen && this.queue.size === 0 ? 'send' : this.enqueue(notice);
  }

  private enqueue(entry: C | N): Admission {
    if (this.queue.size >= this.limits.maxQueued) return 'refuse';
    entry.isQueued = true;
    this.queue.add(entry);
    return 'wait';
  }

  /** What may be sent now, taken from the queue. A call needs room among those in flight, `isCall` tells which are. */
  next(isCall: (entry: C | N) => boolean): C | N | undefined {
    for (const entry of this.queue) {
      if (isCall(entry) && this.sent.size >= this.limits.maxInFlight) return undefined;
      this.queue.delete(entry);
      entry.isQueued = false;
      return entry;
    }
    return undefined;
  }

  /** The call is about to be sent: gives it an id that no other call in flight has, and never 0. */
  launch(call: C): number {
    do {
      if (this.lastId === MAX_ID) {
        this.lastId = 0;
        this.hasWrapped = true;
      }
      this.lastId += 1;
    } while (this.sent.has(this.lastId));
    call.id = this.lastId;
    this.sent.set(this.lastId, call);
    return this.lastId;
  }

  /** An answer came: its call, which is over then; `undefined`, and counted, if there is none. */
  answered(id: unknown): C | undefined {
    const call = this.sent.get(id as number);
    if (call !== undefined) this.sent.delete(call.id);
    else if (this.wasIssued(id)) this.lateCount += 1;
    else this.unknownCount += 1;
    return call;
  }

  /** Nobody waits for the call any more. True if it was in flight, so that the peer should know. */
  giveUp(call: C): boolean {
    if (!call.isQueued) return this.sent.delete(call.id);
    call.isQueued = false;
    this.queue.delete(call);
    return false;
  }

  /** What is in flight, in the order it was sent. */
  inFlightCalls(): C[] {
    return [...this.sent.values()];
  }

  /** As {@link inFlightCalls}, and takes them out. The table is as new, but for its counters. */
  takeSent(): C[] {
    const calls = [...this.sent.values()];
    this.sent.clear();
    return calls;
  }

  /** All that waited, in order. */
  takeQueued(): (C | N)[] {
    const entries = [...this.queue];
    this.queue.clear();
    for (const entry of entries) entry.isQueued = false;
    return entries;
  }

  private wasIssued(id: unknown): boolean {
    if (!Number.isInteger(id)) return false;
    const number = id as number;
    return number > 0 && (this.hasWrapped ? number <= MAX_ID : number <= this.lastId);
  }
}
