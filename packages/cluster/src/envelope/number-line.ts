/** The gap before a number on one line: a node's envelopes on a subject. */
export type Arrival = { readonly isNew: true; readonly missed: number } | { readonly isNew: false };

const OLD: Arrival = { isNew: false };
const NEXT: Arrival = { isNew: true, missed: 0 };

/** A number this far from the last one, above or below, is not believed alone: it may be forged. */
const FAR = 2 ** 24;

/**
 * The numbers that came from each node on one subject. The first one of a node is taken as it is; after that the
 * numbers in a hole were lost, and a number that is not above the last one is a repetition. A number that is far away
 * counts once one comes that is a little above it: a forged number does not silence a node.
 */
export class NumberLines {
  private readonly last = new Map<string, number>();
  /** The last number that was far away, and not believed. */
  private readonly far = new Map<string, number>();

  arrived(node: string, number: number): Arrival {
    const last = this.last.get(node);
    if (last !== undefined && Math.abs(number - last) > FAR) return this.farAway(node, number);
    if (last !== undefined && number <= last) return OLD;
    this.last.set(node, number);
    if (last === undefined || number === last + 1) return NEXT;
    return { isNew: true, missed: number - last - 1 };
  }

  private farAway(node: string, number: number): Arrival {
    const first = this.far.get(node);
    if (first === undefined || number <= first || number - first > FAR) {
      this.far.set(node, number);
      return OLD;
    }
    this.far.delete(node);
    this.last.set(node, number);
    return { isNew: true, missed: number - first };
  }

  clear(): void {
    this.last.clear();
    this.far.clear();
  }

  forget(node: string): void {
    this.last.delete(node);
    this.far.delete(node);
  }
}
