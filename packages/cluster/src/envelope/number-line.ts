import { ReceiveSequence } from '@headrace/core/authoring';

/** The gap before a number on one line: a node's envelopes on a subject. */
export type Arrival = { readonly isNew: true; readonly missed: number } | { readonly isNew: false };

const OLD: Arrival = { isNew: false };
const NEXT: Arrival = { isNew: true, missed: 0 };

/** A number this far from the last one, above or below, is not believed alone: it may be forged. */
const FAR = 2 ** 24;

class NumberLine extends ReceiveSequence {
  /** The last number that was far away, and not believed. */
  far: number | undefined = undefined;
}

/**
 * The numbers that came from each node on one subject. The first one of a node is taken as it is; after that the
 * numbers in a hole were lost, and a number that is not above the last one is a repetition. A number that is far away
 * counts once one comes that is a little above it: a forged number does not silence a node.
 */
export class NumberLines {
  private readonly lines = new Map<string, NumberLine>();

  /** @param begins - the line begins again: between its last number and this one nothing was sent */
  arrived(node: string, number: number, begins = false): Arrival {
    const line = this.lines.get(node);
    if (line === undefined) {
      this.lines.set(node, new NumberLine(number));
      return NEXT;
    }
    if (Math.abs(number - line.received) > FAR) return farAway(line, number);
    const gap = line.gapBefore(number);
    if (gap < 0) return OLD;
    if (begins) line.received = number - 1;
    line.receive(number);
    if (begins) return NEXT;
    return gap === 0 ? NEXT : { isNew: true, missed: gap };
  }

  clear(): void {
    this.lines.clear();
  }

  forget(node: string): void {
    this.lines.delete(node);
  }
}

function farAway(line: NumberLine, number: number): Arrival {
  const first = line.far;
  if (first === undefined || number <= first || number - first > FAR) {
    line.far = number;
    return OLD;
  }
  line.far = undefined;
  line.received = number;
  return { isNew: true, missed: number - first };
}
