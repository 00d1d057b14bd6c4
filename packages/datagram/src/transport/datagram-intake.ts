import { describeOptions, Fifo, MessageBursts, whole } from '@headrace/core/authoring';
import type { DatagramCounters } from './datagram-counters.ts';
import type { Delivery, NextTurn } from './next-turn.ts';

/**
 * Limits for datagrams that arrive while reads are held. Node cannot stop reading a datagram socket. Therefore the channel
 * keeps some datagrams and drops later ones, as a kernel does.
 */
export interface KeptDatagrams {
  /** Maximum number of datagrams that are kept while reads are held. Later datagrams are dropped and counted. @default 256 */
  readonly maxKeptDatagrams?: number;
  /** Maximum size of the kept datagrams together, in bytes. @default 262144 */
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

/** Number of bytes after which the pending answers are sent, before further datagrams are delivered. */
const SLICE_BYTES = 64 * 1024;

/**
 * The input of a datagram channel. A burst has all datagrams of a turn of the socket, and the datagrams that were kept while reads
 * were held.
 */
export class DatagramIntake extends MessageBursts<unknown> implements Delivery {
  private readonly limits: IntakeLimits;
  private readonly counters: DatagramCounters;
  private readonly turn: NextTurn;
  private readonly sizeOf: (message: unknown) => number;
  private isAwake = false;
  private readonly queue = new Fifo<unknown>();
  private queuedBytes = 0;
  private readonly run = (): void => this.deliver();

  /** @param sizeOf - function that returns the size of a received message, in bytes */
  constructor(
    limits: IntakeLimits,
    counters: DatagramCounters,
    turn: NextTurn,
    sizeOf: (message: unknown) => number,
  ) {
    super();
    this.limits = limits;
    this.counters = counters;
    this.turn = turn;
    this.sizeOf = sizeOf;
  }

  override get isTaking(): boolean {
    return super.isTaking && !this.sink!.isReadHeld;
  }

  override stop(): void {
    super.stop();
    this.queue.clear();
  }

  override requestRead(): void {
    super.requestRead();
    if (!this.queue.isEmpty) this.scheduleWake();
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

  /** Delivers the waiting datagrams as one burst, until reads are held. */
  deliver(): void {
    this.isAwake = false;
    let sliceBytes = 0;
    while (!this.queue.isEmpty && this.isTaking) {
      if (sliceBytes >= SLICE_BYTES) {
        this.scheduleWake();
        return;
      }
      const message = this.queue.shift();
      const bytes = this.sizeOf(message);
      this.queuedBytes -= bytes;
      sliceBytes += bytes;
      this.pass(message);
    }
    this.endBurst();
  }

  /** Returns true if the datagram does not fit. A kernel would drop it too. */
  private isFull(bytes: number): boolean {
    const { maxKeptDatagrams, maxKeptBytes } = this.limits;
    return this.queue.size >= maxKeptDatagrams || this.queuedBytes + bytes > maxKeptBytes;
  }

  /** Delivers after the current event, because reads can be requested while a datagram is delivered. */
  private scheduleWake(): void {
    if (this.isAwake) return;
    this.isAwake = true;
    this.turn.clock.execute(this.run);
  }
}
