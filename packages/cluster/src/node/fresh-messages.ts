import type { Envelope } from '../envelope/envelope.ts';

/** Maximum difference between the time of a message and the clock of this node. Messages with a larger difference are refused. */
const MAX_DIFFERENCE_MS = 60_000;

/** The newest message of a node on a subject. */
interface Newest {
  time: number;
  number: number;
}

/**
 * Refuses sealed messages that were recorded and sent again. The seal covers the time of a message. A message is refused if its
 * time differs by more than a minute from this node's clock, or if it is not newer than the last message of its node on its
 * subject. So only the newest message of each node is remembered, for a minute.
 */
export class FreshMessages {
  private readonly bySubject = new Map<string, Map<string, Newest>>();
  private sweptAt = 0;

  /**
   * Checks whether a message is new, and notes it as seen.
   *
   * @param now - milliseconds since 1970
   */
  take(subject: string, { node, number, time = 0 }: Envelope, now: number): boolean {
    if (Math.abs(now - time) > MAX_DIFFERENCE_MS) return false;
    const newest = this.bySubject.get(subject)?.get(node);
    if (newest === undefined) {
      this.keep(subject, node, { time, number }, now);
      return true;
    }
    if (time < newest.time || (time === newest.time && number <= newest.number)) return false;
    newest.time = time;
    newest.number = number;
    return true;
  }

  private keep(subject: string, node: string, newest: Newest, now: number): void {
    if (Math.abs(now - this.sweptAt) > MAX_DIFFERENCE_MS) this.sweep(now);
    const nodes = this.bySubject.get(subject);
    if (nodes === undefined) this.bySubject.set(subject, new Map([[node, newest]]));
    else nodes.set(node, newest);
  }

  /** Forgets messages older than the limit. A message that is not newer than a forgotten one is too old. */
  private sweep(now: number): void {
    this.sweptAt = now;
    for (const [subject, nodes] of this.bySubject) {
      for (const [node, { time }] of nodes) {
        if (now - time > MAX_DIFFERENCE_MS) nodes.delete(node);
      }
      if (nodes.size === 0) this.bySubject.delete(subject);
    }
  }
}
