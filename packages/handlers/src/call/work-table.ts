import { type Context, EncodeError } from '@headrace/core';
import {
  callInContext,
  DeadlineList,
  holdMessage,
  isPromiseLike,
  ReadGate,
  toError,
  unpinned,
} from '@headrace/core/authoring';
import { giveUpUnread, isItemSource } from './item-source.ts';
import type { Work } from './work.ts';

/** Limits of a {@link WorkTable}. */
export interface WorkLimits {
  /** The most functions that run at the same time. */
  readonly concurrency: number;
  /** The most works that wait for their turn; one more is refused. */
  readonly maxWaiting: number;
  /** Holds reads under this name while the table is full; without a name it never does. */
  readonly holds?: string;
  /** The number of open works at which the table is full. @default when `concurrency` functions run */
  readonly maxOpen?: number;
}

/** The receiver of a {@link WorkTable}'s reports. */
export interface WorkOwner<W extends Work> {
  /** Called when the turn of a work has come: calls its function, usually by {@link WorkTable.run}. */
  begin(work: W): void;
  /** The function of an open work has settled. */
  succeeded?(work: W, answer: unknown): void;
  /** The function of an open work has thrown or rejected. */
  failed?(work: W, error: Error): void;
  /** True if an answer may be a generator or an async iterable: a handler writes its values. @default false */
  takesStream?(answer: object): boolean;
  /** The deadline of an open work has come. */
  expired?(work: W): void;
  /** Functions have settled. */
  changed(): void;
}

/**
 * The peer's requests and notices over one channel: how many functions run, which works wait, which of them still need
 * an answer, their deadlines, and their end.
 *
 * A work that was cancelled needs no answer and its id is free, but its function counts until it has settled.
 * Otherwise a peer that asks and cancels in turn has any number of functions run.
 *
 * @see CVE-2023-44487, "HTTP/2 Rapid Reset"
 */
export class WorkTable<W extends Work> {
  private readonly limits: WorkLimits;
  private readonly owner: WorkOwner<W>;
  private readonly gate: ReadGate | undefined;
  private readonly deadlines: DeadlineList<W>;
  private readonly ctx: Context;
  /** Open works, by their ids. One whose function answers at once is never entered. */
  private readonly open = new Map<unknown, W>();
  private readonly waiting = new Set<W>();
  private runningCount = 0;
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

  /** Functions that have not settled. */
  get running(): number {
    return this.runningCount;
  }

  /** Works that need an answer. */
  get unanswered(): number {
    return this.open.size;
  }

  /** The open work that came first. */
  get first(): W | undefined {
    for (const work of this.open.values()) return work;
    return undefined;
  }

  /** Open works, in the order in which they came. */
  get opened(): readonly W[] {
    return [...this.open.values()];
  }

  /** The open work of this id. */
  find(id: unknown): W | undefined {
    return this.open.get(id);
  }

  /** Begins a new work, or lets it wait for its turn. False if too many wait: it is refused. */
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

  /** Holds reads while the table is full. */
  gateReads(): void {
    if (this.isFull) this.gate?.hold(this.ctx.channel);
    else this.gate?.release();
  }

  /** Calls the function of a work, and reports how it ended. */
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
    result.then(
      (answer) => {
        this.succeeded(work, answer);
        this.goOn();
      },
      (thrown) => {
        this.failed(work, thrown);
        this.goOn();
      },
    );
  }

  /** The work can be found by its id, and its deadline runs. Called first while its message is being read. */
  enter(work: W): void {
    work.hold ??= holdMessage(work.channel);
    this.open.set(work.id ?? work, work);
    if (work.heapIndex === -1) this.deadlines.add(work);
  }

  /** No answer follows any more; the function may go on. */
  close(work: W): void {
    work.isOpen = false;
    this.deadlines.remove(work);
    work.hold?.release();
    const key = work.id ?? work;
    if (this.open.get(key) === work) this.open.delete(key);
    if (this.waiting.delete(work)) work.state = 'settled';
  }

  /** The function of the work does not count any more. False if it did not. */
  settle(work: W): boolean {
    this.deadlines.remove(work);
    if (work.state !== 'running') return false;
    work.state = 'settled';
    this.runningCount -= 1;
    return true;
  }

  /** Functions have settled: others begin, and reads go on. */
  goOn(): void {
    if (this.isOver) return;
    for (const work of this.waiting) {
      if (!this.hasRoom) break;
      this.waiting.delete(work);
      this.begin(work);
    }
    this.owner.changed();
    this.gateReads();
  }

  /** No answer can be sent any more. */
  abandon(reason?: Error): void {
    this.isOver = true;
    this.deadlines.clear();
    for (const work of this.opened) {
      this.close(work);
      work.abort(reason);
    }
    this.owner.changed();
  }

  /** The handler is removed. */
  release(): void {
    this.gate?.release();
  }

  private get hasRoom(): boolean {
    return this.runningCount < this.limits.concurrency && !this.isOver;
  }

  private get isFull(): boolean {
    const { concurrency, maxOpen } = this.limits;
    return maxOpen === undefined ? this.runningCount >= concurrency : this.open.size >= maxOpen;
  }

  private begin(work: W): void {
    work.state = 'running';
    // The function may have it for long. One call alone holds no more than its read.
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
    // It may hold a file or a socket, and a peer may ask for any number of them.
    void giveUpUnread(answer);
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
