import { CLUSTER_ERRORS, type Cluster } from '@headrace/cluster';
import {
  type CommandAnswer,
  type CommandOutcome,
  commandsOf,
  type NodeCommands,
} from '@headrace/cluster/authoring';
import { ChannelError, EncodeError, TimedOutError } from '@headrace/core';
import { checkKind, toError } from '@headrace/core/authoring';
import type { JsonValue } from '@headrace/rpc';
import {
  type ConnectionInfo,
  type ConnectionPage,
  checkSessionLength,
} from './held-connections.ts';
import { checkJson, isPlain } from './json-check.ts';
import { ClusterPeers, type RequestPeers } from './request-peers.ts';
import type { GatewayAttributes } from './worker-connection.ts';

/** Selects the connections of a call: one, those of a user or a group, or all. */
export type ConnectionTarget =
  | { readonly connection: string }
  | { readonly user: string }
  | { readonly group: string }
  | { readonly all: true };

/** Counts of one {@link RemoteConnections.publish}. */
export interface Published {
  /** The number of connections that the message was written to. */
  readonly connections: number;
  /** The number of nodes that have these connections. */
  readonly nodes: number;
}

/** The node of one connection, and the selection on that node. */
type Place = [node: string | undefined, where: object];

const ANSWER_MS = 2000;
const ID = /^([0-9a-f]{32}):([1-9]\d{0,14})$/;

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

  /** @internal */
  constructor(cluster: Cluster<never>) {
    this.cluster = cluster;
    this.commands = commandsOf(cluster);
  }

  /** The nodes with an HTTP API. They share their idempotency keys. */
  get peers(): RequestPeers {
    return new ClusterPeers(this.cluster);
  }

  /**
   * Sends a message, a text or a JSON value, and resolves with the number of connections it was written to. Rejects with
   * `MESSAGE_NOT_ENCODABLE` for a value that JSON cannot represent, such as bytes, and with `MESSAGE_TOO_LONG`.
   *
   * @param except - ids of connections that do not receive the message
   */
  send(to: ConnectionTarget, message: JsonValue, except: readonly string[] = []): Promise<number> {
    return this.tell(to, { op: 'send', message, except }, () => checkMessage(message));
  }

  /** Sends a message like {@link send}. Also resolves with the number of nodes of these connections. */
  publish(
    to: ConnectionTarget,
    message: JsonValue,
    except: readonly string[] = [],
  ): Promise<Published> {
    const read = (outcome: CommandOutcome): Published => {
      const connections = checkOutcome(outcome);
      const counts = [...outcome.answers.values()].map(({ value }) => Number(value));
      return { connections, nodes: counts.filter((count) => count > 0).length };
    };
    return this.ask(to, { op: 'send', message, except }, read, () => checkMessage(message));
  }

  /** Ends connections, after an optional last message. Resolves with the number of connections. */
  close(to: ConnectionTarget, message?: JsonValue, reason = 'local'): Promise<number> {
    return this.tell(to, { op: 'close', message, reason }, () => {
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
      const command = { op: 'list', ...where, after };
      const outcome = await this.commands.send(node, command, ANSWER_MS).outcome;
      checkOutcome(outcome);
      const answer = outcome.answers.get(node);
      // The gateway is gone, and its connections with it.
      if (answer === undefined) return [];
      page = toPage(node, answer);
    }
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
      const place = this.place(to);
      const [node, where] = place;
      const { outcome } = this.commands.send(node, { ...where, ...command }, ANSWER_MS);
      const result = outcome.then((answers) => read(answers, place));
      // The result may be ignored, because a lost gateway must not end the process of a worker.
      result.catch(() => {});
      return result;
    } catch (thrown) {
      return Promise.reject(toError(thrown));
    }
  }

  private place(to: ConnectionTarget): Place {
    if (!('connection' in to)) {
      const { user, group, all } = to as Record<string, unknown>;
      // A target without a name must not select all connections.
      const isAll = all === true;
      const isOne = isAll || [user, group].some((name) => typeof name === 'string' && name);
      checkKind('to', to, Boolean(isOne), 'a connection, a user, a group, or all: true');
      return [undefined, isAll ? { all } : { user, group }];
    }
    const [, node, number] = ID.exec(to.connection) ?? [];
    checkKind('connection', to.connection, node !== undefined, 'the id of a connection');
    return [node, { ids: [Number(number)] }];
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
  return new ChannelError(CLUSTER_ERRORS.GATEWAY_FAILED, failed, { gateways, count });
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

function checkName(name: string): void {
  checkKind('name', name, typeof name === 'string' && name !== '', 'a text');
}

/** @throws EncodeError `MESSAGE_NOT_ENCODABLE` */
function checkMessage(message: unknown): void {
  if (message === null || message === undefined) {
    const text = `a message cannot be ${String(message)}`;
    throw new EncodeError('MESSAGE_NOT_ENCODABLE', text);
  }
  checkJson(message, 'a message to connections');
}

/** @throws EncodeError `MESSAGE_NOT_ENCODABLE`, `MESSAGE_TOO_LONG` */
function checkSession(session: GatewayAttributes): void {
  checkKind('session', session, isPlain(session), 'an object');
  checkJson(session, 'the session of a connection');
  checkSessionLength(session);
}
