interface Waiter {
  readonly target: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** The calls of `acknowledged()` that wait for the peer, in the order of the numbers they wait for. */
export class AcknowledgementWaiters {
  private readonly waiters: Waiter[] = [];

  /** Resolves when the peer has all messages up to this number. */
  add(target: number): Promise<void> {
    return new Promise((resolve, reject) => this.waiters.push({ target, resolve, reject }));
  }

  /** The peer has all messages up to this number. */
  settle(acknowledged: number): void {
    const { waiters } = this;
    while (waiters.length > 0 && waiters[0]!.target <= acknowledged) waiters.shift()!.resolve();
  }

  failAll(error: () => Error): void {
    for (const { reject } of this.waiters.splice(0)) reject(error());
  }
}
