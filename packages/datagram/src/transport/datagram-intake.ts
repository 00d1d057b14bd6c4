import type { Clock, TransportSink } from '@headrace/core';
import { describeOptions, Fifo, isTurnCheckDue, whole } from '@headrace/core/authoring';
import type { Burst, BurstEnds } from './burst-ends.ts';
import type { DatagramCounters } from './datagram-counters.ts';

/**
 * How much is kept of what comes while reads are held. Node cannot stop reading a socket for datagrams; as a kernel does,
 * the channel keeps some, and drops what comes after them.
 */
export interface KeptDatagrams {
  /** Datagrams that are kept while reads are held; later ones are dropped and counted. @default 256 */
  readonly maxKeptDatagrams?: number;
  /** The bytes of these. @default 262144 */
  readonly maxKeptBytes?: number;
}

export const KEPT_OPTIONS = describeOptions('KeptDatagrams', {
  maxKeptDatagrams: whole({ default: 256 }),
  maxKeptBytes: whole({ default: 256 * 1024 }),
});

export interface IntakeLimits {
  readonly maxKeptDatagrams: number;
  readonly maxKeptBytes: number;
}

/** The input of a channel of datagrams: bursts, the share of a turn, and what is kept while reads are held. */
export class DatagramIntake implements Burst {
  private readonly limits: IntakeLimits;
  private readonly counters: DatagramCounters;
  private readonly ends: BurstEnds;
  private readonly clock: Clock;
  private readonly sizeOf: (message: unknown) => number;
  private sink: TransportSink | undefined = undefined;
  private mayRead = false;
  private isInBurst = false;
  private isAwake = false;
  private isOver = false;
  /** Of this burst. */
  private delivered = 0;
  private kept: Fifo<unknown> | undefined = undefined;
  private keptBytes = 0;
  private readonly run = (): void => this.deliverKept();

  /** @param sizeOf - the bytes of a message that was received */
  constructor(
    limits: IntakeLimits,
    counters: DatagramCounters,
    ends: BurstEnds,
    clock: Clock,
    sizeOf: (message: unknown) => number,
  ) {
    this.limits = limits;
    this.counters = counters;
    this.ends = ends;
    this.clock = clock;
    this.sizeOf = sizeOf;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
  }

  stop(): void {
    this.isOver = true;
    this.kept = undefined;
  }

  requestRead(): void {
    this.mayRead = true;
    if (this.hasKept && !this.isAwake) {
      this.isAwake = true;
      // Reads are asked for in the middle of other events.
      this.clock.execute(this.run);
    }
  }

  pauseReading(): void {
    this.mayRead = false;
  }

  arrived(message: unknown): void {
    if (this.isOver) return;
    if (this.isTaking && !this.hasKept) this.deliver(message);
    else this.keep(message);
  }

  endBurst(): void {
    this.isInBurst = false;
    if (this.isOver) return;
    this.mayRead = false;
    this.sink!.readComplete();
  }

  private get isTaking(): boolean {
    return this.mayRead && !this.sink!.isReadHeld;
  }

  private get hasKept(): boolean {
    return this.kept !== undefined && !this.kept.isEmpty;
  }

  private deliver(message: unknown): void {
    const sink = this.sink!;
    if (!this.isInBurst) {
      this.isInBurst = true;
      this.delivered = 0;
      this.ends.begin(this);
    }
    sink.received(message);
    this.delivered += 1;
    if (isTurnCheckDue(this.delivered)) sink.checkTurn();
  }

  private keep(message: unknown): void {
    const { maxKeptDatagrams, maxKeptBytes } = this.limits;
    const bytes = this.sizeOf(message);
    this.kept ??= new Fifo();
    if (this.kept.size >= maxKeptDatagrams || this.keptBytes + bytes > maxKeptBytes) {
      this.counters.dropped += 1;
      return;
    }
    this.kept.push(message);
    this.keptBytes += bytes;
  }

  private deliverKept(): void {
    this.isAwake = false;
    while (!this.isOver && this.isTaking && this.hasKept) {
      const message = this.kept!.shift();
      this.keptBytes -= this.sizeOf(message);
      this.deliver(message);
    }
  }
}
