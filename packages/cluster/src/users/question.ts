import type { Clock, Timer } from '@headrace/core';

/** Waits for the answers of several nodes; of those about a user each is a number of connections. */
export class Question<Answer = number> {
  /** By node. */
  readonly answers: Promise<ReadonlyMap<string, Answer>>;
  private readonly got = new Map<string, Answer>();
  private readonly expected: Set<string>;
  private readonly timer: Timer;
  private resolve!: (answers: ReadonlyMap<string, Answer>) => void;

  /** @param expected - the nodes that are known to answer; without any it waits its whole time */
  constructor(clock: Clock, timeoutMs: number, expected: Iterable<string>) {
    this.expected = new Set(expected);
    this.answers = new Promise((resolve) => {
      this.resolve = resolve;
    });
    this.timer = clock.schedule(() => this.resolve(this.got), timeoutMs);
  }

  answered(node: string, answer: Answer): void {
    this.got.set(node, answer);
    this.gone(node);
  }

  /** The nodes whose answers have not come. */
  get missing(): string[] {
    return [...this.expected];
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
