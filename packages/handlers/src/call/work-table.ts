import { type Context, EncodeError } from '@headrace/core';
import {
  callInContext,
  DeadlineList,
  isPromiseLike,
  ReadGate,
  releaseSource,
  toError,
  unpinned,
  whenSettled,
} from '@headrace/core/authoring';
import { isItemSource } from './item-source.ts';
import { holdMessage } from './message-hold.ts';
import type { Work } from './work.ts';

/** Limits of a {@link WorkTable}. */
export interface WorkLimits {
  /** Maximum number of functions that run at the same time. */
  readonly concurrency: number;
  /** Maximum number of requests that wait for their turn. Further requests are refused. */
  readonly maxWaiting: number;
  /** Name under which the full table holds reads. Without a name, reads are not held. */
  readonly holds?: string;
  /** Number of open requests at which the table is full. @default when `concurrency` functions run */
  readonly maxOpen?: number;
  /**
   * Returns what the content of a request counts, in bytes. While the running functions hold more than 16 MiB, the table is full.
   * @default nothing
   */
  readonly sizeOf?: (body: unknown) => number;
}

/** Number of running functions whose content is not measured. */
const UNMEASURED = 8;
/** What the measured content of running functions counts at most, before the last one. */
const MAX_RUNNING_BYTES = 16 * 1024 * 1024;

/** The receiver of a {@link WorkTable}'s reports. */
export interface WorkOwner<W extends Work> {
  /** Called when a request may start. Usually calls {@link WorkTable.run}. */
  begin(work: W): void;
  /** Called when the function of an open request has returned its answer. */
  succeeded?(work: W, answer: unknown): void;
  /** Called when the function of an open request has thrown or rejected. */
  failed?(work: W, error: Error): void;
  /** Returns true if an answer may be a generator or an async iterable, whose values a handler writes. @default false */
  takesStream?(answer: object): boolean;
  /** Called when the deadline of an open request has passed. */
  expired?(work: W): void;
  /** Called when functions have settled. */
  changed(): void;
}

/**
 * The peer's requests and notices over one channel. The table contains the requests that run, wait or still need an answer, and
 * their deadlines.
 *
 * A cancelled request needs no answer, and its id is free. The function of the request counts until it has settled. Otherwise a
 * peer could start any number of functions, by requests and cancels.
 *
 * @see CVE-2023-44487, "HTTP/2 Rapid Reset"
 */
export class WorkTable<W extends Work> {
  private readonly limits: WorkLimits;
  private readonly owner: WorkOwner<W>;
  private readonly gate: ReadGate | undefined;
  private readonly deadlines: DeadlineList<W>;
  private readonly ctx: Context;
  /** Open requests and notices, by id. If the function returns its answer at once, the request is never added. */
  private readonly open = new Map<unknown, W>();
  private readonly waiting = new Set<W>();
  private runningCount = 0;
  private runningBytes = 0;
  private isOver = false;

  constructor(ctx: Context, limits: WorkLimits, owner: WorkOwner<W>) {
    this.ctx = ctx;
    this.limits = limits;
    this.owner = owner;
    this.gate = limits.holds === undefined ? undefined : new ReadGate(limits.holds);
    this.deadlines = new DeadlineList(ctx.clock, (work) =>
      callInContext(ctx, () => owner.expired?.(work)),
    );
  }

  /** Number of functions that have not settled. */
  get running(): number {
    return this.runningCount;
  }

  /** Number of open requests and notices. */
  get unanswered(): number {
    return this.open.size;
  }

  /** The oldest open request or notice. */
  get first(): W | undefined {
    for (const work of this.open.values()) return work;
    return undefined;
  }

  /** Open requests and notices, the oldest first. */
  get opened(): readonly W[] {
    return [...this.open.values()];
  }

  /** Returns the open request with this id. */
  find(id: unknown): W | undefined {
    return this.open.get(id);
  }

  /** Begins a request, or queues it. Returns false if too many requests wait. */
  take(work: W): boolean {
    const { limits, waiting } = this;
    if (waiting.size === 0 && this.hasRoom) this.begin(work);
    else if (waiting.size >= limits.maxWaiting) return false;
    else {
      work.body = unpinned(work.body);
      waiting.add(work);
      this.enter(work);
    }
    return true;
  }

  /** Holds reads while the table is full, and releases them otherwise. */
  gateReads(): void {
    if (this.isFull) this.gate?.hold(this.ctx.channel);
    else this.gate?.release();
  }

  /** Runs the function of a request, and reports its result. */
  run(work: W, handle: (body: never, work: W) => unknown): void {
    let result: unknown;
    try {
      result = handle(work.body as never, work);
    } catch (thrown) {
      this.failed(work, thrown);
      return;
    }
    if (!isPromiseLike(result)) {
      this.succeeded(work, result);
      return;
    }
    if (this.isOver) work.abort();
    else if (work.isOpen) this.enter(work);
    this.measure(work);
    whenSettled(
      result,
      (answer) => {
        this.succeeded(work, answer);
        this.resume();
      },
      (thrown) => {
        this.failed(work, thrown);
        this.resume();
      },
    );
  }

  /** Adds a request to the open requests, and starts its deadline. The first call must be during the read of its message. */
  enter(work: W): void {
    work.hold ??= holdMessage(work.channel);
    this.open.set(work.id ?? work, work);
    if (work.heapIndex === -1) this.deadlines.add(work);
  }

  /** Ends the answer of a request: no answer follows. The function may continue. */
  close(work: W): void {
    work.isOpen = false;
    this.deadlines.remove(work);
    const key = work.id ?? work;
    if (this.open.get(key) === work) this.open.delete(key);
    if (this.waiting.delete(work)) work.state = 'settled';
    work.hold?.release();
  }

  /** Stops counting the function of a request as running. Returns false if the function was not counted. */
  settle(work: W): boolean {
    this.deadlines.remove(work);
    if (work.state !== 'running') return false;
    work.state = 'settled';
    this.runningCount -= 1;
    this.runningBytes -= work.size;
    return true;
  }

  /** Counts the content of a function that runs on. A peer decides how much memory its values take. */
  private measure(work: W): void {
    const { sizeOf } = this.limits;
    if (sizeOf === undefined || this.runningCount <= UNMEASURED || work.state !== 'running') return;
    work.size = sizeOf(work.body);
    this.runningBytes += work.size;
  }

  /** Begins waiting requests, and resumes reads. */
  resume(): void {
    if (this.isOver) return;
    for (const work of this.waiting) {
      if (!this.hasRoom) break;
      this.waiting.delete(work);
      this.begin(work);
    }
    this.owner.changed();
    this.gateReads();
  }

  /** Ends all requests without an answer. */
  abandon(reason?: Error): void {
    this.isOver = true;
    this.deadlines.clear();
    for (const work of this.opened) {
      this.close(work);
      work.abort(reason);
    }
    this.owner.changed();
  }

  /** Releases the reads. */
  release(): void {
    this.gate?.release();
  }

  private get hasRoom(): boolean {
    if (this.runningBytes >= MAX_RUNNING_BYTES) return false;
    return this.runningCount < this.limits.concurrency && !this.isOver;
  }

  private get isFull(): boolean {
    const { concurrency, maxOpen } = this.limits;
    if (this.runningBytes >= MAX_RUNNING_BYTES) return true;
    return maxOpen === undefined ? this.runningCount >= concurrency : this.open.size >= maxOpen;
  }

  private begin(work: W): void {
    work.state = 'running';
    // The function can keep the body for a long time. A single call holds no more than the memory of its read.
    if (this.runningCount > 0) work.body = unpinned(work.body);
    this.runningCount += 1;
    this.owner.begin(work);
  }

  private succeeded(work: W, answer: unknown): void {
    const { owner } = this;
    const isWanted = this.settle(work) && work.isOpen && !this.isOver;
    if (!isItemSource(answer) || (isWanted && owner.takesStream?.(answer) === true)) {
      if (isWanted) owner.succeeded?.(work, answer);
      return;
    }
    // The answer can hold a file or a socket, and a peer can request any number of answers.
    void releaseSource(answer);
    if (isWanted) owner.failed?.(work, streamError());
  }

  private failed(work: W, thrown: unknown): void {
    if (this.settle(work) && work.isOpen && !this.isOver)
      this.owner.failed?.(work, toError(thrown));
  }
}

function streamError(): EncodeError {
  return new EncodeError(
    'MESSAGE_NOT_ENCODABLE',
    'the function returned a generator or an async iterable, but a call has one answer: ' +
      'collect the values in an array, or let the caller ask for a stream',
  );
}
