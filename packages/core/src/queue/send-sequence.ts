/**
 * The sequence numbers of a stream at its sender. The owner keeps the items in a bounded list of its own until they are
 * acknowledged. It sends them over one link, or to one receiver, after another. Numbers start at 1:
 *
 * ```text
 *   1 … acknowledged │ … sent          │ … highest                    │ … last
 *   not kept         │ unacknowledged  │ sent over an earlier link,   │ never sent
 *                    │                 │ to be sent again             │
 * ```
 */
export class SendSequence {
  /** Last number that the receiver has acknowledged, together with all earlier numbers. */
  acknowledged = 0;
  /** Last number that was sent to the present receiver. */
  sent = 0;
  /** Last number that was ever sent to a receiver. */
  highest = 0;
  /** Last number of all. */
  last = 0;

  get isEmpty(): boolean {
    return this.last === this.acknowledged;
  }

  /** Whether the present receiver has unacknowledged items. */
  get isInFlight(): boolean {
    return this.sent > this.acknowledged;
  }

  /** Adds `count` further items, which are kept. */
  add(count: number): void {
    this.last += count;
  }

  /** Records that `count` further items are sent to the present receiver. Returns the number of the last of them. */
  send(count: number): number {
    this.sent += count;
    if (this.sent > this.highest) this.highest = this.sent;
    return this.sent;
  }

  /**
   * Acknowledges all numbers up to `number`, because the receiver has them or the owner gives them up. The owner must first
   * compare a receiver's number with `sent` or `highest`, because the protocol decides about a number that is too high. Returns
   * the count of items that are no longer kept, which is 0 for a repeated or outdated acknowledgement.
   */
  acknowledge(number: number): number {
    const count = number - this.acknowledged;
    if (count <= 0) return 0;
    this.acknowledged = number;
    if (this.sent < number) this.sent = number;
    return count;
  }

  /** Starts sending again after `number`, or after the last acknowledged number. Returns the count of items to send again. */
  resendAfter(number: number): number {
    this.sent = Math.max(number, this.acknowledged);
    return this.highest - this.sent;
  }
}
