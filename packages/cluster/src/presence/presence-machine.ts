import type { PresenceMark } from '../node/node-info.ts';
import { hashOf } from '../node/text-hash.ts';
import { PresenceDigest } from './presence-digest.ts';
import type {
  PresenceAnswer,
  PresenceCursor,
  PresenceQuestion,
  PresenceRow,
} from './presence-message.ts';

/** A member on any node. */
export interface Member {
  /** The id that `idOf` gave. */
  readonly id: string;
  /** The node that has the connection. */
  readonly node: string;
}

/** Why an id is not on a node any more: its last member left, or the node is gone. */
export type LeaveReason = 'left' | 'node-gone';

/** An action that follows from a message. */
export type PresenceAction =
  | {
      readonly do: 'joined';
      readonly group: string;
      readonly id: string;
      readonly node: string;
    }
  | {
      readonly do: 'left';
      readonly group: string;
      readonly id: string;
      readonly node: string;
      readonly reason: LeaveReason;
    }
  /** Something was missed: the node is to send what changed after a number. */
  | { readonly do: 'ask'; readonly node: string; readonly question: PresenceQuestion }
  /** A message may be under way: {@link PresenceMachine.late} is to be called in a moment. */
  | { readonly do: 'wait'; readonly node: string; readonly number: number }
  /** A node has more groups and ids than are kept of one: further ones are ignored from here on. */
  | { readonly do: 'full'; readonly node: string; readonly maxEntries: number };

/** The members of another node in one group. */
interface RemoteGroup {
  /** Of its token. */
  readonly hash: number;
  count: number;
  ids: Set<string> | undefined;
}

/** An outstanding question to a node: one answer after the other, and each may be asked for again. */
interface Question {
  /** Of the last time it was asked. */
  ask: number;
  /** How often it was asked since the last answer. */
  tries: number;
  readonly since: number;
  from: PresenceCursor;
  /** Of the first answer: what changed after it comes in messages. */
  upTo: number | undefined;
  /** The group that the last answer ended with: it may go on. */
  open: { readonly group: string; readonly ids: Set<string> } | undefined;
  /** The groups in the answers so far, where all is asked for: the node has no other groups. */
  readonly seen: Set<string> | undefined;
  /** Messages that came meanwhile. */
  waiting: { readonly number: number; readonly rows: readonly PresenceRow[] }[];
  waitingEntries: number;
}

/** The known presence of one node. */
interface Remote {
  /** Of the last message that is in it. */
  number: number;
  digest: PresenceDigest;
  readonly groups: Map<string, RemoteGroup>;
  /** Groups and ids. */
  entries: number;
  /** There was no room for some, and most of the others are still there: the digests cannot agree. */
  isFull: boolean;
  question: Question | undefined;
  /** The number of a heartbeat whose message has not come. */
  awaited: number;
  /** Our number, when the node's own one was lower. */
  doubted: number;
  /** When all was asked for because of that. */
  doubtedAt: number;
}

/** Groups and ids in messages that wait for an answer, and messages without any; beyond, they are asked for too. */
const MAX_WAITING = 100_000;
/** A node that has not answered so many questions in a row does not count until it does. */
const MAX_TRIES = 10;
/** Heartbeats that were recorded and sent again may be behind without end: so often all is asked for because of them. */
const DOUBT_MS = 10_000;

/**
 * The members of all groups on the other nodes, as one node knows them. Each node alone writes its own members, in
 * messages with numbers; so views cannot conflict, only be behind. Without clock and bus.
 */
export class PresenceMachine {
  private readonly maxEntries: number;
  private readonly remotes = new Map<string, Remote>();
  private asks = 0;

  /** @param maxEntries - groups and ids that are kept of one node */
  constructor(maxEntries: number) {
    this.maxEntries = maxEntries;
  }

  /** Members of a group elsewhere. @param group - the token of its name */
  total(group: string): number {
    let sum = 0;
    for (const { groups } of this.remotes.values()) sum += groups.get(group)?.count ?? 0;
    return sum;
  }

  *who(group: string): IterableIterator<Member> {
    for (const [node, { groups }] of this.remotes) {
      for (const id of groups.get(group)?.ids ?? []) yield { id, node };
    }
  }

  /** The nodes that have an id in a group. */
  holders(group: string, id: string): string[] {
    const holders: string[] = [];
    for (const [node, { groups }] of this.remotes) {
      if (groups.get(group)?.ids?.has(id) === true) holders.push(node);
    }
    return holders;
  }

  /**
   * Whether an answer of a node is outstanding, or a message whose number a heartbeat had, or a node has more than is
   * kept. A node that does not answer does not count.
   */
  get isBehind(): boolean {
    for (const { isFull, question, awaited, number } of this.remotes.values()) {
      if (isFull) return true;
      if (question === undefined ? awaited > number : question.tries <= MAX_TRIES) return true;
    }
    return false;
  }

  /** A message came: the changes that made this number. */
  delta(node: string, number: number, rows: readonly PresenceRow[]): PresenceAction[] {
    const remote = this.remoteOf(node);
    const { question } = remote;
    if (number <= remote.number) return [];
    if (question === undefined && number === remote.number + 1) {
      remote.number = number;
      return this.apply(node, remote, rows);
    }
    const actions = question === undefined ? this.ask(node, remote, remote.number) : [];
    keep(remote.question!, number, rows);
    return actions;
  }

  /** The node's heartbeat came. @param now - in milliseconds */
  marked(node: string, { number, digest }: PresenceMark, now: number): PresenceAction[] {
    const remote = this.remoteOf(node);
    if (remote.question !== undefined) return [];
    if (number > remote.number) {
      remote.awaited = number;
      return [{ do: 'wait', node, number }];
    }
    const isBelow = number < remote.doubted && now - remote.doubtedAt >= DOUBT_MS;
    if (isBelow) remote.doubtedAt = now;
    const isWrong = number === remote.number ? digest !== remote.digest.value : isBelow;
    // A heartbeat may be later than messages that were sent after it, but not later than the next heartbeat.
    remote.doubted = number < remote.number ? remote.number : 0;
    // Not at the limit: a node that comes and goes there would be asked for all of it with each heartbeat.
    const isRoom = remote.entries <= this.maxEntries / 2;
    // Only where the digest counts: if something is still missing, all is asked for at once.
    if (number === remote.number && isRoom) remote.isFull = false;
    return isWrong && !remote.isFull ? this.ask(node, remote, 0) : [];
  }

  /** The message with the number of a heartbeat has had time to come. */
  late(node: string, number: number): PresenceAction[] {
    const remote = this.remotes.get(node);
    const isBehind = remote !== undefined && remote.number < number;
    return isBehind && remote.question === undefined ? this.ask(node, remote, remote.number) : [];
  }

  /** @param ask - of the question that it answers */
  answer(node: string, ask: number, { upTo, next, rows }: PresenceAnswer): PresenceAction[] {
    const remote = this.remotes.get(node);
    const question = remote?.question;
    if (remote === undefined || question?.ask !== ask) return [];
    if (next !== undefined && !isAfter(next, question.from)) throw new Error('an endless presence');
    question.upTo ??= upTo;
    question.tries = 0;
    const actions: PresenceAction[] = [];
    for (const row of rows) this.replace(node, remote, question, row, actions);
    if (next !== undefined) {
      question.from = next;
      actions.push(this.askOn(node, question));
      return actions;
    }
    this.endGroup(node, remote, question, actions);
    remote.number = question.upTo;
    return [...actions, ...this.answered(node, remote, question)];
  }

  /** True while an answer of the node is waited for. */
  isAsked(node: string): boolean {
    return this.remotes.get(node)?.question !== undefined;
  }

  /** The answer that was asked for did not come. */
  unanswered(node: string): PresenceAction[] {
    const question = this.remotes.get(node)?.question;
    return question === undefined ? [] : [this.askOn(node, question)];
  }

  gone(node: string, reason: LeaveReason): PresenceAction[] {
    const actions: PresenceAction[] = [];
    for (const [group, { ids }] of this.remotes.get(node)?.groups ?? []) {
      for (const id of ids ?? []) actions.push({ do: 'left', group, id, node, reason });
    }
    this.remotes.delete(node);
    return actions;
  }

  private ask(node: string, remote: Remote, since: number): PresenceAction[] {
    remote.question = {
      ask: 0,
      tries: 0,
      since,
      from: { group: 0, id: 0 },
      upTo: undefined,
      open: undefined,
      seen: since === 0 ? new Set() : undefined,
      waiting: [],
      waitingEntries: 0,
    };
    return [this.askOn(node, remote.question)];
  }

  /** Asks for what has not been answered yet. */
  private askOn(node: string, question: Question): PresenceAction {
    this.asks += 1;
    question.ask = this.asks;
    question.tries += 1;
    const { ask, since, from } = question;
    return { do: 'ask', node, question: { ask, since, from } };
  }

  /** A row of an answer: with those that follow it for the same group it has all of the group. */
  private replace(
    node: string,
    remote: Remote,
    question: Question,
    row: PresenceRow,
    actions: PresenceAction[],
  ): void {
    const { group, count, joined } = row;
    if (question.open?.group !== group) {
      this.endGroup(node, remote, question, actions);
      question.open = { group, ids: new Set() };
    }
    this.change(node, remote, { group, count, joined, left: [] }, actions);
    // Entries that are not stored are not marked as seen either: a hostile answer could list them without end.
    const known = remote.groups.get(group);
    if (known !== undefined) question.seen?.add(group);
    for (const id of joined) if (known?.ids?.has(id) === true) question.open!.ids.add(id);
  }

  /** All of the group has been answered: who is not in it has left. */
  private endGroup(
    node: string,
    remote: Remote,
    { open }: Question,
    actions: PresenceAction[],
  ): void {
    const known = open && remote.groups.get(open.group);
    if (open === undefined || known === undefined) return;
    const left = [...(known.ids ?? [])].filter((id) => !open.ids.has(id));
    if (left.length === 0) return;
    this.change(node, remote, { group: open.group, count: known.count, joined: [], left }, actions);
  }

  private answered(node: string, remote: Remote, { seen, waiting }: Question): PresenceAction[] {
    remote.question = undefined;
    remote.awaited = 0;
    remote.doubted = 0;
    const actions: PresenceAction[] = [];
    if (seen !== undefined) {
      for (const [group, { ids }] of remote.groups) {
        if (seen.has(group)) continue;
        this.change(node, remote, { group, count: 0, joined: [], left: [...(ids ?? [])] }, actions);
      }
    }
    for (const { number, rows } of waiting) {
      // One that does not follow may be forged; if not, the next message or heartbeat shows the hole.
      if (number === remote.number + 1) actions.push(...this.delta(node, number, rows));
    }
    return actions;
  }

  private apply(node: string, remote: Remote, rows: readonly PresenceRow[]): PresenceAction[] {
    const actions: PresenceAction[] = [];
    for (const row of rows) this.change(node, remote, row, actions);
    return actions;
  }

  private change(node: string, remote: Remote, row: PresenceRow, actions: PresenceAction[]): void {
    const { group, count, joined, left } = row;
    const { groups, digest } = remote;
    let known = groups.get(group);
    if (known === undefined) {
      if (!this.hasRoom(node, remote, actions)) return;
      known = { hash: hashOf(group), count: 0, ids: undefined };
      groups.set(group, known);
      remote.entries += 1;
    }
    digest.counted(known.hash, known.count, count);
    known.count = count;
    for (const id of left) {
      if (known.ids?.delete(id) !== true) continue;
      remote.entries -= 1;
      digest.went(known.hash, id);
      actions.push({ do: 'left', group, id, node, reason: 'left' });
    }
    if (joined.length > 0) known.ids ??= new Set();
    for (const id of joined) {
      if (known.ids!.has(id)) continue;
      if (!this.hasRoom(node, remote, actions)) break;
      known.ids!.add(id);
      remote.entries += 1;
      digest.came(known.hash, id);
      actions.push({ do: 'joined', group, id, node });
    }
    if (count === 0 && (known.ids?.size ?? 0) === 0) {
      groups.delete(group);
      remote.entries -= 1;
    }
  }

  private hasRoom(node: string, remote: Remote, actions: PresenceAction[]): boolean {
    const { maxEntries } = this;
    if (remote.entries < maxEntries) return true;
    if (!remote.isFull) actions.push({ do: 'full', node, maxEntries });
    remote.isFull = true;
    return false;
  }

  private remoteOf(node: string): Remote {
    let remote = this.remotes.get(node);
    if (remote === undefined) {
      remote = {
        number: 0,
        digest: new PresenceDigest(),
        groups: new Map(),
        entries: 0,
        isFull: false,
        question: undefined,
        awaited: 0,
        doubted: 0,
        doubtedAt: Number.NEGATIVE_INFINITY,
      };
      this.remotes.set(node, remote);
    }
    return remote;
  }
}

function keep(question: Question, number: number, rows: readonly PresenceRow[]): void {
  for (const { joined, left } of rows) question.waitingEntries += 1 + joined.length + left.length;
  if (rows.length === 0) question.waitingEntries += 1;
  question.waiting.push({ number, rows });
  if (question.waitingEntries <= MAX_WAITING) return;
  question.waiting = [];
  question.waitingEntries = 0;
}

function isAfter(cursor: PresenceCursor, other: PresenceCursor): boolean {
  return cursor.group > other.group || (cursor.group === other.group && cursor.id > other.id);
}
