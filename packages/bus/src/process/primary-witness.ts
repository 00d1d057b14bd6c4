import cluster from 'node:cluster';
import { randomInt } from 'node:crypto';
import type { WillWitness } from '../bus/bus-engine.ts';
import { processWire } from './process-wire.ts';
import { type PrimaryWire, WorkerLink } from './worker-link.ts';

/** Prefix of an engine's subject in the relay. */
const PREFIX = 'will:';

/**
 * Uses the primary of `node:cluster` as a witness for a worker whose engine does not notice the end of a process. The primary's
 * relay keeps the will, and the remaining workers publish it on their engines.
 */
export class PrimaryWitness implements WillWitness {
  private readonly wire: PrimaryWire;
  private readonly subjects = new Set<string>();
  private link: WorkerLink | undefined = undefined;

  constructor(wire: PrimaryWire) {
    this.wire = wire;
  }

  setWill(
    subject: string,
    bytes: Uint8Array,
    publish: (subject: string, bytes: Uint8Array) => void,
  ): void {
    const sink = {
      received: (from: string, will: Uint8Array) => publish(from.slice(PREFIX.length), will),
      // Without a primary, there is no witness.
      lost: () => {},
    };
    this.link ??= new WorkerLink(randomInt(2 ** 31), this.wire, sink, () => {});
    const own = PREFIX + subject;
    if (!this.subjects.has(own)) this.link.subscribe(own);
    this.subjects.add(own);
    this.link.setWill(own, bytes);
  }

  close(): void {
    void this.link?.close(false);
  }
}

/** Returns a witness for the engine of a worker, because only a worker has a primary. */
export function primaryWitness(): WillWitness | undefined {
  return cluster.isWorker ? new PrimaryWitness(processWire) : undefined;
}
