import type { Clock, Timer } from '@headrace/core';
import { onAbort } from '@headrace/core/authoring';
import { requestAborted, requestLost, requestTimedOut } from '@headrace/handlers/call';
import { AnswerQueue, type GroupAnswers, type MemberAnswer, requestAll } from '@headrace/rpc';
import type { AskedGroup } from './asked-members.ts';
import {
  fromWireError,
  fromWireValue,
  toMemberCount,
  toTexts,
  toWireAnswers,
  type WireAnswer,
} from './member-note.ts';

/** The answer of one member on any node, or the reason why the member did not answer. */
export type ClusterAnswer<Result> = {
  readonly node: string;
  /** The id of the member, or `undefined` for a node whose members are not known. */
  readonly id: string | undefined;
} & (
  | { readonly answer: Result; readonly error?: undefined }
  | { readonly answer?: undefined; readonly error: Error }
);

/** Options of `ClusterGroup.request`. */
export interface ClusterRequestOptions {
  /** Maximum time for all answers together, in milliseconds, up to a day. @default 10_000 */
  readonly timeoutMs?: number;
  /** Signal that ends the question. The entry of each member that has not answered then has the error `OPERATION_ABORTED`. */
  readonly signal?: AbortSignal;
}

/** A question with checked options. */
export interface QuestionPlan {
  readonly body: unknown;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** One node whose members have not all answered. */
class AskedNode {
  /** The number of asked members, or `undefined` until the node has reported it. */
  count: number | undefined = undefined;
  readonly ids: string[] = [];
  readonly answered = new Set<number>();

  get isComplete(): boolean {
    return this.answered.size === this.count;
  }
}

/** A question of this node to the members of a group on all nodes. */
export class MemberQuestion {
  readonly answers: AnswerQueue<ClusterAnswer<unknown>>;
  private readonly nodes: Map<string, AskedNode>;
  private readonly plan: QuestionPlan;
  private readonly over: (open: readonly string[]) => void;
  private stopListening: (() => void) | undefined = undefined;
  private readonly clock: Clock;
  private timer: Timer | undefined = undefined;
  private here: GroupAnswers<MemberAnswer<unknown>> | undefined = undefined;

  /** @param over - a function that receives the nodes that still ask their members */
  constructor(
    clock: Clock,
    nodes: readonly string[],
    members: number,
    plan: QuestionPlan,
    over: (open: readonly string[]) => void,
  ) {
    this.clock = clock;
    this.nodes = new Map(nodes.map((node) => [node, new AskedNode()]));
    this.plan = plan;
    this.over = over;
    // A node counts as one member until it has reported its number of members.
    this.answers = new AnswerQueue(members + nodes.length, () => this.end([...this.nodes.keys()]));
  }

  /** The nodes whose members have not all answered. */
  get awaited(): Iterable<string> {
    return this.nodes.keys();
  }

  begin(): void {
    const { timeoutMs, signal } = this.plan;
    this.timer = this.clock.deadlines.schedule(
      () => this.giveUpAll(() => requestTimedOut(timeoutMs, true)),
      timeoutMs,
    );
    if (signal !== undefined) this.listen(signal);
    this.endIfOver();
  }

  private listen(signal: AbortSignal): void {
    const aborted = (): void => this.giveUpAll(() => requestAborted(signal, true));
    if (signal.aborted) aborted();
    else this.stopListening = onAbort(signal, aborted);
  }

  async askHere(node: string, { local, idOf }: AskedGroup): Promise<void> {
    const { body, timeoutMs, signal } = this.plan;
    const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
    const here = requestAll(local, body as never, options);
    this.here = here;
    for await (const { channel, answer, error } of here) {
      const id = idOf(channel);
      this.answers.settle(error === undefined ? { node, id, answer } : { node, id, error });
      this.endIfOver();
    }
  }

  /** Adds a part of the answer of another node. @throws an error for an invalid part */
  received(node: string, note: Record<string, unknown>): void {
    const asked = this.nodes.get(node);
    if (asked === undefined) return;
    if (note['failure'] !== undefined) {
      const error = fromWireError(note['failure']);
      this.giveUp(node, () => error);
      return;
    }
    const count = toMemberCount(note['count']);
    const from = toMemberCount(note['from'] ?? 0);
    const ids = note['ids'] === undefined ? [] : toTexts(note['ids']);
    const answers = note['answers'] === undefined ? [] : toWireAnswers(note['answers']);
    if (asked.count === undefined) {
      asked.count = count;
      this.answers.expect(count - 1);
    }
    for (const [i, id] of ids.slice(0, Math.max(0, asked.count - from)).entries()) {
      asked.ids[from + i] = id;
    }
    for (const answer of answers) this.answered(node, asked, answer);
    if (asked.isComplete) this.nodes.delete(node);
    this.endIfOver();
  }

  private answered(node: string, asked: AskedNode, wire: WireAnswer): void {
    const { at, error } = wire;
    if (at < 0 || at >= asked.count! || asked.answered.has(at)) return;
    const id = asked.ids[at];
    const answer = error === undefined ? fromWireValue(wire) : undefined;
    const reason = error === undefined ? undefined : fromWireError(error);
    asked.answered.add(at);
    this.answers.settle(reason === undefined ? { node, id, answer } : { node, id, error: reason });
  }

  gone(node: string): void {
    this.giveUp(node, () => requestLost(`the node ${node} is gone`, true));
  }

  /** Settles the open answers of the members of one node with this error. */
  giveUp(node: string, errorOf: () => Error): void {
    const asked = this.nodes.get(node);
    if (asked === undefined) return;
    this.nodes.delete(node);
    const { count = 1, ids, answered } = asked;
    for (let at = 0; at < count; at += 1) {
      if (answered.has(at)) continue;
      this.answers.settle({ node, id: ids[at], error: errorOf() });
    }
    this.endIfOver();
  }

  private giveUpAll(errorOf: () => Error): void {
    const open = [...this.nodes.keys()];
    // Call `over` first: the last answer can end the question, and then these nodes would not be notified.
    this.over(open);
    for (const node of open) this.giveUp(node, errorOf);
  }

  private endIfOver(): void {
    if (this.answers.isOver) this.end([]);
  }

  private end(open: readonly string[]): void {
    this.timer?.cancel();
    this.here?.cancel();
    this.stopListening?.();
    this.over(open);
  }
}
