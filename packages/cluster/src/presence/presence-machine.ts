import type { PresenceMark } from '../node/node-info.ts';
import { hashOf } from '../node/text-hash.ts';
import { PresenceDigest } from './presence-digest.ts';
import type { PresencePage, PresenceRow } from './presence-message.ts';

/** A member on any node. */
export interface Member {
  /** What `idOf` gave. */
  readonly id: string;
  /** The node that has the connection. */
  readonly node: string;
}

/** Why an id is not on a node any more: its last member left, or the node is gone. */
export type LeaveReason = 'left' | 'node-gone';

/** What follows from a message. */
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
  | { readonly do: 'ask'; readonly node: string; readonly ask: number; readonly since: number }
  /** A message may be under way: {@link PresenceMachine.late} is to be called in a moment. */
  | { readonly do: 'wait'; readonly node: string; readonly number: number };

/** What another node has in one group. */
interface RemoteGroup {
  /** Of its token. */
  readonly hash: number;
  count: number;
  ids: Set<string> | undefined;
}

interface Question {
  readonly ask: number;
  readonly since: number;
  readonly pages: Map<number, PresencePage>;
  /** What was answered so far, where all is asked for: the node has no other groups. */
  readonly seen: Set<string> | undefined;
  /** Messages that came meanwhile. */
  waiting: { readonly number: number; readonly rows: readonly PresenceRow[] }[];
  waitingEntries: number;
}

/** What is known of one node. */
interface Remote {
  /** Of the last message that is in it. */
  number: number;
  digest: PresenceDigest;
  readonly groups: Map<string, RemoteGroup>;
  question: Question | undefined;
  /** Our number, when the node's own one was lower. */
  doubted: number;
}

/** Groups and ids in messages that wait for an answer; beyond, they are asked for too. */
const MAX_WAITING = 100_000;
/** Pages of 1000 ids: a million members of one node. */
const MAX_PAGES = 1000;

/**
 * What a node knows of the members of all groups on the other nodes. Each node alone writes its own members, in
 * messages with numbers; so views cannot conflict, only be behind. Without clock and bus.
 */
export class PresenceMachine {
  private readonly remotes = new Map<string, Remote>();
  private asks = 0;

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

  /** True while an answer of any node is waited for. */
  get isAsking(): boolean {
    for (const { question } of this.remotes.values()) if (question !== undefined) return true;
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

  /** The node's heartbeat came. */
  marked(node: string, { number, digest }: PresenceMark): PresenceAction[] {
    const remote = this.remoteOf(node);
    if (remote.question !== undefined) return [];
    if (number > remote.number) return [{ do: 'wait', node, number }];
    const isWrong =
      number === remote.number ? digest !== remote.digest.value : number < remote.doubted;
    // A heartbeat may be later than messages that were sent after it, but not later than the next heartbeat.
    remote.doubted = number < remote.number ? remote.number : 0;
    return isWrong ? this.ask(node, remote, 0) : [];
  }

  /** A message that a heartbeat spoke of has had time to come. */
  late(node: string, number: number): PresenceAction[] {
    const remote = this.remotes.get(node);
    const isBehind = remote !== undefined && remote.number < number;
    return isBehind && remote.question === undefined ? this.ask(node, remote, remote.number) : [];
  }

  page(node: string, page: PresencePage): PresenceAction[] {
    const remote = this.remotes.get(node);
    const question = remote?.question;
    if (remote === undefined || question?.ask !== page.ask || page.pages > MAX_PAGES) return [];
    question.pages.set(page.page, page);
    if (question.pages.size < page.pages) return [];
    const actions = this.replace(node, remote, question);
    remote.number = page.upTo;
    if (page.isAll) return [...actions, ...this.answered(node, remote, question)];
    return [...actions, ...this.ask(node, remote, page.upTo, question)];
  }

  /** True while an answer of the node is waited for. */
  isAsked(node: string): boolean {
    return this.remotes.get(node)?.question !== undefined;
  }

  /** The answer that was asked for did not come. */
  unanswered(node: string): PresenceAction[] {
    const remote = this.remotes.get(node);
    const question = remote?.question;
    return question === undefined ? [] : this.ask(node, remote!, question.since, question);
  }

  gone(node: string, reason: LeaveReason): PresenceAction[] {
    const actions: PresenceAction[] = [];
    for (const [group, { ids }] of this.remotes.get(node)?.groups ?? []) {
      for (const id of ids ?? []) actions.push({ do: 'left', group, id, node, reason });
    }
    this.remotes.delete(node);
    return actions;
  }

  private ask(node: string, remote: Remote, since: number, before?: Question): PresenceAction[] {
    this.asks += 1;
    const { asks: ask } = this;
    remote.question = {
      ask,
      since,
      pages: new Map(),
      seen: before === undefined && since === 0 ? new Set() : before?.seen,
      waiting: before?.waiting ?? [],
      waitingEntries: before?.waitingEntries ?? 0,
    };
    return [{ do: 'ask', node, ask, since }];
  }

  /** The pages of an answer: all of each group in them. */
  private replace(node: string, remote: Remote, { pages, seen }: Question): PresenceAction[] {
    const rows = new Map<string, { count: number; ids: Set<string> }>();
    for (const page of pages.values()) {
      for (const { group, count, joined } of page.rows) {
        const row = rows.get(group) ?? { count, ids: new Set() };
        for (const id of joined) row.ids.add(id);
        rows.set(group, row);
        seen?.add(group);
      }
    }
    const actions: PresenceAction[] = [];
    for (const [group, { count, ids }] of rows) {
      const known = remote.groups.get(group)?.ids;
      const left = [...(known ?? [])].filter((id) => !ids.has(id));
      this.change(node, remote, { group, count, joined: [...ids], left }, actions);
    }
    return actions;
  }

  private answered(node: string, remote: Remote, { seen, waiting }: Question): PresenceAction[] {
    remote.question = undefined;
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
      known = { hash: hashOf(group), count: 0, ids: undefined };
      groups.set(group, known);
    }
    digest.counted(known.hash, known.count, count);
    known.count = count;
    for (const id of left) {
      if (known.ids?.delete(id) !== true) continue;
      digest.went(known.hash, id);
      actions.push({ do: 'left', group, id, node, reason: 'left' });
    }
    if (joined.length > 0) known.ids ??= new Set();
    for (const id of joined) {
      if (known.ids!.has(id)) continue;
      known.ids!.add(id);
      digest.came(known.hash, id);
      actions.push({ do: 'joined', group, id, node });
    }
    if (count === 0 && (known.ids?.size ?? 0) === 0) groups.delete(group);
  }

  private remoteOf(node: string): Remote {
    let remote = this.remotes.get(node);
    if (remote === undefined) {
      remote = {
        number: 0,
        digest: new PresenceDigest(),
        groups: new Map(),
        question: undefined,
        doubted: 0,
      };
      this.remotes.set(node, remote);
    }
    return remote;
  }
}

function keep(question: Question, number: number, rows: readonly PresenceRow[]): void {
  for (const { joined, left } of rows) question.waitingEntries += 1 + joined.length + left.length;
  question.waiting.push({ number, rows });
  if (question.waitingEntries <= MAX_WAITING) return;
  question.waiting = [];
  question.waitingEntries = 0;
}
