import type { SeededRandom } from '@headrace/core/testing';
import type { SimulatedTime } from '../simulated-time.ts';
import { Latency, type LatencyOptions } from './latency.ts';

/** Size of the headers of one segment, in bytes. The headers use bandwidth too. */
const HEADER_BYTES = 40;

/** The callbacks for one segment, which either arrives or is lost. */
export interface Delivery {
  arrived(): void;
  /** @param isAnswered - whether a router reports that the host cannot be reached */
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

/** Faults that affect only the datagrams of one direction. */
export interface DatagramLosses {
  /** Share of the datagrams that are lost, from 0 to 1. */
  readonly loss: number;
  /** Share of the datagrams that arrive twice, from 0 to 1. */
  readonly duplicates: number;
  /** Share of the datagrams that take up to `reorderMs` longer, so that others overtake them, from 0 to 1. */
  readonly reordering: number;
  readonly reorderMs: number;
  /** Maximum size of a datagram, in bytes. Larger datagrams are lost, as on networks that drop fragments. */
  readonly maxBytes: number;
}

const NO_LOSSES: DatagramLosses = {
  loss: 0,
  duplicates: 0,
  reordering: 0,
  reorderMs: 0,
  maxBytes: Number.POSITIVE_INFINITY,
};

/** One direction between two hosts, with its latency, bandwidth and faults. */
export class NetworkPath {
  private readonly time: SimulatedTime;
  private readonly random: SeededRandom;
  private latencyIs: Latency;
  /** The active additional latencies. Faults can overlap. */
  private readonly slowings = new Set<{ readonly by: Latency }>();
  /** Bytes per millisecond. */
  private rate = Number.POSITIVE_INFINITY;
  private freeAt = 0;
  private held: Held[] | undefined = undefined;
  /** Time at which the last of the released segments arrives. Later segments do not overtake it. */
  private releasedUntil = 0;
  /** The active cuts. Faults can overlap. */
  private readonly cuts = new Set<Cut>();
  datagrams: DatagramLosses = NO_LOSSES;
  /** Size of each end's buffer for connections that are made from now on, in bytes. */
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

  /** Whether a router reports that the host cannot be reached. */
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

  /** Adds a latency. Returns a function that removes it. */
  slow(by: Latency): () => void {
    const slowing = { by };
    this.slowings.add(slowing);
    return () => void this.slowings.delete(slowing);
  }

  /** Removes all added latencies. */
  speedUp(): void {
    this.slowings.clear();
  }

  /**
   * Cuts the path, so that nothing arrives.
   *
   * @param isAnswered - whether routers report that the host cannot be reached; if false, segments vanish
   * @returns a function that removes this cut
   */
  cut(isAnswered: boolean): () => void {
    const cut: Cut = { isAnswered };
    this.cuts.add(cut);
    return () => void this.cuts.delete(cut);
  }

  /** Removes all cuts. */
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

  /** Sends a datagram, which arrives once, twice or not at all, and can overtake others. */
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
   * @param notBefore - arrival time of the previous segment, because segments of a stream do not overtake each other
   * @returns the arrival time, if the segment arrives
   */
  send(bytes: number, notBefore: number, delivery: Delivery): number {
    const { time } = this;
    if (this.held !== undefined) {
      this.held.push({ bytes, notBefore, delivery });
      return notBefore;
    }
    if (this.isCut) {
      const { isAnswered } = this;
      // The loss is reported by an event, because the sender is still running.
      time.plan(time.now + (isAnswered ? this.latencyIs.minMs : 0), () =>
        delivery.lost(isAnswered),
      );
      return notBefore;
    }
    this.freeAt = Math.max(this.freeAt, time.now) + (bytes + HEADER_BYTES) / this.rate;
    let extra = 0;
    for (const { by } of this.slowings) extra += by.draw(this.random);
    const drawn = this.freeAt + this.latencyIs.draw(this.random) + extra;
    const at = Math.max(notBefore, this.releasedUntil, drawn);
    time.plan(at, () => {
      // A cut path loses the segments that are on their way.
      if (this.isCut) delivery.lost(this.isAnswered);
      else if (this.held !== undefined) this.held.push({ bytes, notBefore: at, delivery });
      else delivery.arrived();
    });
    return at;
  }
}

/**
 * Returns true with the given probability. Draws no random number for 0, so that the other choices of the seed do not change.
 */
function chance(random: SeededRandom, share: number): boolean {
  return share > 0 && random.next() < share;
}
