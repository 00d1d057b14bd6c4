import { ReceiveSequence } from '@headrace/core/authoring';

/**
 * The result for a number: whether it is new, and the size of the gap before it. A line has the numbers of a node on a subject.
 */
export type Arrival = { readonly isNew: true; readonly missed: number } | { readonly isNew: false };

const OLD: Arrival = { isNew: false };
const NEXT: Arrival = { isNew: true, missed: 0 };

/** A number that differs more from the last number is not accepted alone, because it can be forged. */
const FAR = 2 ** 24;

class NumberLine extends ReceiveSequence {
  /** The last number that was too far away to be accepted. */
  far: number | undefined = undefined;
}

/**
 * The numbers of each node on one subject. The first number of a node is accepted. After the first number, the numbers in a gap
 * count as lost, and a number that is not above the last number counts as a repetition. A number that is far away is accepted
 * when another number follows closely above it. So a forged number does not silence a node.
 */
export class NumberLines {
  private readonly lines = new Map<string, NumberLine>();

  /** @param begins - whether the line begins again, so that no number before this one was lost */
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
