/**
 * The sequence numbers of a stream at its receiver: finds repetitions and gaps. Its owner takes a number behind a gap and
 * so gives up those that are missing, or leaves it and asks for them.
 */
export class ReceiveSequence {
  /** The last number that was received. Those before it were received too, or were given up. */
  received: number;
  /** Numbers that were given up. */
  missed = 0;

  /** @param received - the number before the first one */
  constructor(received: number) {
    this.received = received;
  }

  /** How many numbers are missing before this one; negative for a repetition. */
  gapBefore(number: number): number {
    return number - this.received - 1;
  }

  /** Takes a number that is not a repetition, and gives up those that are missing before it. */
  receive(number: number): void {
    this.giveUp(number - 1);
    this.received = number;
  }

  /** Gives up everything up to a number that is not below the last one. */
  giveUp(number: number): void {
    this.missed += number - this.received;
    this.received = number;
  }
}
