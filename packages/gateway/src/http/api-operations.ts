import { isDeepStrictEqual } from 'node:util';
import { type Channel, type HeadraceError, isHeadraceError } from '@headrace/core';
import type { LogPosition } from '@headrace/store';
import type { ConnectionInfo } from '../gateway/held-connections.ts';
import type {
  ConnectionMessage,
  ConnectionTarget,
  ListedConnections,
  Listening,
  Published,
} from '../gateway/remote-connections.ts';
import type { RequestPeers } from '../gateway/request-peers.ts';
import type { GatewayAttributes } from '../gateway/worker-connection.ts';
import {
  disconnectionIn,
  limitIn,
  membershipIn,
  messagesIn,
  nameIn,
  publicationIn,
  sessionIn,
} from './api-body.ts';
import { type ApiAnswer, type ApiProblem, Refusal } from './api-error.ts';
import { JoinedEvent } from './event-stream.ts';

/** The part of `connectionsOf(cluster)` that the API calls. Without an optional member, its requests are answered with 501. */
export interface ApiConnections {
  /**
   * Sends a message to connections. Resolves with the numbers of connections and nodes that the message reached.
   *
   * @param except - connections that do not receive the message. If the function does not declare this parameter, or declares it
   * with a default value, requests with `except` are answered with 501.
   */
  publish(
    to: ConnectionTarget,
    message: ConnectionMessage,
    except?: readonly ConnectionTarget[],
  ): Promise<Published>;
  /** Ends connections, after an optional last message. Resolves with the number of connections. */
  close(to: ConnectionTarget, message?: ConnectionMessage): Promise<number>;
  count(of: ConnectionTarget): Promise<number>;
  /** Adds connections to a group. Resolves with the number of connections, as the next five functions. */
  join?(to: ConnectionTarget, group: string): Promise<number>;
  leave?(to: ConnectionTarget, group: string): Promise<number>;
  bind?(to: ConnectionTarget, user: string): Promise<number>;
  unbind?(to: ConnectionTarget, user: string): Promise<number>;
  setSession?(to: ConnectionTarget, session: GatewayAttributes): Promise<number>;
  /** Sets some members of the session, and keeps the others. */
  updateSession?(to: ConnectionTarget, changes: GatewayAttributes): Promise<number>;
  /**
   * Lists connections. Rejects with `OPTION_INVALID` for an `after` that it did not return.
   *
   * @param limit - maximum number of connections
   * @param after - `next` of the part before
   */
  page?(of: ConnectionTarget, limit: number, after?: string): Promise<ListedConnections>;
  /**
   * Makes a channel a listener of a group. Rejects if the channel cannot become one.
   *
   * @param position - the position of the last message that the client has received
   * @param answer - makes the message between the missed messages and the first later message
   */
  listen?(
    group: string,
    channel: Channel,
    position: LogPosition | undefined,
    answer: (outcome: Listening) => unknown,
  ): Promise<void>;
  /** The nodes and the store that share idempotency keys. @default none: the keys are in the memory of this listener */
  readonly peers?: RequestPeers | undefined;
}

/** The rules that the program sets. */
export interface ApiRules {
  readonly target: ((to: ConnectionTarget) => ConnectionTarget | ApiProblem) | undefined;
  readonly checkMessage: ((message: ConnectionMessage) => ApiProblem | undefined) | undefined;
  readonly describe: ((connection: ConnectionInfo) => ConnectionInfo | undefined) | undefined;
  readonly maxBatch: number;
  readonly maxListed: number;
}

/** The client of one request. */
export interface ApiCaller {
  /** Counts a number of further requests. @throws Refusal */
  charge(requests: number): void;
  /** @param to - the target in the client's request @throws Refusal */
  checkTarget(to: ConnectionTarget): void;
  /** @param one - a target in the client's request that gets no message @throws Refusal */
  checkException(one: ConnectionTarget): void;
  /** Returns the groups that the client may see. */
  visible(groups: readonly string[]): readonly string[];
}

/** Carries out the operations of requests. */
export class ApiOperations {
  private readonly connections: ApiConnections;
  private readonly rules: ApiRules;
  private readonly failed: (error: unknown) => ApiAnswer;

  /** @param failed - a function that makes the answer for an error */
  constructor(connections: ApiConnections, rules: ApiRules, failed: (error: unknown) => ApiAnswer) {
    this.failed = failed;
    this.connections = connections;
    this.rules = rules;
  }

  async publish(body: unknown, caller: ApiCaller): Promise<object> {
    const { to, message, except } = publicationIn(body);
    this.check(message);
    if (except.length > 0 && this.connections.publish.length < 3) throw notOffered('except');
    for (const one of except) caller.checkException(one);
    const without = except.map((one) => this.mapped(one));
    const { connections, nodes } = await this.reach(to, caller, (meant) =>
      this.connections.publish(meant, message, without).catch((error: unknown) => {
        if (isAbout('except', error) && isDeepStrictEqual(without, except)) {
          throw new Refusal('WRONG_NAME', error.message);
        }
        throw error;
      }),
    );
    return { delivered: connections, nodes };
  }

  /** Publishes in the order of the list. Each message has its own result. */
  async batch(body: unknown, caller: ApiCaller): Promise<object> {
    const messages = messagesIn(body, this.rules.maxBatch);
    caller.charge(messages.length - 1);
    const results = messages.map((one) =>
      this.publish(one, caller).catch((error: unknown) => this.failed(error).value),
    );
    return { results: await Promise.all(results) };
  }

  async disconnect(body: unknown, caller: ApiCaller): Promise<object> {
    const { to, message } = disconnectionIn(body);
    if (message !== undefined) this.check(message);
    const close = (meant: ConnectionTarget) => this.connections.close(meant, message);
    return { closed: await this.reach(to, caller, close) };
  }

  /** Changes the groups or users of connections. The name, too, must be one that the client reaches. */
  async change(
    how: 'join' | 'leave' | 'bind' | 'unbind',
    body: unknown,
    caller: ApiCaller,
  ): Promise<object> {
    const kind = how === 'join' || how === 'leave' ? 'group' : 'user';
    const { to, name } = membershipIn(body, kind);
    const named = this.target({ [kind]: name } as unknown as ConnectionTarget, caller);
    const { [kind]: meantName } = named as Record<string, unknown>;
    if (typeof meantName !== 'string') {
      throw new Error(`the option target gave no ${kind} for a ${kind}`);
    }
    const change = async (meant: ConnectionTarget): Promise<number> => {
      const changed = this.connections[how]?.(meant, meantName);
      return (await changed) ?? refuse(how);
    };
    return { count: await this.reach(to, caller, change) };
  }

  async session(body: unknown, caller: ApiCaller): Promise<object> {
    const { to, session, isNew } = sessionIn(body);
    const how = isNew ? 'setSession' : 'updateSession';
    const set = async (meant: ConnectionTarget): Promise<number> => {
      return (await this.connections[how]?.(meant, session)) ?? refuse(how);
    };
    return { count: await this.reach(to, caller, set) };
  }

  /** Lists connections, in parts. */
  async list(of: ConnectionTarget, query: URLSearchParams, caller: ApiCaller): Promise<object> {
    const limit = limitIn(query.get('limit'), this.rules.maxListed);
    const after = query.get('after') ?? undefined;
    const page = async (meant: ConnectionTarget): Promise<ListedConnections> => {
      return (await this.connections.page?.(meant, limit, after)) ?? refuse('page');
    };
    const { count, connections, next } = await this.reach(of, caller, page);
    const { describe = (one) => one } = this.rules;
    const described = connections
      .map(describe)
      .filter((one) => one !== undefined)
      .map((one) => ({ ...one, groups: caller.visible(one.groups) }));
    return { count, connections: described, ...(next !== undefined && { next }) };
  }

  /** Returns a function that makes a channel a listener of the group in the query. */
  async listener(
    query: URLSearchParams,
    caller: ApiCaller,
  ): Promise<(channel: Channel, position: LogPosition | undefined) => Promise<void>> {
    const { connections } = this;
    const meant = this.target({ group: nameIn(query.get('group')) }, caller);
    if (connections.listen === undefined) throw notOffered('listen');
    if (!('group' in meant)) throw new Error('the option target gave no group for a group');
    const { group } = meant;
    return async (channel, position) => {
      await connections.listen?.(group, channel, position, (outcome) => new JoinedEvent(outcome));
    };
  }

  async all(caller: ApiCaller): Promise<object> {
    return { count: await this.count({ all: true }, caller) };
  }

  async group(name: unknown, caller: ApiCaller): Promise<object> {
    return { count: await this.count({ group: nameIn(name) }, caller) };
  }

  async user(name: unknown, caller: ApiCaller): Promise<object> {
    return { online: (await this.count({ user: nameIn(name) }, caller)) > 0 };
  }

  async connection(id: unknown, caller: ApiCaller): Promise<object> {
    return { online: (await this.count({ connection: nameIn(id) }, caller)) > 0 };
  }

  private count(of: ConnectionTarget, caller: ApiCaller): Promise<number> {
    return this.reach(of, caller, (meant) => this.connections.count(meant));
  }

  /** Carries out a call with the mapped target. An invalid target from the option `target` is not the fault of the request. */
  private async reach<T>(
    to: ConnectionTarget,
    caller: ApiCaller,
    call: (meant: ConnectionTarget) => Promise<T>,
  ): Promise<T> {
    const meant = this.target(to, caller);
    try {
      return await call(meant);
    } catch (error) {
      if (isAbout('after', error)) throw new Refusal('WRONG_PAGE', error.message);
      if (!isHeadraceError(error, 'OPTION_INVALID') || isDeepStrictEqual(meant, to)) throw error;
      throw new Error(`the option target gave a wrong one: ${error.message}`, { cause: error });
    }
  }

  private check(message: ConnectionMessage): void {
    const problem = this.rules.checkMessage?.(message);
    if (problem !== undefined)
      throw new Refusal('WRONG_MESSAGE', problem.message, {}, problem.code);
  }

  private target(to: ConnectionTarget, caller: ApiCaller): ConnectionTarget {
    caller.checkTarget(to);
    return this.mapped(to);
  }

  /** @throws Refusal of the option `target` */
  private mapped(to: ConnectionTarget): ConnectionTarget {
    const { target } = this.rules;
    const meant = target === undefined ? to : target(to);
    if (!('code' in meant)) return meant;
    throw new Refusal('WRONG_NAME', meant.message, {}, meant.code);
  }
}

/** Returns true for an error about an argument of a call. */
function isAbout(argument: string, error: unknown): error is HeadraceError {
  return isHeadraceError(error, 'OPTION_INVALID') && error.details['option'] === argument;
}

function notOffered(what: string): Refusal {
  return new Refusal('NOT_OFFERED', `the connections of this API do not offer ${what}`);
}

/** @throws Refusal */
function refuse(what: string): never {
  throw notOffered(what);
}
