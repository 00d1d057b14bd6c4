import { unpinAll } from '../bytes/pinned-memory.ts';
import { Fifo } from '../queue/fifo.ts';
import { COMPLETE, KeptEvent } from './kept-event.ts';

/** The entries of a `KeptInput` in their order: messages, and the events between them. */
export class KeptQueue {
  private readonly entries = new Fifo<unknown>();
  private messageCount = 0;
  /** This many entries at the front wait for no release. */
  private dueCount = 0;
  /** This many entries at the front have memory of their own. */
  private unpinned = 0;

  get isEmpty(): boolean {
    return this.entries.isEmpty;
  }

  /** How many entries are kept. */
  get size(): number {
    return this.entries.size;
  }

  /** How many messages are kept. */
  get messages(): number {
    return this.messageCount;
  }

  /** The first entry waits for no release: an error follows it. */
  get isDue(): boolean {
    return this.dueCount > 0;
  }

  /** The bytes of all messages. */
  get bytes(): number {
    let bytes = 0;
    for (let at = 0; at < this.entries.size; at++) {
      const entry = this.entries.at(at);
      if (!(entry instanceof KeptEvent)) bytes += sizeOf(entry);
    }
    return bytes;
  }

  peek(): unknown {
    return this.entries.peek();
  }

  addMessage(message: unknown): void {
    this.entries.push(message);
    this.messageCount += 1;
  }

  addEvent(event: KeptEvent): void {
    this.entries.push(event);
  }

  /** The end of a burst; one is enough. Bytes that are a small part of their read's memory are copied out of it. */
  addComplete(): void {
    unpinAll(this.entries, this.unpinned);
    if (this.entries.last !== COMPLETE) this.entries.push(COMPLETE);
    this.unpinned = this.entries.size;
  }

  /** An error is added next: nothing before it, nor the error, waits for a release any more. */
  makeDue(): void {
    this.dueCount = this.entries.size + 1;
  }

  /** Later entries wait again. */
  endDue(): void {
    this.dueCount = 0;
  }

  shift(): unknown {
    const entry = this.entries.shift();
    if (!(entry instanceof KeptEvent)) this.messageCount -= 1;
    if (this.dueCount > 0) this.dueCount -= 1;
    if (this.unpinned > 0) this.unpinned -= 1;
    return entry;
  }

  /** Drops all messages; the events stay. */
  dropMessages(): void {
    const events: unknown[] = [];
    while (!this.entries.isEmpty) {
      const entry = this.entries.shift();
      if (entry instanceof KeptEvent) events.push(entry);
    }
    for (const event of events) this.entries.push(event);
    this.messageCount = 0;
    this.dueCount = 0;
    this.unpinned = 0;
  }
}

/** A message that is not bytes counts as one. */
export function sizeOf(message: unknown): number {
  return message instanceof Uint8Array ? Math.max(1, message.length) : 1;
}
