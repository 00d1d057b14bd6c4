import type { Clock, Timer } from '@headrace/core';
import type { UserAnswer } from './user-message.ts';

/** A node that was waited for and did not answer. */
export interface SilentNode {
  readonly node: string;
  /** The answers that named it. */
  readonly namedBy: readonly string[];
}

/** Waits for the answers of all nodes that have a user: the first answer says which they are. */
export class Question {
  /** By node. */
  readonly answers: Promise<ReadonlyMap<string, UserAnswer>>;
  private readonly got = new Map<string, UserAnswer>();
  private readonly expected: Set<string>;
  private readonly timer: Timer;
  private resolve!: (answers: ReadonlyMap<string, UserAnswer>) => void;

  /** @param expected - the nodes that are known to have the user */
  constructor(clock: Clock, timeoutMs: number, expected: Iterable<string>) {
    this.expected = new Set(expected);
    this.answers = new Promise((resolve) => {
      this.resolve = resolve;
    });
    this.timer = clock.schedule(() => this.resolve(this.got), timeoutMs);
  }

  answered(node: string, answer: UserAnswer): void {
    this.got.set(node, answer);
    for (const holder of answer.holders) this.expected.add(holder);
    this.lookForEnd();
  }

  /** A node is gone: its answer does not come. */
  gone(node: string): void {
    this.expected.delete(node);
    if (this.got.size > 0) this.lookForEnd();
  }

  /** The nodes that were waited for and did not answer, each with the nodes that named it. */
  *silent(): IterableIterator<SilentNode> {
    const silent = new Map<string, string[]>();
    for (const node of this.expected) if (!this.got.has(node)) silent.set(node, []);
    for (const [answerer, { holders }] of this.got) {
      for (const node of new Set(holders)) silent.get(node)?.push(answerer);
    }
    for (const [node, namedBy] of silent) yield { node, namedBy };
  }

  /** Nobody else is waited for. */
  end(): void {
    this.timer.cancel();
    this.resolve(this.got);
  }

  private lookForEnd(): void {
    for (const node of this.expected) if (!this.got.has(node)) return;
    this.end();
  }
}
