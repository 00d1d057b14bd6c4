/** The answers to the requests of one batch, which are sent together. */
export class BatchAnswers {
  private answers: object[] = [];
  private readonly failed: (answer: object) => object;
  private missing = 0;
  private isRead = false;

  /** @param failed - makes the error that is sent instead of an answer, if the answers cannot be encoded */
  constructor(failed: (answer: object) => object) {
    this.failed = failed;
  }

  /** Counts a request. */
  expect(): void {
    this.missing += 1;
  }

  /** Adds the answer to a request. Returns all answers if it is the last, and `undefined` otherwise. */
  add(answer: object): object[] | undefined {
    // All answers were there, and one of them could not be encoded.
    if (this.isRead && this.missing === 0) return this.failAll();
    this.missing -= 1;
    this.answers.push(answer);
    return this.all();
  }

  /** Adds the answer to a message that is not a request. */
  addOther(answer: object): void {
    this.answers.push(answer);
  }

  /** Called when the batch was read. Returns all answers if none is missing, and `undefined` otherwise or if there are none. */
  complete(): object[] | undefined {
    this.isRead = true;
    return this.all();
  }

  /** Returns errors in place of all answers. */
  failAll(): object[] {
    this.answers = this.answers.map(this.failed);
    return this.answers;
  }

  private all(): object[] | undefined {
    return this.isRead && this.missing === 0 && this.answers.length > 0 ? this.answers : undefined;
  }
}
