import type { ClusterContext } from '../node/cluster-context.ts';
import { Question } from './question.ts';
import type { UserIndex } from './user-index.ts';
import { toCount } from './user-message.ts';

/** The answers to a question: how many connections, by node. */
export type Answers = ReadonlyMap<string, number>;

/** Questions about a user to all nodes that have connections of theirs. */
export class UserQuestions {
  private readonly context: ClusterContext;
  private readonly index: UserIndex;
  private readonly part: string;
  private readonly open = new Set<Question>();

  /** @param part - of the inbox, and the line of numbers */
  constructor(context: ClusterContext, index: UserIndex, part: string) {
    this.context = context;
    this.index = index;
    this.part = part;
  }

  /** Rejects with `BUS_DOWN`. @param publish - sends the question to a subject, with the next number of the line */
  async ask(key: string, timeoutMs: number, publish: (subject: string) => void): Promise<Answers> {
    await this.index.ready();
    const { wire, inbox } = this.context;
    const subjects = this.index.subjects(key);
    // While it is not known which nodes have the user there may be more of them.
    const expected = this.index.isSure ? this.index.holders(key) : [];
    const stops: (() => void)[] = [];
    try {
      return await this.wait(timeoutMs, expected, (question) => {
        if (subjects.length === 0) question.end();
        for (const subject of subjects) {
          const number = String(wire.lastNumber(this.part) + 1);
          const answered = ({ count }: Record<string, unknown>, from: string) =>
            question.answered(from, toCount(count));
          stops.push(inbox.listen(this.part, number, answered));
          publish(subject);
        }
      });
    } finally {
      for (const stop of stops) stop();
    }
  }

  /** The answers that come until all have, the time is over or the cluster is left. */
  async wait(
    timeoutMs: number,
    expected: Iterable<string>,
    ask: (question: Question) => void,
  ): Promise<Answers> {
    const question = new Question(this.context.wire.host.clock, timeoutMs, expected);
    this.open.add(question);
    try {
      ask(question);
      return await question.answers;
    } finally {
      this.open.delete(question);
    }
  }

  /** A node is gone. */
  gone(node: string): void {
    for (const question of this.open) question.gone(node);
  }

  close(): void {
    for (const question of this.open) question.end();
  }
}
