import type { Clock, TransportSink } from '@headrace/core';
import { Fifo, isTurnCheckDue, unpinAll } from '@headrace/core/authoring';
import type { MessageReceiver } from '../protocol/resume-machine.ts';

/** The part of the transport that the input needs. */
export interface InputOwner {
  readonly clock: Clock;
  readonly sink: TransportSink | undefined;
  /** The channel has closed. */
  readonly isOver: boolean;
  /** The pipeline has taken a message. */
  taken(payloadBytes: number): void;
  /** A message came for a channel that has closed. */
  refused(): void;
  /** Waiting messages were passed on, as far as the pipeline asked for them. */
  drained(): void;
}

/**
 * Inbound messages of all links; they go to the pipeline when it asks for a read. Messages that it has not asked for
 * wait; the peer's credit bounds them.
 */
export class LastingInput implements MessageReceiver {
  protected readonly owner: InputOwner;
  private mayRead = false;
  private isStopped = false;
  private isInBurst = false;
  private isDrainDue = false;
  /** Messages that arrived and were not taken; most channels never have any. */
  private waiting: Fifo<Buffer> | undefined = undefined;
  /** How many of the messages that wait came with the present read. */
  private arrivals = 0;
  private isEndDue = false;

  constructor(owner: InputOwner) {
    this.owner = owner;
  }

  get hasWaiting(): boolean {
    return this.waiting !== undefined && !this.waiting.isEmpty;
  }

  private get mayPass(): boolean {
    return this.mayRead && !this.isStopped;
  }

  /** Passes nothing on any more: what comes waits, and the peer is not told that it was taken. */
  stop(): void {
    this.isStopped = true;
  }

  /** Goes on after `stop`. */
  goOn(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    if (this.mayRead) this.requestRead();
  }

  arrived(payload: Buffer): void {
    if (this.owner.isOver) this.owner.refused();
    else if (this.mayPass && !this.hasWaiting) this.pass(payload);
    else {
      this.keep(payload);
      this.arrivals += 1;
    }
  }

  /** The peer has ended its half, after everything that has come. */
  peerEnded(): void {
    this.isEndDue = true;
  }

  requestRead(): void {
    this.mayRead = true;
    if (this.isStopped || this.isInBurst || this.isDrainDue) return;
    if (!this.isEndDue && !this.hasWaiting) return;
    this.isDrainDue = true;
    this.owner.clock.execute(() => this.drain());
  }

  pauseReading(): void {
    this.mayRead = false;
  }

  /** A new link begins: the waiting messages and the end come again over it. */
  clear(): void {
    this.clearAfter(0);
  }

  /** As `clear`, but the first so many stay. */
  protected clearAfter(count: number): void {
    const kept = Array.from({ length: count }, () => this.waiting!.shift()!);
    this.waiting?.clear();
    for (const payload of kept) this.waiting!.push(payload);
    this.arrivals = 0;
    this.isEndDue = false;
  }

  /** A message waits, behind those that wait already. */
  protected keep(payload: Buffer): void {
    this.waiting ??= new Fifo();
    this.waiting.push(payload);
  }

  /** Ends a burst of messages that arrived together. */
  endBurst(): void {
    const { owner } = this;
    if (this.arrivals > 0) this.keepArrivals();
    if (this.isInBurst) {
      this.isInBurst = false;
      this.mayRead = false;
      owner.sink!.readComplete();
    }
    if (!this.isEndDue || !this.mayPass || owner.isOver || this.hasWaiting) return;
    this.isEndDue = false;
    owner.sink!.inputEnded();
  }

  /** Passes all waiting messages on, though reads are held: they come before the error that followed them. */
  passAll(): void {
    while (!this.isStopped && !this.owner.isOver && this.hasWaiting)
      this.pass(this.waiting!.shift()!);
  }

  /** A short message that waits must not keep everything that was read with it. */
  private keepArrivals(): void {
    const { waiting, arrivals } = this;
    this.arrivals = 0;
    unpinAll(waiting!, Math.max(0, waiting!.size - arrivals));
  }

  protected pass(payload: Buffer): void {
    const { owner } = this;
    this.isInBurst = true;
    const { length } = payload;
    owner.sink!.received(payload);
    owner.taken(length);
  }

  private drain(): void {
    this.isDrainDue = false;
    const { owner } = this;
    for (let count = 1; this.mayPass && !owner.isOver && this.hasWaiting; count++) {
      this.pass(this.waiting!.shift()!);
      // The link measures its own messages.
      if (isTurnCheckDue(count)) owner.sink!.checkTurn();
    }
    this.endBurst();
    owner.drained();
  }
}
