import { SendSequence } from '@headrace/core/authoring';

/**
 * What one end of a connection has numbered for the other end, and keeps until the other end has it: the messages at a gateway, and
 * the writes and the close at a worker. The owner has the limit of the bytes.
 */
export class KeptFrames<Kept extends { readonly size: number }> extends SendSequence {
  /** The sizes of all kept entries together. */
  bytes = 0;
  /** Oldest first. */
  private readonly entries: Kept[] = [];

  get count(): number {
    return this.entries.length;
  }

  keep(entry: Kept): void {
    this.add(1);
    this.entries.push(entry);
    this.bytes += entry.size;
  }

  /** Returns the entry with a number that is not acknowledged. */
  at(number: number): Kept {
    return this.entries[number - this.acknowledged - 1]!;
  }

  /** Acknowledges all numbers up to `number`. Returns their entries, which are no longer kept. */
  release(number: number): readonly Kept[] {
    const released = this.entries.splice(0, this.acknowledge(number));
    for (const { size } of released) this.bytes -= size;
    return released;
  }
}
