import { within } from '@headrace/bus/authoring';
import type { Clock } from '@headrace/core';

/** Waits for the answers of several nodes. In a question about a user, each answer is a number of connections. */
export class Question<Answer = number> {
  /** The answers by node. */
  readonly answers: Promise<ReadonlyMap<string, Answer>>;
  private readonly got = new Map<string, Answer>();
  private readonly expected: Set<string>;
  private resolve!: (answers: ReadonlyMap<string, Answer>) => void;

  /** @param expected - the nodes that must answer; if empty, the question waits its whole time */
  constructor(clock: Clock, timeoutMs: number, expected: Iterable<string>) {
    this.expected = new Set(expected);
    const ended = new Promise<ReadonlyMap<string, Answer>>((resolve) => {
      this.resolve = resolve;
    });
    this.answers = within(clock, timeoutMs, ended, () => this.got);
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
    this.resolve(this.got);
  }
}
