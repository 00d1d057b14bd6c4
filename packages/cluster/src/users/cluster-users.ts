import type { Channel, CloseReason } from '@headrace/core';
import {
  atOnce,
  checkKind,
  choice,
  describeOptions,
  describePart,
  fn,
  number,
  object,
} from '@headrace/core/authoring';
import type { OtherSession, Session, Sessions } from '@headrace/handlers';
import { checkChannel } from '../application/check-channel.ts';
import { type Body, decodeBody, encodeBody } from '../envelope/body.ts';
import { ANSWER, checkBodyLength, type Envelope, KIND } from '../envelope/envelope.ts';
import { NumberLines } from '../envelope/number-line.ts';
import type { ClusterContext } from '../node/cluster-context.ts';
import { BoundIds } from './bound-ids.ts';
import { BoundUser } from './bound-user.ts';
import { UserClaims } from './user-claims.ts';
import { toUserAsk } from './user-message.ts';
import { UserQuestions } from './user-questions.ts';

/** Options of {@link ClusterUsers}, as `users` of `Cluster.join`. */
export interface ClusterUsersOptions<Principal> {
  /** The id of an AuthHandler's principal. @default the principal, if it is a text, or its `id` */
  readonly idOf?: (principal: Principal) => string;
  /**
   * What happens when an id has connections on two nodes: nothing, or the one that came later stays. Within a node the
   * AuthHandler's option decides. @default 'allow'
   */
  readonly onDuplicate?: 'allow' | 'kick-older';
}

/** Options of {@link ClusterUsers.send}. */
export interface SendOptions {
  /** A connection of this node that does not get it, such as the sender's. */
  readonly except?: Channel;
}

/** Options of {@link ClusterUsers.deliver} and {@link ClusterUsers.nodesOf}. */
export interface AnswerOptions {
  /** How long answers of other nodes are waited for, in milliseconds. @default 2000 */
  readonly timeoutMs?: number;
}

/** The option `users` of `Cluster.join`. */
export const USERS_OPTIONS = describePart('users', {
  idOf: fn({ purpose: 'gives the id of a principal' }),
  onDuplicate: choice(['allow', 'kick-older'], { default: 'allow' }),
});
const SEND_OPTIONS = describeOptions('send', { except: object('a channel') });
const ANSWER_OPTIONS = describeOptions('deliver', { timeoutMs: number({ min: 1, default: 2000 }) });
/** For so long connections may take a message before the node says how many took it: its answer is to come in time. */
const TAKEN_WITHIN_MS = 1500;
const PART = 'users';
/** What is about a user. */
const KINDS: readonly number[] = [KIND.claim, KIND.ask, KIND.user];

/**
 * The users of a cluster that are connected, on any node. It is the `sessions` of an AuthHandler, or `bind` and
 * `unbind` give channels their users. A node listens for a user only while it has a connection of theirs.
 *
 * `cluster.users` is made with the cluster.
 */
export class ClusterUsers<Principal = unknown> implements Sessions<Principal> {
  private readonly context: ClusterContext;
  private readonly options: ClusterUsersOptions<Principal>;
  private readonly users = new Map<string, BoundUser<Principal>>();
  /** One line for all users of a node: what an old link of the bus brings late is out of order, and dropped. */
  private readonly numbers = new NumberLines();
  private readonly questions: UserQuestions;
  private readonly bound = new WeakMap<Channel, BoundIds<Principal>>();
  private readonly claims: UserClaims;
  /** Whose nodes are asked for after a silence. */
  private readonly asking = new Set<string>();
  private isClosed = false;

  /** @internal */
  constructor(context: ClusterContext, options: ClusterUsersOptions<Principal>) {
    const { wire, directory } = context;
    this.context = context;
    this.options = options;
    const { onDuplicate = 'allow' } = options;
    this.claims = new UserClaims({ wire, users: this.users, onDuplicate, line: PART });
    this.questions = new UserQuestions(context, this.users, this.claims, PART);
    directory.on('left', ({ id }) => this.nodeGone(id));
    directory.on('vanished', (id) => this.nodeGone(id));
    directory.on('forgotten', (id) => this.numbers.forget(id));
  }

  /** How many ids have connections on this node. */
  get size(): number {
    return this.users.size;
  }

  // --- the users of this node ---

  /**
   * A connection of this node belongs to an id; it is unbound when it closes.
   *
   * @throws OptionError `OPTION_INVALID` for an id that is no text, and for what is no channel
   */
  bind(id: string, channel: Channel): void {
    checkKind('id', id, typeof id === 'string', 'a text');
    checkChannel(channel);
    const known = this.bound.get(channel);
    if (known?.get(id) !== undefined || !channel.isOpen) return;
    const kick = () => {
      this.unbind(id, channel);
      channel.end({ reason: 'replaced' });
    };
    const session: Session<Principal> = { channel, principal: id as Principal, kick };
    if (known === undefined) {
      this.bound.set(channel, new BoundIds(id, session));
      channel.onClosed(this.onChannelClosed);
    } else known.set(id, session);
    this.addTo(id, session);
  }

  /** True if it was bound. */
  unbind(id: string, channel: Channel): boolean {
    const ids = this.bound.get(channel);
    const session = ids?.get(id);
    if (session === undefined) return false;
    ids?.delete(id);
    return this.removeFrom(id, session);
  }

  /** The connections of an id on this node, the oldest first. */
  channels(id: string): Channel[] {
    return (this.users.get(id)?.sessions ?? []).map(({ channel }) => channel);
  }

  /** For the AuthHandler: a session has begun. Its claim goes out once the node's subscription is in force. */
  add(session: Session<Principal>): void {
    this.addTo(this.idOf(session.principal), session);
  }

  /** For the AuthHandler: a session is over. True if it was there. */
  remove(session: Session<Principal>): boolean {
    return this.removeFrom(this.idOfSession(session), session);
  }

  /** Those of this node; on other nodes the claim that `add` publishes decides. */
  othersOf(principal: Principal, channel: Channel): readonly OtherSession[] {
    const all = this.users.get(this.idOf(principal))?.sessions ?? [];
    return all.filter((session) => session.channel !== channel);
  }

  // --- to users ---

  /**
   * Sends a message to all connections of one id or several, on all nodes; at most once, in order for each node and
   * user. Nobody waits for anything.
   *
   * @throws EncodeError `MESSAGE_TOO_LONG`, `MESSAGE_NOT_ENCODABLE`: then nobody gets it
   */
  send(ids: string | Iterable<string>, message: unknown, options: SendOptions = {}): void {
    const { except } = SEND_OPTIONS.resolve(options);
    const body = this.encode(message);
    for (const id of typeof ids === 'string' ? [ids] : new Set(ids)) {
      for (const channel of this.channels(id)) {
        if (channel !== except) channel.writeAndFlush(message);
      }
      this.publish(id, body, 0);
    }
  }

  /**
   * Sends a message to all connections of an id, and resolves with how many took it: it left this process or that of
   * the other node, there within 1.5 s. Nodes that do not answer in time do not count. While the bus is down only those
   * here are reached; if there are none, rejects with `BUS_DOWN`.
   *
   * @throws EncodeError as `send` does, as a rejection
   */
  async deliver(id: string, message: unknown, options: AnswerOptions = {}): Promise<number> {
    const { timeoutMs } = ANSWER_OPTIONS.resolve(options);
    const body = this.encode(message);
    const here = this.deliverHere(id, message, timeoutMs);
    if (here !== undefined && this.context.wire.bus.state === 'down') return here;
    const { answers, silent } = await this.questions.ask(id, timeoutMs, () =>
      this.publish(id, body, ANSWER),
    );
    if (silent.length > 0) this.askForNodes(id);
    let sum = (await here) ?? 0;
    for (const { count } of answers.values()) sum += count;
    return sum;
  }

  /** Ends all connections of an id, on all nodes. @param reason - the close reason. */
  kick(id: string, reason: CloseReason = 'replaced'): void {
    this.kickHere(id, reason);
    const { wire } = this.context;
    const body = encodeBody({ what: 'kick', reason });
    wire.send(wire.subjects.user(id), KIND.ask, body, 0, PART);
  }

  /** Rejects with `BUS_DOWN` if the id has no connection here and the bus is down. */
  async isOnline(id: string): Promise<boolean> {
    if (this.users.has(id)) return true;
    const { bus, subjects } = this.context.wire;
    return (await bus.receivers(subjects.user(id))) > 0;
  }

  /** The nodes that have connections of an id; this one first. Rejects as {@link isOnline} does. */
  async nodesOf(id: string, options: AnswerOptions = {}): Promise<string[]> {
    const { timeoutMs } = ANSWER_OPTIONS.resolve(options, 'nodesOf');
    const { wire } = this.context;
    const here = this.users.has(id) ? [wire.nodeId] : [];
    if (here.length > 0 && wire.bus.state === 'down') return here;
    const { answers, silent } = await this.questions.ask(id, timeoutMs, () => {
      wire.send(wire.subjects.user(id), KIND.ask, encodeBody({ what: 'nodes' }), ANSWER, PART);
    });
    for (const one of silent) this.questions.forgetHolder(id, one);
    return [...here, ...answers.keys()];
  }

  /** @internal */
  close(): void {
    this.isClosed = true;
    this.claims.close();
    this.questions.close();
    for (const { subscription } of this.users.values()) subscription?.close();
    this.users.clear();
  }

  private addTo(id: string, session: Session<Principal>): void {
    if (this.isClosed) return;
    const { wire } = this.context;
    let user = this.users.get(id);
    if (user === undefined) {
      user = new BoundUser(session);
      this.users.set(id, user);
      user.subscription = wire.listen(wire.subjects.user(id), (envelope) =>
        this.received(id, envelope),
      );
    } else user.sessions.push(session);
    this.claims.came(id, user);
  }

  private removeFrom(id: string, session: Session<Principal>): boolean {
    const user = this.users.get(id);
    const index = user?.sessions.indexOf(session) ?? -1;
    if (user === undefined || index < 0) return false;
    user.sessions.splice(index, 1);
    if (user.sessions.length > 0) return true;
    this.users.delete(id);
    user.subscription?.close();
    this.claims.left(id, user);
    return true;
  }

  // --- messages ---

  private received(id: string, envelope: Envelope): void {
    const user = this.users.get(id);
    if (user === undefined || !this.context.directory.heardOf(envelope.node)) return;
    const { kind, node, number } = envelope;
    if (!KINDS.includes(kind)) throw new Error(`kind ${kind} is not for a user`);
    // First: the number of what is no message must not make old ones of those that follow.
    const value = decodeBody<unknown>(envelope);
    if (!this.numbers.arrived(node, number).isNew) return;
    if (kind === KIND.claim) this.claims.received(id, user, node, value);
    else if (kind === KIND.ask) this.asked(id, user, envelope, value);
    else this.took(id, user, envelope, value);
  }

  private took(id: string, user: BoundUser<Principal>, envelope: Envelope, message: unknown): void {
    if ((envelope.flags & ANSWER) === 0) {
      for (const { channel } of user.sessions) channel.writeAndFlush(message);
      return;
    }
    void this.deliverHere(id, message, TAKEN_WITHIN_MS)?.then((count) =>
      this.answer(user, envelope, count),
    );
  }

  private asked(id: string, user: BoundUser<Principal>, envelope: Envelope, value: unknown): void {
    const ask = toUserAsk(value);
    if (ask.what === 'kick') this.kickHere(id, ask.reason ?? 'replaced');
    else this.answer(user, envelope, user.sessions.length);
  }

  private answer(user: BoundUser<Principal>, { node, number }: Envelope, count: number): void {
    const { wire, inbox } = this.context;
    const holders = [wire.nodeId, ...user.holders].filter((holder) => holder !== node);
    inbox.send(node, KIND.answer, { to: PART, about: String(number), ...{ count, holders } });
  }

  /** A message that was not answered may wait for connections that are slow to take it; this question is answered at once. */
  private askForNodes(id: string): void {
    if (this.asking.has(id)) return;
    this.asking.add(id);
    void this.nodesOf(id)
      .catch(() => {})
      .finally(() => this.asking.delete(id));
  }

  private publish(id: string, body: Body, flags: number): void {
    const { wire } = this.context;
    // One line for all users: a counter for each user that was ever written to would stay for ever.
    wire.send(wire.subjects.user(id), KIND.user, body, flags, PART);
  }

  /** Resolves with how many took it; undefined if there are none. */
  private deliverHere(
    id: string,
    message: unknown,
    timeoutMs: number,
  ): Promise<number> | undefined {
    const channels = this.channels(id);
    if (channels.length === 0) return undefined;
    const futures = channels.map((channel) => channel.writeAndFlush(message));
    return new Promise((resolve) => {
      const count = () => resolve(futures.filter(({ isSuccess }) => isSuccess).length);
      const timer = this.context.wire.host.clock.schedule(count, timeoutMs);
      for (const future of futures) {
        future.onSettled(() => {
          if (!futures.every(({ isSettled }) => isSettled)) return;
          timer.cancel();
          count();
        });
      }
    });
  }

  private kickHere(id: string, reason: CloseReason): void {
    for (const session of [...(this.users.get(id)?.sessions ?? [])]) {
      this.removeFrom(id, session);
      session.channel.end({ reason });
    }
  }

  private encode(message: unknown): Body {
    const body = encodeBody(message);
    checkBodyLength(body.body);
    return body;
  }

  private idOf(principal: Principal): string {
    const { idOf } = this.options;
    if (idOf !== undefined) {
      const id = atOnce('idOf', idOf(principal));
      return checkKind('the id of a principal', id, typeof id === 'string', 'a text');
    }
    if (typeof principal === 'string') return principal;
    const id = (principal as { readonly id?: unknown } | null)?.id;
    if (typeof id === 'string') return id;
    throw new TypeError('a principal without an id: give Cluster.join({ users: { idOf } })');
  }

  /** The user of a session that was added, also if `idOf` fails by now: a session that is over must not stay. */
  private idOfSession(session: Session<Principal>): string {
    try {
      return this.idOf(session.principal);
    } catch (thrown) {
      for (const [id, { sessions }] of this.users) if (sessions.includes(session)) return id;
      throw thrown;
    }
  }

  private readonly onChannelClosed = (channel: Channel): void => {
    for (const id of this.bound.get(channel)?.ids() ?? []) this.unbind(id, channel);
    this.bound.delete(channel);
  };

  private nodeGone(node: string): void {
    for (const user of this.users.values()) user.others?.delete(node);
    this.questions.gone(node);
  }
}
