import { unpinAll } from '../bytes/pinned-memory.ts';
import { Fifo } from '../queue/fifo.ts';
import { COMPLETE, KeptEvent } from './kept-event.ts';

/** The entries of a `KeptInput` in order: messages, and the events between them. */
export class KeptQueue {
  private readonly entries = new Fifo<unknown>();
  private messageCount = 0;
  /** Number of entries at the front that do not wait for a release. */
  private dueCount = 0;
  /** Number of entries at the front that have memory of their own. */
  private unpinned = 0;

  get isEmpty(): boolean {
    return this.entries.isEmpty;
  }

  get size(): number {
    return this.entries.size;
  }

  get messages(): number {
    return this.messageCount;
  }

  /** Whether the first entry does not wait for a release, because an error follows it. */
  get isDue(): boolean {
    return this.dueCount > 0;
  }

  /** Number of bytes of all messages. */
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

  /** Adds the end of a burst, once. Bytes that are a small part of the memory of their read are copied out of it. */
  addComplete(): void {
    unpinAll(this.entries, this.unpinned);
    if (this.entries.last !== COMPLETE) this.entries.push(COMPLETE);
    this.unpinned = this.entries.size;
  }

  /** Makes all entries and the next error due, so that they no longer wait for a release. */
  makeDue(): void {
    this.dueCount = this.entries.size + 1;
  }

  /** Lets later entries wait for a release again. */
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

  /** Drops all messages and keeps the events. */
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

/** Returns the size of a message in bytes. A message that is not bytes counts as one byte. */
export function sizeOf(message: unknown): number {
  return message instanceof Uint8Array ? Math.max(1, message.length) : 1;
}
