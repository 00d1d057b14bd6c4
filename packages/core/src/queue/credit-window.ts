/**
 * The credit of a stream at its sender. An item costs its bytes and an overhead, until the receiver returns its cost as credit.
 * The owner decides whether a whole item must have room, or whether any room is enough.
 */
export class SendWindow {
  /** Maximum cost of the items without credit. */
  size: number;
  /** Cost of the items without credit. */
  used = 0;
  /** Cost of each item in addition to its bytes. */
  protected readonly overhead: number;

  constructor(size: number, overhead = 0) {
    this.size = size;
    this.overhead = overhead;
  }

  /** Cost that can still be sent, negative after an item that was larger than its room. */
  get room(): number {
    return this.size - this.used;
  }

  /** Counts an item that is sent. */
  spend(bytes: number): void {
    this.used += bytes + this.overhead;
  }

  /** Counts credit of the receiver. Returns the part of the credit that no item has used. */
  credited(cost: number): number {
    const excess = Math.max(0, cost - this.used);
    this.used -= cost - excess;
    return excess;
  }
}

/**
 * The credit of a stream at its receiver, which counts as the sender does. The sender has sent too much if an item arrives without
 * room. Items that were taken are reported as credit when they are half of the window, so that few messages carry credit.
 */
export class ReceiveWindow extends SendWindow {
  /** Cost of the items that were taken and not reported. */
  takenCost = 0;

  /** Counts an item that was taken. Returns true if a report is due. */
  take(bytes: number): boolean {
    this.takenCost += bytes + this.overhead;
    return this.takenCost * 2 >= this.size;
  }

  /** Reports the items that were taken. Returns the credit for the sender. */
  report(): number {
    const { takenCost } = this;
    this.takenCost = 0;
    this.used -= takenCost;
    return takenCost;
  }
}
