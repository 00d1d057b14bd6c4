import { KIND } from '../envelope/envelope.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import type { BoundUser } from './bound-user.ts';
import { Question, type SilentNode } from './question.ts';
import type { UserClaims } from './user-claims.ts';
import { toUserAnswer, type UserAnswer } from './user-message.ts';

/** The answers to a question. */
export interface Answers {
  /** By node. */
  readonly answers: ReadonlyMap<string, UserAnswer>;
  readonly silent: readonly SilentNode[];
}

const NOBODY: Answers = { answers: new Map(), silent: [] };
const SILENT = 'silent';

/** Questions about a user to all nodes that have connections of theirs. */
export class UserQuestions {
  private readonly context: ClusterContext;
  private readonly users: ReadonlyMap<string, BoundUser<unknown>>;
  private readonly claims: UserClaims;
  private readonly part: string;
  private readonly open = new Set<Question>();
  private isClosed = false;

  /** @param part - of the inbox, and the line of numbers */
  constructor(
    context: ClusterContext,
    users: ReadonlyMap<string, BoundUser<unknown>>,
    claims: UserClaims,
    part: string,
  ) {
    this.context = context;
    this.users = users;
    this.claims = claims;
    this.part = part;
    context.inbox.listen(part, SILENT, ({ id, node }) => this.wasSilent(String(id), String(node)));
  }

  /** Rejects with `BUS_DOWN`. @param publish - sends the question, with the next number of the line */
  async ask(id: string, timeoutMs: number, publish: () => void): Promise<Answers> {
    const { wire, inbox } = this.context;
    const user = this.users.get(id);
    if (user === undefined) {
      if ((await wire.bus.receivers(wire.subjects.user(id))) === 0) return NOBODY;
    } else if (wire.bus.state === 'down') await wire.bus.settled();
    const holders = user?.holders ?? [];
    if (user?.claim !== undefined && holders.length === 0) {
      publish();
      return NOBODY;
    }
    const question = new Question(wire.host.clock, timeoutMs, holders);
    this.open.add(question);
    const key = String(wire.lastNumber(this.part) + 1);
    const stop = inbox.listen(this.part, key, (note, from) =>
      question.answered(from, toUserAnswer(note)),
    );
    try {
      publish();
      const answers = await question.answers;
      // Without a bus, a node that did not answer was not asked, or not heard.
      const isHeard = !this.isClosed && wire.bus.state === 'up';
      return { answers, silent: isHeard ? [...question.silent()] : [] };
    } finally {
      stop();
      this.open.delete(question);
    }
  }

  /** A node did not answer: no question waits for it again. The node itself and those that named it are notified. */
  forgetHolder(id: string, { node, namedBy }: SilentNode): void {
    this.users.get(id)?.others?.delete(node);
    const note = { to: this.part, about: SILENT, id, node };
    for (const one of [...namedBy, node]) this.context.inbox.send(one, KIND.ask, note);
  }

  /** A node is gone. */
  gone(node: string): void {
    for (const question of this.open) question.gone(node);
  }

  close(): void {
    this.isClosed = true;
    for (const question of this.open) question.end();
  }

  private wasSilent(id: string, node: string): void {
    if (node !== this.context.wire.nodeId) this.users.get(id)?.others?.delete(node);
    // It was only late: the nodes that forgot this one are notified again.
    else if (this.users.has(id)) this.claims.repeat(id);
  }
}
