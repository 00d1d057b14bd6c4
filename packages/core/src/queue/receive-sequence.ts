/**
 * The sequence numbers of a stream at its receiver, which show repetitions and gaps. After a gap, the owner either receives the
 * number and gives up the missing numbers, or leaves the number and requests the missing numbers.
 */
export class ReceiveSequence {
  /** Last number that was received. All earlier numbers were received or given up. */
  received: number;
  /** Count of numbers that were given up. */
  missed = 0;

  /** @param received - number before the first number */
  constructor(received: number) {
    this.received = received;
  }

  /** Returns the count of numbers that are missing before this number, negative for a repetition. */
  gapBefore(number: number): number {
    return number - this.received - 1;
  }

  /** Accepts a number that is not a repetition, and gives up the numbers that are missing before it. */
  receive(number: number): void {
    this.giveUp(number - 1);
    this.received = number;
  }

  /** Gives up all numbers up to `number`, which is not below the last number. */
  giveUp(number: number): void {
    this.missed += number - this.received;
    this.received = number;
  }
}
