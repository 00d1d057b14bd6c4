/**
 * The sequence numbers of a stream at its sender. The owner keeps the items until they are acknowledged, in a store of
 * its own with a bound of its own, and sends them over one link, or to one receiver, after another. Numbers count from 1:
 *
 * ```text
 *   1 … acknowledged │ … sent          │ … highest                    │ … last
 *   not kept         │ unacknowledged  │ sent over an earlier link,   │ never sent
 *                    │                 │ to be sent again             │
 * ```
 */
export class SendSequence {
  /** The last number that the receiver has, as it has all before it. */
  acknowledged = 0;
  /** The last number that went to the present receiver. */
  sent = 0;
  /** The last number that ever went to a receiver. */
  highest = 0;
  /** The last number. */
  last = 0;

  /** Whether nothing is kept. */
  get isEmpty(): boolean {
    return this.last === this.acknowledged;
  }

  /** Whether the present receiver got something that it has not acknowledged. */
  get isInFlight(): boolean {
    return this.sent > this.acknowledged;
  }

  /** So many further items are kept. */
  add(count: number): void {
    this.last += count;
  }

  /** So many further items go to the present receiver. Returns the number of the last of them. */
  send(count: number): number {
    this.sent += count;
    if (this.sent > this.highest) this.highest = this.sent;
    return this.sent;
  }

  /**
   * The receiver has everything up to this number, or the owner gives it up. The owner has compared a receiver's number
   * with `sent` or `highest`: whether one that is too high fails the receiver is up to the protocol. Returns how many items
   * are no longer kept: none for an acknowledgement that came before, or is older than another one.
   */
  acknowledge(number: number): number {
    const count = number - this.acknowledged;
    if (count <= 0) return 0;
    this.acknowledged = number;
    if (this.sent < number) this.sent = number;
    return count;
  }

  /** Everything after this number that is still kept is sent next. Returns how many items are sent again. */
  resendAfter(number: number): number {
    this.sent = Math.max(number, this.acknowledged);
    return this.highest - this.sent;
  }
}
