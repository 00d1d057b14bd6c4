// The life of a program: a failed start is one line and exit code 1; SIGTERM and Ctrl+C end it in good order.

export interface Limits {
  /** Peers have this time to close; then we close. */
  readonly drainTimeoutMs: number;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
}

/** What `start` has started. */
export interface Running {
  /** Ends in good order: peers get their last message. */
  shutdown(limits: Limits): Promise<unknown>;
}

/** Starts the program and ends it on a signal. A second signal kills it, as if nobody listened. */
export async function run(start: () => Promise<Running>): Promise<void> {
  // The reader of our output may go, as `head` does: the program goes on.
  process.stdout.on('error', () => {});
  try {
    const running = await start();
    const signals = ['SIGINT', 'SIGTERM'] as const;
    const end = (): void => {
      for (const signal of signals) process.off(signal, end);
      // Docker kills what still runs 10 s after SIGTERM.
      setTimeout(fail, 9500, 'the shutdown takes too long').unref();
      const limits = { drainTimeoutMs: 8000, signal: AbortSignal.timeout(9000) };
      running.shutdown(limits).then(() => process.exit(0), fail);
    };
    for (const signal of signals) process.on(signal, end);
  } catch (error) {
    fail(error);
  }
}

function fail(error: unknown): void {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
