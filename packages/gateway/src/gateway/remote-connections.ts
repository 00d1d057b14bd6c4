import type { Cluster } from '@headrace/cluster';
import {
  type CommandAnswer,
  type CommandOutcome,
  commandsOf,
  groupsOf,
  type NodeCommands,
  portOf,
} from '@headrace/cluster/authoring';
import { type Channel, ChannelError, EncodeError, TimedOutError } from '@headrace/core';
import { checkKind, isJsonObject, notJson, toBuffer, toError } from '@headrace/core/authoring';
import type { JsonValue } from '@headrace/rpc';
import type { LogPosition } from '@headrace/store';
import { GATEWAY_ERRORS } from './gateway-errors.ts';
import {
  type ConnectionInfo,
  type ConnectionPage,
  checkSessionLength,
  type HeldConnections,
  heldOf,
} from './held-connections.ts';
import { ClusterPeers, type RequestPeers } from './request-peers.ts';
import type { GatewayAttributes } from './worker-connection.ts';

/** Selects the connections of a call: one, those of a user or a group, or all. */
export type ConnectionTarget =
  | { readonly connection: string }
  | { readonly user: string }
  | { readonly group: string }
  | { readonly all: true };

/** A message to connections: a text or another JSON value except null, or bytes, which the pipeline receives as one Buffer. */
export type ConnectionMessage = JsonValue | Uint8Array;

/** Counts of one {@link RemoteConnections.publish}. */
export interface Published {
  /** The number of connections that the message was written to. */
  readonly connections: number;
  /** The number of nodes that have these connections. */
  readonly nodes: number;
}

/** A part of the list of connections, in the order of their ids. */
export interface ListedConnections {
  /** The number of connections in the whole list. */
  readonly count: number;
  readonly connections: readonly ConnectionInfo[];
  /** The id after which the list continues, or undefined at the end of the list. */
  readonly next: string | undefined;
}

/** How a listener became a member of a group. */
export interface Listening {
  /** True if no message is missing between the given position and the next message. */
  readonly recovered: boolean;
  /** The position from which on the listener receives messages, in a durable group. */
  readonly position?: LogPosition | undefined;
}

/** A durable group of this node. */
interface GroupWithHistory {
  readonly history: {
    join(
      channel: Channel,
      position: LogPosition | undefined,
      options: { readonly answer: (outcome: Listening) => unknown },
    ): Promise<unknown>;
  };
}

/** The node of one connection, and the selection on that node. */
type Place = [node: string | undefined, where: object];

const ANSWER_MS = 2000;
const ID = /^([0-9a-f]{32}):([1-9]\d{0,14})$/;
const IS_ID = 'the id of a connection';
/** Maximum number of a gateway's pages in one part of a list, so that the part has at most 1 MiB. */
const MAX_PAGES = 4;

/**
 * The connections of all gateways, from any node. The gateway of a connection carries out the calls about it, in order. Groups,
 * users and sessions live at the gateway, so a worker's end does not affect them. Groups and users that handlers at the gateway
 * made are included. A connection that is gone, or whose gateway is gone, counts 0.
 *
 * All calls reject with the same errors:
 *
 * - `BUS_DOWN` at once while the bus is down, except for one connection of this node. Nothing was sent then.
 * - `TIMEOUT_REQUEST` if a running gateway does not answer within 2 s, or if the bus goes down after the call was sent and not all
 *   gateways are known. These gateways may have carried out the call.
 * - `GATEWAY_FAILED` if a gateway fails to carry out the call. The gateway logs the cause.
 *
 * The `details` of the last two contain `gateways`, the node ids of those gateways, and `count`, the result of the others. You
 * may leave these errors unhandled, but not errors about the arguments.
 */
export class RemoteConnections {
  private readonly cluster: Cluster<never>;
  private readonly commands: NodeCommands;
  private readonly listeners = new Set<Channel>();
  /** Whether this node carries out commands about its listeners. A node that has had listeners does until it leaves. */
  private isServing = false;

  /** @internal */
  constructor(cluster: Cluster<never>) {
    this.cluster = cluster;
    this.commands = commandsOf(cluster);
  }

  /** The nodes with an HTTP API, and the store in which they share their idempotency keys. */
  get peers(): RequestPeers {
    return new ClusterPeers(this.cluster);
  }

  /**
   * Sends a message and resolves with the number of connections it was written to. Rejects with `MESSAGE_NOT_ENCODABLE` for a
   * value that JSON cannot represent, such as bytes inside an object, and with `MESSAGE_TOO_LONG`. Bytes take four thirds of their
   * length on the bus.
   *
   * @param except - connections that do not receive the message: a text is the id of one
   */
  send(
    to: ConnectionTarget,
    message: ConnectionMessage,
    except: readonly (string | ConnectionTarget)[] = [],
  ): Promise<number> {
    return this.tell(to, toSend(message, except), () => checkSend(message, except));
  }

  /** Sends a message like {@link send}. Also resolves with the number of nodes of these connections. */
  publish(
    to: ConnectionTarget,
    message: ConnectionMessage,
    except?: readonly (string | ConnectionTarget)[],
  ): Promise<Published> {
    const read = (outcome: CommandOutcome): Published => {
      const connections = checkOutcome(outcome);
      const counts = [...outcome.answers.values()].map(({ value }) => Number(value));
      return { connections, nodes: counts.filter((count) => count > 0).length };
    };
    return this.ask(to, toSend(message, except), read, () => checkSend(message, except));
  }

  /** Ends connections, after an optional last message. Resolves with the number of connections. */
  close(to: ConnectionTarget, message?: ConnectionMessage, reason = 'local'): Promise<number> {
    return this.tell(to, { ...withMessage('close', message), reason }, () => {
      if (message !== undefined) checkMessage(message);
    });
  }

  /** Adds connections to a group. Resolves with the number of connections. */
  join(to: ConnectionTarget, name: string): Promise<number> {
    return this.tell(to, { op: 'join', name }, () => checkName(name));
  }

  /** Removes connections from a group. `leave({ group }, group)` removes all connections of the group. */
  leave(to: ConnectionTarget, name: string): Promise<number> {
    return this.tell(to, { op: 'leave', name }, () => checkName(name));
  }

  /** Binds connections to a user. Resolves with the number of connections. */
  bind(to: ConnectionTarget, user: string): Promise<number> {
    return this.tell(to, { op: 'bind', name: user }, () => checkName(user));
  }

  /** Unbinds connections from a user. Resolves with the number of connections. */
  unbind(to: ConnectionTarget, user: string): Promise<number> {
    return this.tell(to, { op: 'unbind', name: user }, () => checkName(user));
  }

  /** Replaces the session. Rejects with `MESSAGE_TOO_LONG` above 64 KiB of JSON. */
  setSession(to: ConnectionTarget, session: GatewayAttributes): Promise<number> {
    const command = { op: 'session', changes: session, isNew: true };
    return this.tell(to, command, () => checkSession(session));
  }

  /** Sets some members of the session, and keeps the other members. The limit of {@link setSession} applies. */
  updateSession(to: ConnectionTarget, changes: GatewayAttributes): Promise<number> {
    return this.tell(to, { op: 'session', changes }, () => checkSession(changes));
  }

  /** Resolves with the number of connections. Each gateway sends only a number, unlike for {@link list}. */
  count(of: ConnectionTarget): Promise<number> {
    return this.tell(of, { op: 'count' });
  }

  /**
   * Resolves with the connections, their users, groups and sessions. The list arrives in pages of 256 KiB, each within 2 s.
   * Connections that open or close meanwhile can be missing or included. This node holds the whole list.
   */
  list(of: ConnectionTarget): Promise<ConnectionInfo[]> {
    return this.ask(of, { op: 'list', after: 0 }, async (outcome, [, where]) => {
      checkOutcome(outcome);
      const lists = [...outcome.answers].map(([node, answer]) => this.pages(node, where, answer));
      return (await Promise.all(lists)).flat();
    });
  }

  /**
   * Resolves with a part of {@link list}, in the order of the ids. A part has about 1 MiB at most. Connections that open or close
   * between two parts can be missing or included. Rejects with `OPTION_INVALID` for an `after` that is not an id.
   *
   * @param limit - maximum number of connections in the part, at least 1
   * @param after - `next` of the part before. Without it, the part is the first one
   */
  page(of: ConnectionTarget, limit: number, after?: string): Promise<ListedConnections> {
    try {
      if (after !== undefined) checkKind('after', after, ID.test(after), IS_ID);
      const [, where] = placeOf(of);
      const part = this.part(of, where, limit, after);
      part.catch(() => {});
      return part;
    } catch (thrown) {
      return Promise.reject(toError(thrown));
    }
  }

  private async part(
    of: ConnectionTarget,
    where: object,
    limit: number,
    after = '',
  ): Promise<ListedConnections> {
    const [, first = '', number = '0'] = ID.exec(after) ?? [];
    const { count, nodes } = await this.ask(of, { op: 'count' }, (outcome) => {
      return { count: checkOutcome(outcome), nodes: outcome.answers };
    });
    const connections: ConnectionInfo[] = [];
    let pages = 0;
    for (const [node, { value }] of [...nodes].sort(byNode)) {
      if (node < first || value === 0) continue;
      let from: number | undefined = node === first ? Number(number) : 0;
      while (from !== undefined) {
        const rest = limit - connections.length;
        if (rest <= 0 || pages === MAX_PAGES) {
          return { count, connections, next: connections.at(-1)!.id };
        }
        const page: ConnectionPage = await this.pageAfter(node, where, from, rest);
        connections.push(...page.connections);
        if (page.connections.length > 0) pages += 1;
        from = page.next;
      }
    }
    return { count, connections, next: undefined };
  }

  /**
   * Makes a channel of this node a connection and a member of a group. It receives the messages to the group, and to all
   * connections, also those that are sent to the group as a `cluster.group`. If this node has made a durable group of this name,
   * the channel first receives the messages after its position. Rejects with the errors of the history of the durable group.
   *
   * @param position - the position of the last message that the channel has received, in a durable group
   * @param answer - makes the message between the missed messages and the first later message
   */
  async listen(
    group: string,
    channel: Channel,
    position: LogPosition | undefined,
    answer: (outcome: Listening) => unknown,
  ): Promise<void> {
    checkName(group);
    const groups = groupsOf(this.cluster);
    const known = groups.known(group) as Partial<GroupWithHistory> | undefined;
    if (known?.history === undefined) {
      channel.writeAndFlush(answer({ recovered: false }));
      groups.joined(group).add(channel);
    } else await known.history.join(channel, position, { answer });
    const held = heldOf(this.cluster);
    this.serveListeners(held);
    this.listeners.add(channel);
    channel.onClosed(() => this.listeners.delete(channel));
    channel.pipeline.addLast({ handlerAdded: (ctx) => held.add(held.number(), ctx) });
  }

  private serveListeners(held: HeldConnections): void {
    if (this.isServing) return;
    this.isServing = true;
    held.serve();
    portOf(this.cluster).listen({
      received: () => {},
      peersChanged: () => {},
      busChanged: () => {},
      leaving: async () => {
        for (const channel of this.listeners) channel.end({ reason: 'shutdown' });
      },
    });
  }

  /** Collects the first page and the following pages. */
  private async pages(
    node: string,
    where: object,
    first: CommandAnswer,
  ): Promise<readonly ConnectionInfo[]> {
    const all: ConnectionInfo[] = [];
    let page = toPage(node, first);
    for (;;) {
      all.push(...page.connections);
      const { next: after } = page;
      if (after === undefined) return all;
      page = await this.pageAfter(node, where, after);
    }
  }

  private async pageAfter(
    node: string,
    where: object,
    after: number,
    limit?: number,
  ): Promise<ConnectionPage> {
    const command = { op: 'list', ...where, after, limit };
    const outcome = await this.commands.send(node, command, ANSWER_MS);
    checkOutcome(outcome);
    const answer = outcome.answers.get(node);
    // The gateway is gone, and its connections with it.
    return answer === undefined ? { connections: [], next: undefined } : toPage(node, answer);
  }

  private tell(to: ConnectionTarget, command: object, check = () => {}): Promise<number> {
    return this.ask(to, command, (outcome) => checkOutcome(outcome), check);
  }

  /** @param check - a function that throws if the command is not valid */
  private ask<T>(
    to: ConnectionTarget,
    command: object,
    read: (outcome: CommandOutcome, place: Place) => T | Promise<T>,
    check = () => {},
  ): Promise<T> {
    try {
      check();
      const place = placeOf(to);
      const [node, where] = place;
      const outcome = this.commands.send(node, { ...where, ...command }, ANSWER_MS);
      const result = outcome.then((answers) => read(answers, place));
      // The result may be ignored, because a lost gateway must not end the process of a worker.
      result.catch(() => {});
      return result;
    } catch (thrown) {
      return Promise.reject(toError(thrown));
    }
  }
}

/** Returns the connections of all gateways of a cluster. */
export function connectionsOf(cluster: Cluster<never>): RemoteConnections {
  return new RemoteConnections(cluster);
}

/**
 * Makes an error from the failure of a gateway.
 *
 * @param others - other gateways that failed or did not answer
 */
function failureError(
  gateway: string,
  { isTooLong, text }: NonNullable<CommandAnswer['failure']>,
  count: number,
  others: readonly string[] = [],
): Error {
  const gateways = [gateway, ...others].join(' ');
  if (isTooLong) return new EncodeError('MESSAGE_TOO_LONG', text, { gateways, count });
  const failed = `the gateway ${gateway} failed at a command about its connections: ${text}`;
  return new ChannelError(GATEWAY_ERRORS.GATEWAY_FAILED, failed, { gateways, count });
}

/** Returns the sum of the gateways' counts. @throws the failure or the missing answer of a gateway */
function checkOutcome({ answers, missing, isUncertain }: CommandOutcome): number {
  let count = 0;
  for (const { value } of answers.values()) if (Number.isSafeInteger(value)) count += Number(value);
  const failures = [...answers].filter(([, { failure }]) => failure !== undefined);
  const [first] = failures;
  if (first?.[1].failure !== undefined) {
    const others = [...failures.slice(1).map(([gateway]) => gateway), ...missing];
    throw failureError(first[0], first[1].failure, count, others);
  }
  if (missing.length === 0 && !isUncertain) return count;
  const gateways = missing.join(' ');
  const text = isUncertain
    ? 'the bus went down after the command was sent, so that gateways may have carried it out'
    : `gateways have not answered within ${ANSWER_MS} ms: ${gateways}`;
  const details = { gateways, count, timeoutMs: ANSWER_MS, sent: true };
  throw new TimedOutError('TIMEOUT_REQUEST', text, details);
}

/** @throws ChannelError `GATEWAY_FAILED` */
function toPage(gateway: string, { value }: CommandAnswer): ConnectionPage {
  const { connections, next } = (value ?? {}) as Partial<ConnectionPage>;
  if (!Array.isArray(connections)) {
    throw failureError(gateway, { isTooLong: false, text: 'its answer is not a list' }, 0);
  }
  return { connections, next };
}

/** @throws OptionError */
function placeOf(to: ConnectionTarget): Place {
  if (!('connection' in to)) {
    const { user, group, all } = to as Record<string, unknown>;
    // A target without a name must not select all connections.
    const isAll = all === true;
    const isOne = isAll || [user, group].some((name) => typeof name === 'string' && name);
    checkKind('to', to, Boolean(isOne), 'a connection, a user, a group, or all: true');
    return [undefined, isAll ? { all } : { user, group }];
  }
  const [, node, number] = ID.exec(to.connection) ?? [];
  checkKind('connection', to.connection, node !== undefined, IS_ID);
  return [node, { ids: [Number(number)] }];
}

function byNode([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

/** An operation of its own, so that a gateway that knows no bytes refuses it, and does not write their text. */
function withMessage(op: 'send' | 'close', message: ConnectionMessage | undefined): object {
  if (!(message instanceof Uint8Array)) return { op, message };
  return { op: `${op}-bytes`, message: toBuffer(message).toString('base64') };
}

function toSend(
  message: ConnectionMessage,
  except: readonly (string | ConnectionTarget)[] = [],
): object {
  const named = except.map((one) =>
    typeof one === 'object' && 'connection' in one ? one.connection : one,
  );
  return { ...withMessage('send', message), except: named };
}

/** @throws EncodeError `MESSAGE_NOT_ENCODABLE` @throws OptionError */
function checkSend(message: unknown, except: readonly (string | ConnectionTarget)[] = []): void {
  checkMessage(message);
  for (const one of except) checkException(one);
}

/** @throws OptionError */
function checkException(one: string | ConnectionTarget): void {
  const id = typeof one === 'object' && 'connection' in one ? one.connection : one;
  if (typeof id === 'string') checkKind('except', id, ID.test(id), IS_ID);
  else placeOf(id);
}

function checkName(name: string): void {
  checkKind('name', name, typeof name === 'string' && name !== '', 'a text');
}

/** @throws EncodeError `MESSAGE_NOT_ENCODABLE` */
function checkMessage(message: unknown): void {
  if (message === null || message === undefined) {
    const text = `a message cannot be ${String(message)}`;
    throw new EncodeError('MESSAGE_NOT_ENCODABLE', text);
  }
  if (!(message instanceof Uint8Array)) checkJson(message, 'a message to connections');
}

/** @throws EncodeError `MESSAGE_NOT_ENCODABLE` */
function checkJson(value: unknown, what: string): void {
  const wrong = notJson(value);
  if (wrong === undefined) return;
  const text = `${what} has ${wrong.what}, which JSON does not carry; bytes are a message of their own, or a text such as base64`;
  throw new EncodeError('MESSAGE_NOT_ENCODABLE', text);
}

/** @throws EncodeError `MESSAGE_NOT_ENCODABLE`, `MESSAGE_TOO_LONG` */
function checkSession(session: GatewayAttributes): void {
  checkKind('session', session, isJsonObject(session), 'an object');
  checkJson(session, 'the session of a connection');
  checkSessionLength(session);
}
