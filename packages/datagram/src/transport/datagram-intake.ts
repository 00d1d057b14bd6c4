import type { TransportSink } from '@headrace/core';
import { describeOptions, Fifo, isTurnCheckDue, whole } from '@headrace/core/authoring';
import type { DatagramCounters } from './datagram-counters.ts';
import type { Delivery, NextTurn } from './next-turn.ts';

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

/** After so many bytes what was written in answer to them leaves, before the next ones are delivered. */
const SLICE_BYTES = 64 * 1024;

/** The input of a channel of datagrams: bursts, the share of a turn, and what is kept while reads are held. */
export class DatagramIntake implements Delivery {
  private readonly limits: IntakeLimits;
  private readonly counters: DatagramCounters;
  private readonly turn: NextTurn;
  private readonly sizeOf: (message: unknown) => number;
  private sink: TransportSink | undefined = undefined;
  private mayRead = false;
  private isAwake = false;
  private isOver = false;
  private readonly queue = new Fifo<unknown>();
  private queuedBytes = 0;
  /** Of the burst under way. */
  private delivered = 0;
  private readonly run = (): void => this.deliver();

  /** @param sizeOf - the bytes of a message that was received */
  constructor(
    limits: IntakeLimits,
    counters: DatagramCounters,
    turn: NextTurn,
    sizeOf: (message: unknown) => number,
  ) {
    this.limits = limits;
    this.counters = counters;
    this.turn = turn;
    this.sizeOf = sizeOf;
  }

  open(sink: TransportSink): void {
    this.sink = sink;
  }

  stop(): void {
    this.isOver = true;
    this.queue.clear();
  }

  requestRead(): void {
    this.mayRead = true;
    if (!this.queue.isEmpty) this.wakeSoon();
  }

  pauseReading(): void {
    this.mayRead = false;
  }

  arrived(message: unknown): void {
    if (this.isOver) return;
    const bytes = this.sizeOf(message);
    const { isTaking } = this;
    if (!isTaking && this.isFull(bytes)) {
      this.counters.dropped += 1;
      return;
    }
    this.queue.push(message);
    this.queuedBytes += bytes;
    if (!isTaking || this.isAwake) return;
    this.isAwake = true;
    this.turn.add(this);
  }

  /** Delivers what is there as one burst, until reads are held. */
  deliver(): void {
    this.isAwake = false;
    if (this.isOver) return;
    const sink = this.sink!;
    let sliceBytes = 0;
    while (!this.queue.isEmpty && this.isTaking) {
      if (sliceBytes >= SLICE_BYTES) {
        this.wakeSoon();
        return;
      }
      const message = this.queue.shift();
      const bytes = this.sizeOf(message);
      this.queuedBytes -= bytes;
      sliceBytes += bytes;
      sink.received(message);
      this.delivered += 1;
      if (isTurnCheckDue(this.delivered)) sink.checkTurn();
    }
    if (this.delivered === 0) return;
    this.delivered = 0;
    this.mayRead = false;
    sink.readComplete();
  }

  private get isTaking(): boolean {
    return this.mayRead && !this.sink!.isReadHeld;
  }

  /** A kernel would drop it, too. */
  private isFull(bytes: number): boolean {
    const { maxKeptDatagrams, maxKeptBytes } = this.limits;
    return this.queue.size >= maxKeptDatagrams || this.queuedBytes + bytes > maxKeptBytes;
  }

  /** When the event under way is over: reads are asked for in the middle of others. */
  private wakeSoon(): void {
    if (this.isAwake) return;
    this.isAwake = true;
    this.turn.clock.execute(this.run);
  }
}
