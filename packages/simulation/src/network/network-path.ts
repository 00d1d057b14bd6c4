import type { SeededRandom } from '@headrace/core/testing';
import type { SimulatedTime } from '../simulated-time.ts';
import { Latency, type LatencyOptions } from './latency.ts';

/** Bytes of the headers of one segment: they take their share of a slow line. */
const HEADER_BYTES = 40;

/** The callbacks for one segment: it arrives, or it is lost. */
export interface Delivery {
  arrived(): void;
  /** @param isAnswered - a router says that the host cannot be reached */
  lost(isAnswered: boolean): void;
}

interface Cut {
  readonly isAnswered: boolean;
}

interface Held {
  readonly bytes: number;
  readonly notBefore: number;
  readonly delivery: Delivery;
}

/** Faults of one direction that concern datagrams alone. */
export interface DatagramLosses {
  /** Part of the datagrams that are lost, 0 to 1. */
  readonly loss: number;
  /** Part of them that arrive twice. */
  readonly duplicates: number;
  /** Part of them that are overtaken: each takes up to `reorderMs` longer. */
  readonly reordering: number;
  readonly reorderMs: number;
  /** Longer ones are lost, as where fragments are dropped. */
  readonly maxBytes: number;
}

const NO_LOSSES: DatagramLosses = {
  loss: 0,
  duplicates: 0,
  reordering: 0,
  reorderMs: 0,
  maxBytes: Number.POSITIVE_INFINITY,
};

/** One direction between two hosts: how long, how wide, and whether anything comes through. */
export class NetworkPath {
  private readonly time: SimulatedTime;
  private readonly random: SeededRandom;
  private latencyIs: Latency;
  private slowedBy: Latency | undefined = undefined;
  /** Bytes per millisecond. */
  private rate = Number.POSITIVE_INFINITY;
  private freeAt = 0;
  private held: Held[] | undefined = undefined;
  /** When the last of what was released arrives: nothing sent later overtakes it. */
  private releasedUntil = 0;
  /** The cuts that are on it now; faults may overlap. */
  private readonly cuts = new Set<Cut>();
  datagrams: DatagramLosses = NO_LOSSES;
  /** Bytes of each end's buffer of connections made from now on. */
  bufferBytes: number;

  constructor(time: SimulatedTime, random: SeededRandom, latency: Latency, bufferBytes: number) {
    this.time = time;
    this.random = random;
    this.latencyIs = latency;
    this.bufferBytes = bufferBytes;
  }

  get isCut(): boolean {
    return this.cuts.size > 0;
  }

  /** True if a router says that the host cannot be reached. */
  private get isAnswered(): boolean {
    for (const cut of this.cuts) if (cut.isAnswered) return true;
    return false;
  }

  setLatency(options: LatencyOptions): void {
    this.latencyIs = new Latency(options);
  }

  setRate(bytesPerSecond: number): void {
    this.rate = bytesPerSecond / 1000;
  }

  /** A fault: longer on the way until `undefined` is given. */
  slow(by: Latency | undefined): void {
    this.slowedBy = by;
  }

  /**
   * Nothing comes through any more.
   *
   * @param isAnswered - routers answer that the host cannot be reached; else segments vanish
   * @returns takes this cut back
   */
  cut(isAnswered: boolean): () => void {
    const cut: Cut = { isAnswered };
    this.cuts.add(cut);
    return () => void this.cuts.delete(cut);
  }

  /** Takes all cuts back. */
  repair(): void {
    this.cuts.clear();
  }

  hold(): void {
    this.held ??= [];
  }

  release(): void {
    const { held = [] } = this;
    this.held = undefined;
    for (const { bytes, notBefore, delivery } of held) {
      this.releasedUntil = Math.max(this.releasedUntil, this.send(bytes, notBefore, delivery));
    }
  }

  /** Sends one datagram: it arrives once, twice or not at all, and may overtake others. */
  sendDatagram(bytes: number, delivery: Delivery): void {
    const { random, time, datagrams } = this;
    const { loss, duplicates, reordering, reorderMs, maxBytes } = datagrams;
    const copies = chance(random, duplicates) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (bytes > maxBytes || chance(random, loss)) {
        time.plan(time.now, () => delivery.lost(false));
        continue;
      }
      const late = chance(random, reordering) ? random.next() * reorderMs : 0;
      if (late === 0) this.send(bytes, 0, delivery);
      else time.plan(time.now + late, () => this.send(bytes, 0, delivery));
    }
  }

  /**
   * Sends one segment.
   *
   * @param notBefore - the arrival of the segment before: a stream does not overtake itself
   * @returns when it arrives, if it does
   */
  send(bytes: number, notBefore: number, delivery: Delivery): number {
    const { time } = this;
    if (this.held !== undefined) {
      this.held.push({ bytes, notBefore, delivery });
      return notBefore;
    }
    if (this.isCut) {
      const { isAnswered } = this;
      // Reported by an event, like everything else: the sender is in the middle of something.
      time.plan(time.now + (isAnswered ? this.latencyIs.minMs : 0), () =>
        delivery.lost(isAnswered),
      );
      return notBefore;
    }
    this.freeAt = Math.max(this.freeAt, time.now) + (bytes + HEADER_BYTES) / this.rate;
    const extra = this.slowedBy?.draw(this.random) ?? 0;
    const drawn = this.freeAt + this.latencyIs.draw(this.random) + extra;
    const at = Math.max(notBefore, this.releasedUntil, drawn);
    time.plan(at, () => {
      // A line that is cut loses what is on it.
      if (this.isCut) delivery.lost(this.isAnswered);
      else if (this.held !== undefined) this.held.push({ bytes, notBefore: at, delivery });
      else delivery.arrived();
    });
    return at;
  }
}

/** Nothing is drawn for what never happens: other choices of the seed stay as they are. */
function chance(random: SeededRandom, share: number): boolean {
  return share > 0 && random.next() < share;
}
