import type { BusSubscription } from '@headrace/bus';
import { token } from '@headrace/bus/authoring';
import type { Channel, CloseReason } from '@headrace/core';
import {
  choice,
  describeOptions,
  describePart,
  fn,
  number,
  object,
  passedOver,
  writeToEach,
} from '@headrace/core/authoring';
import type { OtherSession, Session, Sessions } from '@headrace/handlers';
import { type Body, decodeBody, encodeBody } from '../envelope/body.ts';
import { ANSWER, checkBodyLength, type Envelope, KIND, type Kind } from '../envelope/envelope.ts';
import { NumberLines } from '../envelope/number-line.ts';
import type { GroupContext } from '../presence/presence.ts';
import type { BoundUser } from './bound-user.ts';
import { BoundUsers } from './bound-users.ts';
import { UserClaims } from './user-claims.ts';
import { UserIndex } from './user-index.ts';
import { aboutUser, fromAboutUser, toUserAsk, USER_BYTES } from './user-message.ts';
import { UserPaces } from './user-paces.ts';
import { type Answers, UserQuestions } from './user-questions.ts';

/** Options of {@link ClusterUsers}, in the option `users` of `Cluster.join`. */
export interface ClusterUsersOptions<Principal = unknown> {
  /** Returns the id of an AuthHandler's principal. @default the principal, if it is a text, or its `id` */
  readonly idOf?: (principal: Principal) => string;
  /**
   * Policy for an id with connections on two nodes: both stay, or only the later one. Within a node, the AuthHandler's option
   * decides.
   * @default 'allow'
   */
  readonly onDuplicate?: 'allow' | 'kick-older';
}

/** Options of {@link ClusterUsers.send}. */
export interface SendOptions {
  /** A connection of this node that does not receive the message, for example the sender's. @default none */
  readonly except?: Channel;
}

/** Options of {@link ClusterUsers.deliver} and {@link ClusterUsers.nodesOf}. */
export interface AnswerOptions {
  /** Maximum wait for answers of other nodes, in milliseconds. @default 2000 */
  readonly timeoutMs?: number;
}

/** The option `users` of `Cluster.join`. */
export const USERS_OPTIONS = describePart('users', {
  idOf: fn({ answers: 'sync', purpose: 'gives the id of a principal' }),
  onDuplicate: choice(['allow', 'kick-older'], { default: 'allow' }),
});
const SEND_OPTIONS = describeOptions('send', { except: object('a channel') });
const ANSWER_OPTIONS = describeOptions('deliver', { timeoutMs: number({ min: 1, default: 2000 }) });
/** Maximum time for the connections to accept a message, after which the node can still report the number in time. */
const TAKEN_WITHIN_MS = 1500;
const PART = 'users';
const NO_ANSWERS: Answers = new Map();
/** The kinds of messages about a user. */
const KINDS: readonly number[] = [KIND.claim, KIND.ask, KIND.user];

/**
 * The users of a cluster that are connected to any node. Use it as the `sessions` of an AuthHandler, or call `bind` and `unbind`
 * for channels. All nodes know where all users are. A user has no bus subject of its own.
 *
 * `cluster.users` is made with the cluster.
 */
export class ClusterUsers<Principal = unknown> implements Sessions<Principal> {
  private readonly context: GroupContext;
  private readonly users: BoundUsers<Principal>;
  private readonly index: UserIndex;
  /** The subjects of all nodes and of this node. */
  private readonly subscriptions: BusSubscription[] = [];
  /** One number line for all users of a node. Late messages from an old link of the bus are out of order, and are dropped. */
  private readonly numbers = new NumberLines();
  private readonly questions: UserQuestions;
  private readonly claims: UserClaims;
  private readonly paces: UserPaces;

  /** @internal */
  constructor(context: GroupContext, checked: ClusterUsersOptions<Principal>) {
    const { wire, directory } = context;
    this.context = context;
    const { onDuplicate = 'allow', idOf } = checked;
    this.users = new BoundUsers(idOf, {
      began: (key) => this.index.add(key),
      came: (key, user) => this.claims.came(key, user),
      ended: (key) => this.ended(key),
    });
    const users = this.users.byKey;
    this.index = new UserIndex(context, {
      joined: (key, node) => {
        if (node !== wire.nodeId && users.has(key)) this.claims.repeat(key);
      },
      left: (key, node) => void users.get(key)?.others?.delete(node),
    });
    this.paces = new UserPaces(context, (envelope) => this.tookLate(envelope));
    const { index, paces } = this;
    this.claims = new UserClaims({ wire, index, paces, users, onDuplicate, line: PART });
    this.questions = new UserQuestions(context, this.index, PART);
    this.listen();
    wire.onRenamed(() => {
      this.stopListening();
      this.listen();
    });
    directory.on('left', ({ id }) => this.questions.gone(id));
    directory.on('vanished', (id) => this.questions.gone(id));
    directory.heardLines.add(this.numbers);
  }

  /** The number of ids that have connections on this node. */
  get size(): number {
    return this.users.byKey.size;
  }

  // --- the users of this node ---

  /**
   * Binds a connection of this node to an id until the connection closes.
   *
   * @throws OptionError `OPTION_INVALID` for an id that is not text, and for a value that is not a channel
   */
  bind(id: string, channel: Channel): void {
    this.users.bind(id, channel);
  }

  /** Unbinds a connection. Returns true if it was bound. */
  unbind(id: string, channel: Channel): boolean {
    return this.users.unbind(id, channel);
  }

  /** Returns the connections of an id on this node, the oldest first. */
  channels(id: string): Channel[] {
    return (this.users.byKey.get(token(id))?.sessions ?? []).map(({ channel }) => channel);
  }

  /** @internal Returns the ids that a channel of this node is bound to. */
  idsOf(channel: Channel): string[] {
    return this.users.idsOf(channel);
  }

  /** Adds a session. Called by the AuthHandler. The other nodes are notified in the next turn of the event loop. */
  add(session: Session<Principal>): void {
    this.users.add(session);
  }

  /** Removes a session. Called by the AuthHandler. Returns true if the session existed. */
  remove(session: Session<Principal>): boolean {
    return this.users.remove(session);
  }

  /** Returns the other sessions on this node. Between nodes, the claims decide. */
  othersOf(principal: Principal, channel: Channel): readonly OtherSession[] {
    return this.users.sessionsOf(principal).filter((session) => session.channel !== channel);
  }

  // --- to users ---

  /**
   * Sends a message to all connections of one or several ids, on all nodes, at most once, in order for each node and user. The
   * call does not wait. A connection whose output has ended is passed over.
   *
   * @throws EncodeError `MESSAGE_TOO_LONG`, `MESSAGE_NOT_ENCODABLE`; then no connection receives the message
   */
  send(ids: string | Iterable<string>, message: unknown, options: SendOptions = {}): void {
    const { except } = SEND_OPTIONS.resolve(options);
    const body = this.encode(message);
    const users = typeof ids === 'string' ? [ids] : [...new Set(ids)];
    const here = users.flatMap((id) => this.channels(id)).filter((channel) => channel !== except);
    writeToEach(here, (channel) => passedOver(channel, channel.writeAndFlush(message)));
    for (const id of users) {
      const key = token(id);
      for (const subject of this.index.subjects(key))
        this.publish(subject, key, KIND.user, body, 0);
    }
  }

  /**
   * Sends a message to all connections of an id. Resolves with the number of connections to which the message was sent, on other
   * nodes within 1.5 s. Nodes that do not answer in time do not count. While the bus is down, only connections on this node
   * receive the message. If the id has no connection on this node then, the call rejects with `BUS_DOWN`, or with `REJECTED_QUEUE`
   * while 10,000 calls wait for other nodes.
   *
   * @throws EncodeError like `send`, as a rejection
   */
  async deliver(id: string, message: unknown, options: AnswerOptions = {}): Promise<number> {
    const { timeoutMs } = ANSWER_OPTIONS.resolve(options);
    const body = this.encode(message);
    const key = token(id);
    const user = this.users.byKey.get(key);
    const here = user && this.deliverTo(user, message, timeoutMs);
    if (here !== undefined && this.context.wire.bus.state === 'down') return here;
    const asking = this.questions.ask(key, timeoutMs, (subject) =>
      this.publish(subject, key, KIND.user, body, ANSWER),
    );
    // The message was sent on this node, so the call must not fail as if nothing was sent.
    const answers = await (here === undefined ? asking : asking.catch(() => NO_ANSWERS));
    let sum = (await here) ?? 0;
    for (const count of answers.values()) sum += count;
    return sum;
  }

  /** Ends all connections of an id, on all nodes. @param reason - the close reason. */
  kick(id: string, reason: CloseReason = 'replaced'): void {
    const key = token(id);
    this.kickHere(key, reason);
    const body = encodeBody({ what: 'kick', reason });
    for (const subject of this.index.subjects(key)) this.publish(subject, key, KIND.ask, body, 0);
  }

  /**
   * Resolves with true if the id has connections, as far as known. The connections of a killed node count for 5 s. Rejects with
   * `BUS_DOWN` if the id has no connection on this node and the bus is down, and with `REJECTED_QUEUE` while 10,000 calls wait for
   * other nodes.
   */
  async isOnline(id: string): Promise<boolean> {
    const key = token(id);
    if (this.users.byKey.has(key)) return true;
    await this.questions.ready();
    return this.index.holders(key).length > 0;
  }

  /** Resolves with the nodes that have connections of an id, this node first. Rejects like {@link isOnline}. */
  async nodesOf(id: string, options: AnswerOptions = {}): Promise<string[]> {
    const { timeoutMs } = ANSWER_OPTIONS.resolve(options, 'nodesOf');
    const { wire } = this.context;
    const key = token(id);
    const here = this.users.byKey.has(key) ? [wire.nodeId] : [];
    if (here.length > 0 && wire.bus.state === 'down') return here;
    const body = encodeBody({ what: 'nodes' });
    const answers = await this.questions.ask(key, timeoutMs, (subject) =>
      this.publish(subject, key, KIND.ask, body, ANSWER),
    );
    return [...here, ...answers.keys()];
  }

  /** @internal */
  close(): void {
    this.claims.close();
    this.index.close();
    this.paces.close();
    this.questions.close();
    this.stopListening();
    this.users.close();
  }

  private listen(): void {
    const { wire } = this.context;
    for (const subject of [wire.subjects.users, wire.subjects.usersOf(wire.nodeId)]) {
      this.subscriptions.push(wire.listen(subject, (envelope) => this.received(envelope)));
    }
  }

  private stopListening(): void {
    for (const subscription of this.subscriptions.splice(0)) subscription.close();
  }

  /** Called when the last connection of a user on this node is gone. */
  private ended(key: string): void {
    this.index.remove(key);
    this.claims.left(key);
    this.paces.left(key);
  }

  // --- messages ---

  private received(envelope: Envelope): void {
    const { kind, node, number } = envelope;
    if (!KINDS.includes(kind)) throw new Error(`kind ${kind} is not for a user`);
    const { key, body } = fromAboutUser(envelope);
    const user = this.users.byKey.get(key);
    if (user === undefined || !this.context.directory.noteActivity(node)) return;
    // Decode first: the number of an invalid value must not make the following numbers out of date.
    const value = decodeBody<unknown>(body);
    if (!this.numbers.arrived(node, number).isNew) return;
    if (kind === KIND.claim) this.claims.received(key, user, node, value);
    else if (kind === KIND.ask) this.asked(key, user, envelope, value);
    else if (!this.paces.keeps(key, envelope)) this.took(key, user, envelope, value);
  }

  /** Delivers a message that waited for the connections of a user. */
  private tookLate(envelope: Envelope): void {
    const { key, body } = fromAboutUser(envelope);
    const user = this.users.byKey.get(key);
    if (user !== undefined) this.took(key, user, envelope, decodeBody(body));
  }

  private took(
    key: string,
    user: BoundUser<Principal>,
    envelope: Envelope,
    message: unknown,
  ): void {
    if ((envelope.flags & ANSWER) === 0) {
      writeToEach(user.sessions, ({ channel }) =>
        passedOver(channel, channel.writeAndFlush(message)),
      );
    } else {
      void this.deliverTo(user, message, TAKEN_WITHIN_MS).then((count) =>
        this.answer(envelope, count),
      );
    }
    this.paces.gave(key, user);
  }

  private asked(key: string, user: BoundUser<Principal>, from: Envelope, value: unknown): void {
    const ask = toUserAsk(value);
    if (ask.what === 'kick') this.kickHere(key, ask.reason ?? 'replaced');
    else this.answer(from, user.sessions.length);
  }

  private answer({ node, number }: Envelope, count: number): void {
    const note = { to: PART, about: String(number), ...{ count } };
    this.context.inbox.send(node, KIND.answer, note);
  }

  private publish(subject: string, key: string, kind: Kind, body: Body, flags: number): void {
    // One number line for all users, because a counter for each user would never be freed.
    this.context.wire.send(subject, kind, aboutUser(key, body), flags, PART);
  }

  /** Resolves with the number of connections that accepted the message. */
  private async deliverTo(
    { sessions }: BoundUser<Principal>,
    message: unknown,
    timeoutMs: number,
  ): Promise<number> {
    const futures = writeToEach(sessions, ({ channel }) => channel.writeAndFlush(message));
    await this.questions.wait(timeoutMs, [...futures.keys()].map(String), (question) => {
      for (const [i, future] of futures.entries()) {
        future.onSettled(() => question.answered(String(i), 1));
      }
    });
    return futures.filter(({ isSuccess }) => isSuccess).length;
  }

  private kickHere(key: string, reason: CloseReason): void {
    this.paces.deliverAll(key);
    for (const session of [...(this.users.byKey.get(key)?.sessions ?? [])]) {
      this.users.removeFrom(key, session);
      session.channel.end({ reason });
    }
  }

  private encode(message: unknown): Body {
    const body = encodeBody(message);
    checkBodyLength(body.body, this.context.wire.maxBodyBytes - USER_BYTES);
    return body;
  }
}
