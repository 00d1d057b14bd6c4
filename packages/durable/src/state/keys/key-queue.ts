/** The work that waits for each key. A node works on a key once at a time, so it does not compete with itself for the store. */
export class KeyQueue<Work> {
  private readonly perform: (key: string, work: readonly Work[]) => Promise<void>;
  private readonly waiting = new Map<string, Work[]>();

  /** @param perform - does all work that waits for a key, and does not reject */
  constructor(perform: (key: string, work: readonly Work[]) => Promise<void>) {
    this.perform = perform;
  }

  /** Begins the work at once, or after the work that is under way for the key, together with everything that waits. */
  add(key: string, work: Work): void {
    const waiting = this.waiting.get(key);
    if (waiting !== undefined) waiting.push(work);
    else void this.run(key, [work]);
  }

  private async run(key: string, first: Work[]): Promise<void> {
    let work = first;
    while (work.length > 0) {
      const next: Work[] = [];
      this.waiting.set(key, next);
      await this.perform(key, work);
      work = next;
    }
    this.waiting.delete(key);
  }
}
