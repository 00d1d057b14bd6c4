/** What came before a number was seen, on one line: a node's envelopes on a subject. */
export type Arrival = { readonly isNew: true; readonly missed: number } | { readonly isNew: false };

const OLD: Arrival = { isNew: false };
const NEXT: Arrival = { isNew: true, missed: 0 };

/**
 * The numbers that came from each node on one subject. The first one of a node is taken as it is; after that a hole is
 * what was lost, and what is not above the last one has been there.
 */
export class NumberLines {
  private readonly last = new Map<string, number>();

  arrived(node: string, number: number): Arrival {
    const last = this.last.get(node);
    if (last !== undefined && number <= last) return OLD;
    this.last.set(node, number);
    if (last === undefined || number === last + 1) return NEXT;
    return { isNew: true, missed: number - last - 1 };
  }

  /** The last number that came; undefined if none did. */
  lastOf(node: string): number | undefined {
    return this.last.get(node);
  }

  clear(): void {
    this.last.clear();
  }

  forget(node: string): void {
    this.last.delete(node);
  }
}
