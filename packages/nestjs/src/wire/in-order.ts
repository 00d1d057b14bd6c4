import { isPromiseLike } from '@headrace/core/authoring';

/** Passes on the results of a deserializer, synchronous or asynchronous, in the order of the messages. */
export class InOrder {
  /** Settles when all earlier values have been passed on. */
  private last: Promise<void> | undefined = undefined;

  /** Returns true if the value must wait for its promise, or for an earlier value. */
  mustWait(made: unknown): boolean {
    return this.last !== undefined || isPromiseLike(made);
  }

  /**
   * Passes on a value for which {@link mustWait} returned true. `failed` is called with a rejection, or with an error that
   * `take` throws.
   */
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
