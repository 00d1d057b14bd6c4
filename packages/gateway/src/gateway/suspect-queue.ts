/**
 * The connections whose job may have ended several workers. A worker receives one of them at a time, so that a job that only was
 * under way beside the one that ends workers is not given up.
 */
export class SuspectQueue<Entry> {
  private readonly waiting = new Set<Entry>();
  private current: Entry | undefined = undefined;
  private since = 0;

  /** Returns true if a connection may have a worker now. Otherwise it is returned by a later call of another method. */
  begins(entry: Entry, now: number): boolean {
    if (this.current !== undefined && this.current !== entry) {
      this.waiting.add(entry);
      return false;
    }
    this.waiting.delete(entry);
    this.current = entry;
    this.since = now;
    return true;
  }

  /**
   * Called when a connection is not suspect, or is closed. Returns the connection that may have a worker now: this one if it
   * waited, because nothing else ends its wait.
   */
  cleared(entry: Entry): Entry | undefined {
    if (this.waiting.delete(entry)) return entry;
    return this.current === entry ? this.next() : undefined;
  }

  /** Returns the connection whose turn it is, if the job of the current one began before this time: it may take long. */
  late(before: number): Entry | undefined {
    return this.current !== undefined && this.since <= before ? this.next() : undefined;
  }

  private next(): Entry | undefined {
    this.current = undefined;
    const [next] = this.waiting;
    return next;
  }
}
