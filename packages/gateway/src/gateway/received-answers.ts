import { ReceiveSequence } from '@headrace/core/authoring';
import { TELL_EVERY_MS } from './gateway-frame.ts';

/** Bytes after which a worker learns at once that they have arrived, because it keeps a limited number of bytes. */
const CONFIRM_BYTES = 65_536;

/** The numbered frames of a worker for one connection, at its gateway. */
export class ReceivedAnswers extends ReceiveSequence {
  /** The number of the last frame that the worker is known to have sent. */
  private known = 0;
  private unconfirmedBytes = 0;
  /** The last frame before the gap that the worker was asked to fill, and when. */
  private askedAfter = -1;
  private askedAt = 0;

  constructor() {
    super(0);
  }

  /** The number of frames that the worker has sent, and that have not arrived. */
  get missing(): number {
    return this.known - this.received;
  }

  /** Accepts the next frame. Returns false for another frame: it was repeated, or one before it is missing. */
  accept(number: number, bytes: number): boolean {
    const isNext = this.gapBefore(number) === 0;
    if (isNext) this.receive(number);
    this.unconfirmedBytes += bytes;
    return isNext;
  }

  /** Called when the worker has sent frames up to this number. Returns whether it must learn at once what has arrived. */
  sent(number: number, now: number): boolean {
    const { received, askedAfter, askedAt } = this;
    this.known = Math.max(this.known, number);
    // Once for a gap, because each question has all frames after it sent again. The question can be lost.
    const isAsked = askedAfter === received && now - askedAt < TELL_EVERY_MS / 2;
    if (number <= received || isAsked) return this.unconfirmedBytes >= CONFIRM_BYTES;
    this.askedAfter = received;
    this.askedAt = now;
    return true;
  }

  /** Called when the worker learns what has arrived. */
  confirmed(): void {
    this.unconfirmedBytes = 0;
  }

  /** Called when frames on their way can be lost. */
  linkChanged(): void {
    this.askedAfter = -1;
  }
}
