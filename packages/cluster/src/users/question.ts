import type { Clock, Timer } from '@headrace/core';

/** Waits for the answers of several nodes. In a question about a user, each answer is a number of connections. */
export class Question<Answer = number> {
  /** The answers by node. */
  readonly answers: Promise<ReadonlyMap<string, Answer>>;
  private readonly got = new Map<string, Answer>();
  private readonly expected: Set<string>;
  private readonly timer: Timer;
  private resolve!: (answers: ReadonlyMap<string, Answer>) => void;

  /** @param expected - the nodes that must answer; if empty, the question waits its whole time */
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

  /** The nodes whose answers have not arrived. */
  get missing(): string[] {
    return [...this.expected];
  }

  gone(node: string): void {
    if (this.expected.delete(node) && this.expected.size === 0) this.end();
  }

  /** Ends the question with the answers so far. */
  end(): void {
    this.timer.cancel();
    this.resolve(this.got);
  }
}
