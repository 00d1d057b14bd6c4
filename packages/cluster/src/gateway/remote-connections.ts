import { checkKind } from '@headrace/core/authoring';
import type { Cluster } from '../cluster/cluster.ts';
import { type ConnectionCommands, connectionCommands } from './connection-commands.ts';
import type { GatewayAttributes, JsonValue } from './worker-connection.ts';

/** The connections that something is for: one, those of a user or of a group, or all. */
export type ConnectionTarget =
  | { readonly connection: string }
  | { readonly user: string }
  | { readonly group: string }
  | { readonly all: true };

/** A connection, as its gateway knows it. */
export interface ConnectionInfo {
  readonly id: string;
  readonly users: readonly string[];
  /** The groups that workers put it into. */
  readonly groups: readonly string[];
  readonly session: GatewayAttributes;
}

const ANSWER_MS = 2000;
const ID = /^([0-9a-f]{32}):([1-9]\d{0,14})$/;

/**
 * The connections of all gateways, from any node: what a worker says of them is carried out by the gateway that has them,
 * in the order in which it was said. Groups, users and sessions live there, so the end of a worker loses none of them.
 * An id of a connection that is gone, or of a gateway that is gone, is no connection: counts are 0, answers undefined.
 */
export class RemoteConnections {
  private readonly commands: ConnectionCommands;

  /** @internal */
  constructor(commands: ConnectionCommands) {
    this.commands = commands;
  }

  /**
   * Sends a message, a text or something that JSON can say, and resolves with how many connections got it.
   *
   * @param except - ids of connections that do not get it
   */
  send(to: ConnectionTarget, message: JsonValue, except: readonly string[] = []): Promise<number> {
    return this.count(to, { op: 'send', message, except });
  }

  /** Ends connections, after a last message if there is one. Resolves with how many. */
  close(to: ConnectionTarget, message?: JsonValue, reason = 'local'): Promise<number> {
    return this.count(to, { op: 'close', message, reason });
  }

  /** Puts connections into a group. Resolves with how many. */
  join(to: ConnectionTarget, name: string): Promise<number> {
    return this.count(to, { op: 'join', name: checkName(name) });
  }

  /** Takes connections out of a group; `leave({ group }, group)` takes out all. */
  leave(to: ConnectionTarget, name: string): Promise<number> {
    return this.count(to, { op: 'leave', name: checkName(name) });
  }

  /** The connections belong to a user from now on. */
  bind(to: ConnectionTarget, user: string): Promise<number> {
    return this.count(to, { op: 'bind', name: checkName(user) });
  }

  unbind(to: ConnectionTarget, user: string): Promise<number> {
    return this.count(to, { op: 'unbind', name: checkName(user) });
  }

  /** Replaces the session. */
  setSession(to: ConnectionTarget, session: GatewayAttributes): Promise<number> {
    return this.count(to, { op: 'session', changes: session, isNew: true });
  }

  /** Sets some members of the session, and keeps the others. */
  updateSession(to: ConnectionTarget, changes: GatewayAttributes): Promise<number> {
    return this.count(to, { op: 'session', changes });
  }

  /** The connections, with their users, groups and sessions. */
  async list(of: ConnectionTarget): Promise<ConnectionInfo[]> {
    const [node, where] = this.place(of);
    const answers = await this.commands.ask(node, { op: 'list', ...where }, ANSWER_MS);
    return answers.flatMap((answer) => (Array.isArray(answer) ? answer : []));
  }

  private async count(to: ConnectionTarget, command: object): Promise<number> {
    const [node, where] = this.place(to);
    let sum = 0;
    for (const answer of await this.commands.ask(node, { ...where, ...command }, ANSWER_MS)) {
      if (Number.isSafeInteger(answer)) sum += answer as number;
    }
    return sum;
  }

  private place(to: ConnectionTarget): [string | undefined, object] {
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

function checkName(name: string): string {
  return checkKind('name', name, typeof name === 'string' && name !== '', 'a text');
}
