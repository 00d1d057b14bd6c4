import { BUS_ERRORS } from '@headrace/bus';
import { ChannelError, RejectedError, type Timer } from '@headrace/core';
import { describeOptions, number, toError, unchecked } from '@headrace/core/authoring';
import { requestLost } from '@headrace/handlers/call';
import type { GroupAnswers } from '@headrace/rpc';
import { KIND } from '../envelope/envelope.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import { type AskedGroup, AskedMembers } from './asked-members.ts';
import { fromWireValue, toTexts, toWireError, toWireValue, type WireValue } from './member-note.ts';
import {
  type ClusterAnswer,
  type ClusterRequestOptions,
  MemberQuestion,
} from './member-question.ts';

const DAY_MS = 86_400_000;
/** The parts of the inbox. */
const QUESTIONS = 'members';
const ANSWERS = 'member-answers';
/** Maximum number of open questions of other nodes. */
const MAX_QUESTIONS = 256;
/** Interval at which a node is asked which questions of this node are still open. */
const STILL_MS = 2000;

const OPTIONS = describeOptions('request', {
  timeoutMs: number({ min: 1, max: DAY_MS, default: 10_000 }),
  signal: unchecked(),
});

/** Questions to the members of groups on all nodes, from this node and from other nodes. */
export class MemberQuestions {
  private readonly context: ClusterContext;
  private readonly groups = new Map<string, AskedGroup>();
  /** The questions of this node, by number. */
  private readonly own = new Map<string, MemberQuestion>();
  /** The questions of other nodes, by node and number. */
  private readonly others = new Map<string, AskedMembers>();
  private lastNumber = 0;
  /** The number of times that nodes were asked about open questions. */
  private looks = 0;
  private timer: Timer | undefined = undefined;

  constructor(context: ClusterContext) {
    const { inbox, directory } = context;
    this.context = context;
    inbox.listen(QUESTIONS, '', (note, from) => this.asked(note, from));
    directory.on('left', ({ id }) => this.gone(id));
    directory.on('vanished', (id) => this.gone(id));
  }

  /** Lets other nodes ask the members of this group. */
  add(name: string, group: AskedGroup): void {
    this.groups.set(name, group);
  }

  /** Stops other nodes from asking the members of a freed group. */
  remove(name: string): void {
    this.groups.delete(name);
  }

  /**
   * Asks the members of a group on all nodes.
   *
   * @throws OptionError
   * @throws EncodeError `MESSAGE_NOT_ENCODABLE`, `MESSAGE_TOO_LONG`
   */
  ask(
    name: string,
    group: AskedGroup,
    body: unknown,
    options: ClusterRequestOptions,
  ): GroupAnswers<ClusterAnswer<unknown>> {
    const { timeoutMs, signal } = OPTIONS.resolve(options);
    const { wire, directory } = this.context;
    const { value } = toWireValue(body, wire.maxBodyBytes);
    const nodes = directory.others().map(({ id }) => id);
    const members = [...group.local].filter(({ isServer }) => !isServer).length;
    this.lastNumber += 1;
    const about = String(this.lastNumber);
    const plan = { body, timeoutMs, signal };
    const question = new MemberQuestion(wire.host.clock, nodes, members, plan, (open) =>
      this.over(about, open),
    );
    this.own.set(about, question);
    this.scheduleCheck();
    this.context.inbox.listen(ANSWERS, about, (note, from) => question.received(from, note));
    question.begin();
    if (signal?.aborted !== true) this.askNodes(question, nodes, { about, name, value, timeoutMs });
    // Cannot reject, because each entry is handled separately.
    void question.askHere(wire.nodeId, group);
    return question.answers;
  }

  /** Called when the node leaves the cluster. */
  close(): void {
    for (const asked of this.others.values()) asked.cancel();
    for (const question of this.own.values()) {
      for (const { id } of this.context.directory.others()) question.gone(id);
    }
    this.timer?.cancel();
  }

  private askNodes(
    question: MemberQuestion,
    nodes: readonly string[],
    {
      about,
      name,
      value,
      timeoutMs,
    }: { about: string; name: string; value: WireValue; timeoutMs: number },
  ): void {
    const { bus } = this.context.wire;
    for (const node of nodes) {
      if (bus.state === 'down') {
        const text = 'the bus is down: members of other nodes cannot be asked';
        question.giveUp(node, () => new ChannelError(BUS_ERRORS.BUS_DOWN, text, { sent: false }));
      } else this.tell(node, { what: 'ask', number: about, group: name, value, timeoutMs });
    }
  }

  /** Ends a question. The answers of these nodes are not needed any more. */
  private over(about: string, open: readonly string[]): void {
    const { inbox } = this.context;
    if (!this.own.delete(about)) return;
    if (this.own.size === 0) {
      this.timer?.cancel();
      this.timer = undefined;
    }
    inbox.listen(ANSWERS, about, () => {})();
    for (const node of open) this.tell(node, { what: 'cancel', number: about });
  }

  private scheduleCheck(): void {
    this.timer ??= this.context.wire.host.clock.schedule(() => {
      this.timer = undefined;
      this.askWhetherStill();
      this.scheduleCheck();
    }, STILL_MS);
  }

  /**
   * Asks other nodes which questions are still open. A node that considered this node gone has given up the questions of this
   * node, and lost messages are not reported. Messages between two nodes keep their order, so answers arrive before a refusal.
   */
  private askWhetherStill(): void {
    if (this.context.wire.bus.state === 'down') return;
    const open = new Map<string, string[]>();
    for (const [about, question] of this.own) {
      for (const node of question.awaited) {
        const numbers = open.get(node) ?? [];
        numbers.push(about);
        open.set(node, numbers);
      }
    }
    this.looks += 1;
    for (const [node, all] of open) {
      // A node accepts only this number at once. The next check begins where this check ended.
      const from = all.length > MAX_QUESTIONS ? ((this.looks - 1) * MAX_QUESTIONS) % all.length : 0;
      this.tell(node, { what: 'still', numbers: all.slice(from, from + MAX_QUESTIONS) });
    }
  }

  private tell(node: string, question: object): void {
    this.context.inbox.send(node, KIND.ask, { to: QUESTIONS, about: '', ...question });
  }

  private gone(node: string): void {
    for (const question of [...this.own.values()]) question.gone(node);
    for (const [key, asked] of this.others) if (key.startsWith(`${node} `)) asked.cancel();
  }

  // --- questions of other nodes ---

  /** @throws an error for an invalid question */
  private asked(note: Record<string, unknown>, from: string): void {
    const { what, number: about, group: name, value, timeoutMs } = note;
    if (what === 'still') {
      this.refuseForgotten(from, toTexts(note['numbers']));
      return;
    }
    if (typeof about !== 'string') throw new Error('a question without a number');
    const key = `${from} ${about}`;
    if (what === 'cancel') {
      this.others.get(key)?.cancel();
      return;
    }
    if (typeof name !== 'string' || typeof value !== 'object' || value === null) {
      throw new Error('a question without a group or a body');
    }
    const checked = OPTIONS.resolve({ timeoutMs } as ClusterRequestOptions);
    if (!this.context.directory.noteActivity(from) || this.others.has(key)) return;
    const body = fromWireValue(value);
    const group = this.groups.get(name);
    if (group === undefined) this.answer(from, about, { count: 0 });
    else if (this.others.size >= MAX_QUESTIONS) this.refuse(from, about);
    else this.askMembers(key, group, body, checked.timeoutMs);
  }

  private askMembers(key: string, group: AskedGroup, body: unknown, timeoutMs: number): void {
    const [node = '', about = ''] = key.split(' ');
    const { wire } = this.context;
    const { logger } = wire.host;
    const asked = new AskedMembers(wire, (part) => this.answer(node, about, part));
    this.others.set(key, asked);
    asked
      .ask(group, body, timeoutMs)
      .catch((thrown) => {
        const error = toError(thrown);
        logger.log('warn', `a question of node ${node} failed: ${error.message}`, error);
        this.answer(node, about, { failure: toWireError(requestLost(error.message, true)) });
      })
      .finally(() => this.others.delete(key));
  }

  /** @throws an error for too many numbers */
  private refuseForgotten(node: string, numbers: readonly string[]): void {
    // Each number can cause an answer, and one message must not cause a million answers.
    if (numbers.length > MAX_QUESTIONS) throw new Error('a node asks about too many questions');
    for (const about of numbers) {
      if (this.others.has(`${node} ${about}`)) continue;
      const text = `the node ${this.context.wire.nodeId} does not ask for it any more`;
      this.answer(node, about, { failure: toWireError(requestLost(text, true)) });
    }
  }

  private refuse(node: string, about: string): void {
    const text = `${MAX_QUESTIONS} questions of other nodes are asked here already`;
    const error = new RejectedError('REJECTED_QUEUE', text, { sent: false });
    this.answer(node, about, { failure: toWireError(error) });
  }

  private answer(node: string, about: string, part: object): void {
    this.context.inbox.send(node, KIND.answer, { to: ANSWERS, about, ...part });
  }
}
