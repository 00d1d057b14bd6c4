/** What the table keeps of a request of the peer's. */
export interface TableWork {
  /** What names it: the peer's id, or for a notification the work itself. */
  readonly key: unknown;
  /** Belongs to the table. */
  state: 'waiting' | 'running' | 'over';
}

/** Limits of a {@link WorkTable}. */
export interface WorkLimits {
  /** Functions that run at the same time. */
  readonly concurrency: number;
  /** What may wait when reads are held already. */
  readonly maxWaiting: number;
}

/**
 * The requests of the peer that are under way. Without channel, clock and messages. A request that was cancelled is
 * answered at once and its id is free, but its function counts until it has settled: else a peer that asks and cancels
 * in turn could have any number of them run.
 *
 * @see CVE-2023-44487, "HTTP/2 Rapid Reset"
 */
export class WorkTable<W extends TableWork> {
  private readonly limits: WorkLimits;
  /** Not answered: waiting, or running and not cancelled. */
  private readonly open = new Map<unknown, W>();
  private readonly waiting = new Set<W>();
  private runningCount = 0;

  constructor(limits: WorkLimits) {
    this.limits = limits;
  }

  /** Functions that have not settled. */
  get running(): number {
    return this.runningCount;
  }

  /** Not answered yet. */
  get unanswered(): number {
    return this.open.size;
  }

  /** No further request should be read. */
  get isFull(): boolean {
    return this.runningCount >= this.limits.concurrency;
  }

  find(key: unknown): W | undefined {
    return this.open.get(key);
  }

  /** A new request: begin it, or it waits, or there is no room even for that. */
  admit(work: W): 'begin' | 'wait' | 'refuse' {
    if (this.waiting.size === 0 && !this.isFull) {
      this.begin(work);
      return 'begin';
    }
    if (this.waiting.size >= this.limits.maxWaiting) return 'refuse';
    this.waiting.add(work);
    this.open.set(work.key, work);
    return 'wait';
  }

  /** Its function has promised an answer: from now on it can be found. */
  promised(work: W): void {
    this.open.set(work.key, work);
  }

  /** It needs no answer any more; its function may go on. */
  answered(work: W): void {
    if (this.open.get(work.key) === work) this.open.delete(work.key);
    if (work.state !== 'waiting') return;
    this.waiting.delete(work);
    work.state = 'over';
  }

  /** Its function has settled. */
  settled(work: W): void {
    this.answered(work);
    if (work.state !== 'running') return;
    work.state = 'over';
    this.runningCount -= 1;
  }

  /** The next one that may begin; it counts as running then. */
  next(): W | undefined {
    if (this.isFull) return undefined;
    for (const work of this.waiting) {
      this.waiting.delete(work);
      this.begin(work);
      return work;
    }
    return undefined;
  }

  /** All that are not answered, in order; the table is empty then, but for functions that still run. */
  takeAll(): W[] {
    const works = [...this.open.values()];
    for (const work of works) this.answered(work);
    return works;
  }

  private begin(work: W): void {
    work.state = 'running';
    this.runningCount += 1;
  }
}
