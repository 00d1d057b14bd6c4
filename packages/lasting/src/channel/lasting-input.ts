import type { Clock } from '@headrace/core';
import { MessageInput, unpinAll } from '@headrace/core/authoring';
import type { MessageReceiver } from '../protocol/resume-machine.ts';

/** The part of the transport that the input needs. */
export interface InputOwner {
  readonly clock: Clock;
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
export class LastingInput extends MessageInput<Buffer> implements MessageReceiver {
  protected readonly owner: InputOwner;
  private isPaused = false;
  /** Number of waiting messages that arrived with the current read. */
  private arrivals = 0;

  constructor(owner: InputOwner) {
    super(owner.clock);
    this.owner = owner;
  }

  override get isTaking(): boolean {
    return this.mayRead && !this.isPaused && !this.owner.isOver;
  }

  /** Passes no more messages on. Further messages wait and are not acknowledged to the peer. */
  pause(): void {
    this.isPaused = true;
  }

  /** Continues after `pause`. */
  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    if (this.mayRead) this.requestRead();
  }

  override arrived(payload: Buffer): void {
    if (this.owner.isOver) this.owner.refused();
    else super.arrived(payload);
  }

  /** Drops the waiting messages and the end, because the peer sends them again over the new link. */
  override clear(): void {
    this.clearAfter(0);
  }

  /** Works like `clear`, but keeps the first `count` messages. */
  protected clearAfter(count: number): void {
    const first = Array.from({ length: count }, () => this.kept!.shift()!);
    super.clear();
    for (const payload of first) this.keep(payload);
    this.arrivals = 0;
  }

  /** Passes all waiting messages on even if reads are held, because they come before the error that followed them. */
  passAll(): void {
    while (!this.isPaused && !this.owner.isOver && this.hasKept) this.pass(this.kept!.shift()!);
  }

  protected override keep(payload: Buffer): void {
    super.keep(payload);
    this.arrivals += 1;
  }

  /** Ends a burst of messages that arrived together. */
  override endBurst(): void {
    if (this.arrivals > 0) this.keepArrivals();
    super.endBurst();
  }

  /** Copies short waiting messages, so that they do not keep the whole buffer of a read alive. */
  private keepArrivals(): void {
    const { kept, arrivals } = this;
    this.arrivals = 0;
    unpinAll(kept!, Math.max(0, kept!.size - arrivals));
  }

  protected override pass(payload: Buffer): boolean {
    const { length } = payload;
    const isTurnOver = super.pass(payload);
    this.owner.taken(length);
    return isTurnOver;
  }

  protected override deliver(): void {
    super.deliver();
    this.owner.drained();
  }
}
