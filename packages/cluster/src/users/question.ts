import type { Clock, Timer } from '@headrace/core';

/** Waits for the answers of all nodes that have a user. */
export class Question {
  /** By node: how many connections took the message, or there are. */
  readonly answers: Promise<ReadonlyMap<string, number>>;
  private readonly got = new Map<string, number>();
  private readonly expected: Set<string>;
  private readonly timer: Timer;
  private resolve!: (answers: ReadonlyMap<string, number>) => void;

  /** @param expected - the nodes that are known to have the user; without any it waits its whole time */
  constructor(clock: Clock, timeoutMs: number, expected: Iterable<string>) {
    this.expected = new Set(expected);
    this.answers = new Promise((resolve) => {
      this.resolve = resolve;
    });
    this.timer = clock.schedule(() => this.resolve(this.got), timeoutMs);
  }

  answered(node: string, count: number): void {
    this.got.set(node, count);
    this.gone(node);
  }

  /** A node is gone: its answer does not come. */
  gone(node: string): void {
    if (this.expected.delete(node) && this.expected.size === 0) this.end();
  }

  /** Nobody else is waited for. */
  end(): void {
    this.timer.cancel();
    this.resolve(this.got);
  }
}
