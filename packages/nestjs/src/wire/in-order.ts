import { isPromiseLike } from '@headrace/core/authoring';

/** Hands over what a deserializer makes, at once or later, in the order of the messages. */
export class InOrder {
  /** Settles when everything that came before has been handed over. */
  private last: Promise<void> | undefined = undefined;

  /** True if the value has to wait for its promise, or for an earlier one. */
  mustWait(made: unknown): boolean {
    return this.last !== undefined || isPromiseLike(made);
  }

  /** Hands over a value that {@link mustWait}; `failed` gets a rejection, and what `take` throws. */
  later(made: unknown, take: (value: unknown) => void, failed: (thrown: unknown) => void): void {
    const turn: Promise<void> = Promise.all([this.last, made])
      .then(([, value]) => take(value))
      .catch(failed);
    this.last = turn;
    void turn.then(() => {
      if (this.last === turn) this.last = undefined;
    });
  }
}
