import type { Clock, TransportSink } from '@headrace/core';
import { Fifo, isTurnCheckDue, unpinAll } from '@headrace/core/authoring';
import type { MessageReceiver } from '../protocol/resume-machine.ts';

/** The part of the transport that the input needs. */
export interface InputOwner {
  readonly clock: Clock;
  readonly sink: TransportSink | undefined;
  /** Whether the channel has closed. */
  readonly isOver: boolean;
  /** Called when the pipeline has read a message. */
  taken(payloadBytes: number): void;
  /** Called when a message arrived after the channel has closed. */
  refused(): void;
  /** Called when waiting messages were passed to the pipeline, up to the requested reads. */
  drained(): void;
}

/**
 * The inbound messages of all links. Messages wait until the pipeline requests a read; the peer's credit limits these messages.
 */
export class LastingInput implements MessageReceiver {
  protected readonly owner: InputOwner;
  private mayRead = false;
  private isStopped = false;
  private isInBurst = false;
  private isDrainDue = false;
  /** Messages that wait for the pipeline. Most channels never have any. */
  private waiting: Fifo<Buffer> | undefined = undefined;
  /** Number of waiting messages that arrived with the current read. */
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

  /** Passes no more messages on. Further messages wait and are not acknowledged to the peer. */
  stop(): void {
    this.isStopped = true;
  }

  /** Continues after `stop`. */
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

  /** Called when the peer has ended its output, after all received messages. */
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

  /** Drops the waiting messages and the end, because the peer sends them again over the new link. */
  clear(): void {
    this.clearAfter(0);
  }

  /** Works like `clear`, but keeps the first `count` messages. */
  protected clearAfter(count: number): void {
    const kept = Array.from({ length: count }, () => this.waiting!.shift()!);
    this.waiting?.clear();
    for (const payload of kept) this.waiting!.push(payload);
    this.arrivals = 0;
    this.isEndDue = false;
  }

  /** Adds a message behind the waiting messages. */
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

  /** Passes all waiting messages on even if reads are held, because they come before the error that followed them. */
  passAll(): void {
    while (!this.isStopped && !this.owner.isOver && this.hasWaiting)
      this.pass(this.waiting!.shift()!);
  }

  /** Copies short waiting messages, so that they do not keep the whole buffer of a read alive. */
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
      // The link counts its own messages.
      if (isTurnCheckDue(count)) owner.sink!.checkTurn();
    }
    this.endBurst();
    owner.drained();
  }
}
