import { RejectedError } from '@headrace/core';
import type { ClusterContext } from '../node/cluster-context.ts';
import { Question } from './question.ts';
import type { UserIndex } from './user-index.ts';
import { toCount } from './user-message.ts';

/** The answers to a question: the number of connections, by node. */
export type Answers = ReadonlyMap<string, number>;

/** Maximum number of calls that wait. A peer can cause a call with each message, and each waits while the bus is silent. */
const MAX_CALLS = 10_000;

/** Asks all nodes that have connections of a user. */
export class UserQuestions {
  private readonly context: ClusterContext;
  private readonly index: UserIndex;
  private readonly part: string;
  private readonly open = new Set<Question>();
  private calls = 0;

  /** @param part - the part of the inbox, and the name of the number line */
  constructor(context: ClusterContext, index: UserIndex, part: string) {
    this.context = context;
    this.index = index;
    this.part = part;
  }

  /**
   * Asks the nodes of a user. Rejects with `BUS_DOWN`, and with `REJECTED_QUEUE` if too many calls wait. @param publish - a function that sends the question to a subject, with the
   * next number of the line
   */
  ask(key: string, timeoutMs: number, publish: (subject: string) => void): Promise<Answers> {
    return this.counted(() => this.askNodes(key, timeoutMs, publish));
  }

  /** Resolves when the locations of users are known, as `UserIndex.ready`. Rejects with `REJECTED_QUEUE` if too many calls wait. */
  ready(): Promise<void> {
    return this.counted(() => this.index.ready());
  }

  private async counted<T>(call: () => Promise<T>): Promise<T> {
    if (this.calls >= MAX_CALLS) {
      const text = `${MAX_CALLS} calls about users wait for other nodes already: await the calls, or limit them by client`;
      throw new RejectedError('REJECTED_QUEUE', text, { sent: false, maxCalls: MAX_CALLS });
    }
    this.calls += 1;
    try {
      return await call();
    } finally {
      this.calls -= 1;
    }
  }

  private async askNodes(
    key: string,
    timeoutMs: number,
    publish: (subject: string) => void,
  ): Promise<Answers> {
    await this.index.ready();
    const { wire, inbox } = this.context;
    const subjects = this.index.subjects(key);
    // While the locations of users are not known, more nodes can have the user.
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

  /** Collects answers until all have arrived, the time has passed, or the node leaves the cluster. */
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

  gone(node: string): void {
    for (const question of this.open) question.gone(node);
  }

  close(): void {
    for (const question of this.open) question.end();
  }
}
