import { hashOf } from '@headrace/core/authoring';
import type { PresenceMark } from '../node/node-info.ts';
import { PresenceDigest } from './presence-digest.ts';
import type {
  PresenceAnswer,
  PresenceCursor,
  PresenceQuestion,
  PresenceRow,
} from './presence-message.ts';

/** A member on any node. */
export interface Member {
  /** The id that `idOf` returned. */
  readonly id: string;
  /** The id of the node that has the connection. */
  readonly node: string;
}

/** Why a node no longer has an id: the last member with this id left, or the node is gone. */
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
  /** A message was missed. The node must send the changes after a number. */
  | { readonly do: 'ask'; readonly node: string; readonly question: PresenceQuestion }
  /** A message may be under way. {@link PresenceMachine.late} must be called in a moment. */
  | { readonly do: 'wait'; readonly node: string; readonly number: number }
  /** A node has more groups and ids than this node keeps. Further entries are ignored. */
  | { readonly do: 'full'; readonly node: string; readonly maxEntries: number };

/** The members of another node in one group. */
interface RemoteGroup {
  /** The hash of the group's token. */
  readonly hash: number;
  count: number;
  ids: Set<string> | undefined;
}

/** An outstanding question to a node. The answers arrive one after the other, and each answer can be requested again. */
interface Question {
  /** The number of the last attempt. */
  ask: number;
  /** The number of attempts since the last answer. */
  tries: number;
  readonly since: number;
  from: PresenceCursor;
  /** The number of the first answer. Later changes arrive in messages. */
  upTo: number | undefined;
  /** The group at the end of the last answer. The next answer can continue this group. */
  open: { readonly group: string; readonly ids: Set<string> } | undefined;
  /** The groups in the answers so far, if everything was asked for. The node has no other groups. */
  readonly seen: Set<string> | undefined;
  /** Messages that arrived since the question. */
  waiting: { readonly number: number; readonly rows: readonly PresenceRow[] }[];
  waitingEntries: number;
}

/** The known presence of one node. */
interface Remote {
  /** The number of the last message that was applied. */
  number: number;
  digest: PresenceDigest;
  readonly groups: Map<string, RemoteGroup>;
  /** The number of groups and ids. */
  entries: number;
  /** Whether entries were left out for lack of room, and most other entries still exist. Then the digests cannot agree. */
  isFull: boolean;
  question: Question | undefined;
  /** The number in a heartbeat whose message has not arrived. */
  awaited: number;
  /** The number of this machine, if the number of the node was lower. */
  doubted: number;
  /** The time of the last full question because of `doubted`. */
  doubtedAt: number;
}

/**
 * Maximum number of groups, ids and empty messages that wait for an answer. Above this limit, all waiting messages are dropped,
 * and requested later.
 */
const MAX_WAITING = 100_000;
/** A node does not count after this number of unanswered questions in a row, until it answers. */
const MAX_TRIES = 10;
/** Minimum time between two full questions because of old heartbeats. Replayed heartbeats can arrive without end. */
const DOUBT_MS = 10_000;

/**
 * The members of all groups on the other nodes, as this node knows them. Each node reports only its own members, in numbered
 * messages. So the reports cannot conflict, but the knowledge of this node can be out of date. The machine has no clock and no
 * bus.
 */
export class PresenceMachine {
  private readonly maxEntries: number;
  private readonly remotes = new Map<string, Remote>();
  private asks = 0;

  /** @param maxEntries - the maximum number of groups and ids for each node */
  constructor(maxEntries: number) {
    this.maxEntries = maxEntries;
  }

  get nodeCount(): number {
    return this.remotes.size;
  }

  /** Returns the number of members of a group on other nodes. @param group - the token of the group's name */
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

  holders(group: string, id: string): string[] {
    const holders: string[] = [];
    for (const [node, { groups }] of this.remotes) {
      if (groups.get(group)?.ids?.has(id) === true) holders.push(node);
    }
    return holders;
  }

  /**
   * Whether an answer, or a message that a heartbeat announced, is outstanding, or a node has more entries than this node keeps.
   * A node that does not answer does not count.
   */
  get isBehind(): boolean {
    for (const { isFull, question, awaited, number } of this.remotes.values()) {
      if (isFull) return true;
      if (question === undefined ? awaited > number : question.tries <= MAX_TRIES) return true;
    }
    return false;
  }

  /** Applies a message, which contains the changes that led to this number. */
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

  /** Compares a heartbeat with the known presence. @param now - the time in milliseconds */
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
    // A heartbeat can arrive after messages that were sent later, but not after the next heartbeat.
    remote.doubted = number < remote.number ? remote.number : 0;
    // Not near the limit, because a node whose size varies there would be asked for everything after each heartbeat.
    const isRoom = remote.entries <= this.maxEntries / 2;
    // Only if the digest counts here. Then everything is asked for at once if an entry is missing.
    if (number === remote.number && isRoom) remote.isFull = false;
    return isWrong && !remote.isFull ? this.ask(node, remote, 0) : [];
  }

  /** Asks for the message with the number of a heartbeat, if the message has not arrived in time. */
  late(node: string, number: number): PresenceAction[] {
    const remote = this.remotes.get(node);
    const isBehind = remote !== undefined && remote.number < number;
    return isBehind && remote.question === undefined ? this.ask(node, remote, remote.number) : [];
  }

  /** @param ask - the number of the question that this answers */
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
      actions.push(this.askNextPart(node, question));
      return actions;
    }
    this.endGroup(node, remote, question, actions);
    remote.number = question.upTo;
    return [...actions, ...this.answered(node, remote, question)];
  }

  /** Returns true while an answer of the node is outstanding. */
  isAsked(node: string): boolean {
    return this.remotes.get(node)?.question !== undefined;
  }

  /** Asks again when an answer has not arrived in time. */
  unanswered(node: string): PresenceAction[] {
    const question = this.remotes.get(node)?.question;
    return question === undefined ? [] : [this.askNextPart(node, question)];
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
    return [this.askNextPart(node, remote.question)];
  }

  /** Asks for the part that has not been answered. */
  private askNextPart(node: string, question: Question): PresenceAction {
    this.asks += 1;
    question.ask = this.asks;
    question.tries += 1;
    const { ask, since, from } = question;
    return { do: 'ask', node, question: { ask, since, from } };
  }

  /** Applies a row of an answer. Together with the next rows of the same group, the row contains the whole group. */
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
    // Entries without room are not marked as seen either, because a hostile answer could list them without end.
    const known = remote.groups.get(group);
    if (known !== undefined) question.seen?.add(group);
    for (const id of joined) if (known?.ids?.has(id) === true) question.open!.ids.add(id);
  }

  /** Ends a group that was answered in full. Ids that the answer did not contain have left. */
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
      // A message that does not follow can be forged. If it is genuine, the next message or heartbeat shows the gap.
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
