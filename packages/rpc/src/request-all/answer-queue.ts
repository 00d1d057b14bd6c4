import { Fifo } from '@headrace/core/authoring';
import type { AnswerCounts, AnswerSummary, GroupAnswers, SomeAnswer } from './group-answers.ts';

type Reader<One> = (result: IteratorResult<One, undefined>) => void;

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * A queue between members that answer and the loop that reads the answers, for code that collects answers like `requestAll`. Call
 * {@link settle} once for each member.
 */
export class AnswerQueue<One extends SomeAnswer> implements GroupAnswers<One> {
  private members: number;
  private readonly onCancel: () => void;
  private readonly unread = new Fifo<One>();
  private readonly readers = new Fifo<Reader<One>>();
  private answered = 0;
  private failed = 0;
  private isCancelled = false;

  /**
   * @param members - number of members that answers are expected from at first
   * @param onCancel - called when the reader leaves before the end
   */
  constructor(members: number, onCancel: () => void) {
    this.members = members;
    this.onCancel = onCancel;
  }

  get counts(): AnswerCounts {
    const { members, answered, failed } = this;
    return { members, answered, failed, waiting: members - answered - failed };
  }

  /** Whether all members have settled, or the reader has left. */
  get isOver(): boolean {
    return this.isCancelled || this.answered + this.failed === this.members;
  }

  /** Changes the number of expected members by `more`, which can be negative. */
  expect(more: number): void {
    this.members += more;
    if (this.isOver) this.endReaders();
  }

  /** Adds the answer or the error of one member. */
  settle(one: One): void {
    if (this.isCancelled) return;
    if (one.error === undefined) this.answered += 1;
    else this.failed += 1;
    const reader = this.readers.shift();
    if (reader === undefined) this.unread.push(one);
    else reader({ done: false, value: one });
    if (this.isOver) this.endReaders();
  }

  cancel(): void {
    if (this.isOver) {
      this.unread.clear();
      return;
    }
    this.isCancelled = true;
    this.unread.clear();
    this.endReaders();
    this.onCancel();
  }

  async all(): Promise<AnswerSummary<One>> {
    const answers: One[] = [];
    for await (const one of this) answers.push(one);
    const { answered, failed } = this;
    return { answers, answered, failed, codes: codesOf(answers) };
  }

  [Symbol.asyncIterator](): AsyncIterator<One, undefined> {
    return {
      next: () => this.next(),
      return: async () => {
        this.cancel();
        return END;
      },
    };
  }

  private next(): Promise<IteratorResult<One, undefined>> {
    const one = this.unread.shift();
    if (one !== undefined) return Promise.resolve({ done: false, value: one });
    if (this.isOver) return Promise.resolve(END);
    return new Promise((resolve) => this.readers.push(resolve));
  }

  private endReaders(): void {
    for (let reader = this.readers.shift(); reader !== undefined; reader = this.readers.shift()) {
      reader(END);
    }
  }
}

function codesOf(answers: readonly SomeAnswer[]): Map<string, number> {
  const codes = new Map<string, number>();
  for (const { error } of answers) {
    if (error === undefined) continue;
    const { code } = error as { readonly code?: unknown };
    const name = typeof code === 'string' ? code : error.name;
    codes.set(name, (codes.get(name) ?? 0) + 1);
  }
  return codes;
}
