import { EncodeError, TimedOutError } from '@headrace/core';
import { checkKind, toError } from '@headrace/core/authoring';
import type { JsonValue } from '@headrace/handlers';
import type { Cluster } from '../cluster/cluster.ts';
import {
  type CommandAnswer,
  type CommandOutcome,
  type ConnectionCommands,
  connectionCommands,
  failureError,
} from './connection-commands.ts';
import {
  type ConnectionInfo,
  type ConnectionPage,
  checkSessionLength,
} from './held-connections.ts';
import { checkJson, isPlain } from './json-check.ts';
import type { GatewayAttributes } from './worker-connection.ts';

/** The connections that a call is about: one, those of a user or of a group, or all. */
export type ConnectionTarget =
  | { readonly connection: string }
  | { readonly user: string }
  | { readonly group: string }
  | { readonly all: true };

/** The reach of one {@link RemoteConnections.publish}. */
export interface Published {
  /** How many connections the message was written to. */
  readonly connections: number;
  /** How many nodes have these connections. */
  readonly nodes: number;
}

/** The node of one connection, and which connections there. */
type Place = [node: string | undefined, where: object];

const ANSWER_MS = 2000;
const ID = /^([0-9a-f]{32}):([1-9]\d{0,14})$/;

/**
 * The connections of all gateways, from any node. The gateway that has a connection carries out the calls about it, in their
 * order. Groups, users and sessions live at the gateway, so none of them is lost when a worker ends. Groups and users that
 * handlers at the gateway made count as well. A connection that is gone, or whose gateway is gone, counts 0.
 *
 * All calls reject alike: with
 * `BUS_DOWN` at once while the bus is down, except for one connection of this node; with `TIMEOUT_REQUEST` if a gateway that is
 * there does not answer within 2 s; with `GATEWAY_FAILED` if a gateway fails at it and logs why. The `details` of the last two
 * have `gateways`, the node ids of those gateways, and `count`, the result of the others. These errors may be ignored; errors
 * about the arguments may not.
 */
export class RemoteConnections {
  private readonly commands: ConnectionCommands;

  /** @internal */
  constructor(commands: ConnectionCommands) {
    this.commands = commands;
  }

  /**
   * Sends a message, a text or a JSON value, and resolves with the number of connections it was written to. Rejects with
   * `MESSAGE_NOT_ENCODABLE` for bytes and other values that JSON does not carry, and with `MESSAGE_TOO_LONG`.
   *
   * @param except - ids of connections that do not get it
   */
  send(to: ConnectionTarget, message: JsonValue, except: readonly string[] = []): Promise<number> {
    return this.tell(to, { op: 'send', message, except }, () => checkMessage(message));
  }

  /** Sends a message as {@link send} does; resolves also with the number of nodes that took it. */
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

  /** Ends connections, after a last message if there is one. Resolves with how many. */
  close(to: ConnectionTarget, message?: JsonValue, reason = 'local'): Promise<number> {
    return this.tell(to, { op: 'close', message, reason }, () => {
      if (message !== undefined) checkMessage(message);
    });
  }

  /** Puts connections into a group. Resolves with how many. */
  join(to: ConnectionTarget, name: string): Promise<number> {
    return this.tell(to, { op: 'join', name }, () => checkName(name));
  }

  /** Takes connections out of a group; `leave({ group }, group)` takes out all. */
  leave(to: ConnectionTarget, name: string): Promise<number> {
    return this.tell(to, { op: 'leave', name }, () => checkName(name));
  }

  /** Binds connections to a user. */
  bind(to: ConnectionTarget, user: string): Promise<number> {
    return this.tell(to, { op: 'bind', name: user }, () => checkName(user));
  }

  /** Takes connections from a user. Resolves with how many. */
  unbind(to: ConnectionTarget, user: string): Promise<number> {
    return this.tell(to, { op: 'unbind', name: user }, () => checkName(user));
  }

  /** Replaces the session. It takes 64 KiB of JSON at most; above that rejects with `MESSAGE_TOO_LONG`. */
  setSession(to: ConnectionTarget, session: GatewayAttributes): Promise<number> {
    const command = { op: 'session', changes: session, isNew: true };
    return this.tell(to, command, () => checkSession(session));
  }

  /** Sets some members of the session, and keeps the others. Its limit is that of {@link setSession}. */
  updateSession(to: ConnectionTarget, changes: GatewayAttributes): Promise<number> {
    return this.tell(to, { op: 'session', changes }, () => checkSession(changes));
  }

  /** How many connections there are. Each gateway sends one number, where {@link list} carries all connections. */
  count(of: ConnectionTarget): Promise<number> {
    return this.tell(of, { op: 'count' });
  }

  /**
   * The connections, with their users, groups and sessions. They are fetched in pages of 256 KiB, each within 2 s, so connections
   * that open or close meanwhile may or may not be listed. This node holds the whole list.
   */
  list(of: ConnectionTarget): Promise<ConnectionInfo[]> {
    return this.ask(of, { op: 'list', after: 0 }, async (outcome, [, where]) => {
      checkOutcome(outcome);
      const lists = [...outcome.answers].map(([node, answer]) => this.pages(node, where, answer));
      return (await Promise.all(lists)).flat();
    });
  }

  /** What is in the first page and those that follow. */
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
      // Its gateway is gone, and its connections with it.
      if (answer === undefined) return [];
      page = toPage(node, answer);
    }
  }

  private tell(to: ConnectionTarget, command: object, check = () => {}): Promise<number> {
    return this.ask(to, command, (outcome) => checkOutcome(outcome), check);
  }

  /** @param check - throws what is wrong with the command */
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
      // It may be ignored: a gateway that is gone must not end the process of a worker.
      result.catch(() => {});
      return result;
    } catch (thrown) {
      return Promise.reject(toError(thrown));
    }
  }

  private place(to: ConnectionTarget): Place {
    if (!('connection' in to)) {
      const { user, group, all } = to as Record<string, unknown>;
      // A target without a name must not mean everybody.
      const isOne = all === true || [user, group].some((name) => typeof name === 'string' && name);
      checkKind('to', to, Boolean(isOne), 'a connection, a user, a group, or all: true');
      return [undefined, { user, group }];
    }
    const [, node, number] = ID.exec(to.connection) ?? [];
    checkKind('connection', to.connection, node !== undefined, 'the id of a connection');
    return [node, { ids: [Number(number)] }];
  }
}

/** The connections of all gateways of a cluster. */
export function connectionsOf(cluster: Cluster<never>): RemoteConnections {
  return new RemoteConnections(cluster.addition(connectionCommands));
}

/** The sum of what the gateways have done. @throws what one did not do */
function checkOutcome({ answers, missing }: CommandOutcome): number {
  let count = 0;
  for (const { value } of answers.values()) if (Number.isSafeInteger(value)) count += Number(value);
  for (const [gateway, { failure }] of answers) {
    if (failure !== undefined) throw failureError(gateway, failure, count);
  }
  if (missing.length === 0) return count;
  const gateways = missing.join(' ');
  const text = `gateways have not answered within ${ANSWER_MS} ms: ${gateways}`;
  throw new TimedOutError('TIMEOUT_REQUEST', text, { gateways, count, timeoutMs: ANSWER_MS });
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
