import type { Envelope } from '../envelope/envelope.ts';

/** A message whose time differs from ours by more is refused, and so is the node whose clock is that wrong. */
const MAX_DIFFERENCE_MS = 60_000;

/** The newest message of a node on a subject. */
interface Newest {
  time: number;
  number: number;
}

/**
 * Refuses sealed messages that were recorded and are sent again. A message has its time under the seal: it is refused
 * if it is not newer than the last one of its node on its subject, and if it is older than a minute. So the newest
 * message of a node is kept for a minute, and needs no other memory.
 */
export class FreshMessages {
  private readonly bySubject = new Map<string, Map<string, Newest>>();
  private sweptAt = 0;

  /**
   * Whether a message is new; it counts as seen then.
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

  /** Messages that are not newer than a forgotten one are too old by now. */
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
