import { isDeepStrictEqual } from 'node:util';
import { isHeadraceError } from '@headrace/core';
import type { JsonValue } from '@headrace/rpc';
import type { ConnectionTarget, Published } from '../gateway/remote-connections.ts';
import type { RequestPeers } from '../gateway/request-peers.ts';
import { disconnectionIn, messagesIn, nameIn, publicationIn } from './api-body.ts';
import { type ApiAnswer, type ApiProblem, Refusal } from './api-error.ts';

/** The part of `connectionsOf(cluster)` that the API calls. */
export interface ApiConnections {
  /** Sends a message to connections. Resolves with the numbers of connections and nodes that the message reached. */
  publish(to: ConnectionTarget, message: JsonValue): Promise<Published>;
  /** Ends connections, after an optional last message. Resolves with the number of connections. */
  close(to: ConnectionTarget, message?: JsonValue): Promise<number>;
  count(of: ConnectionTarget): Promise<number>;
  /** The nodes that share idempotency keys. @default none: idempotency keys hold at this listener only */
  readonly peers?: RequestPeers | undefined;
}

/** The rules that the program sets. */
export interface ApiRules {
  readonly target: ((to: ConnectionTarget) => ConnectionTarget | ApiProblem) | undefined;
  readonly checkMessage: ((message: JsonValue) => ApiProblem | undefined) | undefined;
  readonly maxBatch: number;
}

/** The client of one request. */
export interface ApiCaller {
  /** Counts a number of further requests. @throws Refusal */
  charge(requests: number): void;
  /** @param to - the target in the client's request @throws Refusal */
  checkTarget(to: ConnectionTarget): void;
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
    const { to, message } = publicationIn(body);
    this.check(message);
    const { connections, nodes } = await this.reach(to, caller, (meant) =>
      this.connections.publish(meant, message),
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
      if (!isHeadraceError(error, 'OPTION_INVALID') || isDeepStrictEqual(meant, to)) throw error;
      throw new Error(`the option target gave a wrong one: ${error.message}`, { cause: error });
    }
  }

  private check(message: JsonValue): void {
    const problem = this.rules.checkMessage?.(message);
    if (problem !== undefined)
      throw new Refusal('WRONG_MESSAGE', problem.message, {}, problem.code);
  }

  private target(to: ConnectionTarget, caller: ApiCaller): ConnectionTarget {
    caller.checkTarget(to);
    const { target } = this.rules;
    const meant = target === undefined ? to : target(to);
    if (!('code' in meant)) return meant;
    throw new Refusal('WRONG_NAME', meant.message, {}, meant.code);
  }
}
