import type { Envelope } from '../envelope/envelope.ts';

/** Maximum difference between the time of a message and the clock of this node. Messages with a larger difference are refused. */
const MAX_DIFFERENCE_MS = 60_000;

/**
 * Returns the time of a node's next message. If the clock was set back a little, the time stays, because other nodes refuse an
 * earlier time. If the last time is so far ahead that other nodes refuse it, the clock was wrong, and the time follows the clock.
 *
 * @param last - the time of the last message
 * @param now - milliseconds since 1970
 */
export function timeAfter(last: number, now: number): number {
  return last - now > MAX_DIFFERENCE_MS ? Math.floor(now) : Math.max(last, Math.floor(now));
}

/** The newest message of a node on a subject. */
interface Newest {
  time: number;
  number: number;
}

/**
 * Refuses sealed messages that were recorded and sent again. The seal covers the time of a message. A message is refused if its
 * time differs by more than a minute from this node's clock, or if it is not newer than the last message of its node on its
 * subject. So only the newest message of each node is remembered, for a minute. A message from more than a minute ahead was
 * accepted while this node's clock was wrong, and is forgotten.
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
    if (newest === undefined || newest.time - now > MAX_DIFFERENCE_MS) {
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
        if (Math.abs(now - time) > MAX_DIFFERENCE_MS) nodes.delete(node);
      }
      if (nodes.size === 0) this.bySubject.delete(subject);
    }
  }
}
