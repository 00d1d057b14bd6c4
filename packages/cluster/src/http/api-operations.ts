import type { ConnectionTarget, Published } from '../gateway/remote-connections.ts';
import type { JsonValue } from '../gateway/worker-connection.ts';
import {
  disconnectionIn,
  messagesIn,
  nameIn,
  type Publication,
  publicationIn,
} from './api-body.ts';
import { type ApiAnswer, type ApiProblem, Refusal } from './api-error.ts';

/** The part of `connectionsOf(cluster)` that the API calls. */
export interface ApiConnections {
  publish(to: ConnectionTarget, message: JsonValue): Promise<Published>;
  close(to: ConnectionTarget, message?: JsonValue): Promise<number>;
  count(of: ConnectionTarget): Promise<number>;
}

/** Rules of the program. */
export interface ApiRules {
  readonly target: ((to: ConnectionTarget) => ConnectionTarget | ApiProblem) | undefined;
  readonly checkMessage: ((message: JsonValue) => ApiProblem | undefined) | undefined;
  readonly maxBatch: number;
}

/** Carries out what requests ask for. */
export class ApiOperations {
  private readonly connections: ApiConnections;
  private readonly rules: ApiRules;
  private readonly failed: (error: unknown) => ApiAnswer;

  /** @param failed - the answer for an error */
  constructor(connections: ApiConnections, rules: ApiRules, failed: (error: unknown) => ApiAnswer) {
    this.failed = failed;
    this.connections = connections;
    this.rules = rules;
  }

  async publish(body: unknown): Promise<object> {
    const { to, message } = this.allowed(publicationIn(body));
    const { connections, nodes } = await this.connections.publish(to, message);
    return { delivered: connections, nodes };
  }

  /**
   * Publishes in the order of the list; each message has its own result.
   *
   * @param charge - counts so many requests more, or throws
   */
  async batch(body: unknown, charge: (requests: number) => void): Promise<object> {
    const messages = messagesIn(body, this.rules.maxBatch);
    charge(messages.length - 1);
    const results = messages.map((one) =>
      this.publish(one).catch((error: unknown) => this.failed(error).value),
    );
    return { results: await Promise.all(results) };
  }

  async disconnect(body: unknown): Promise<object> {
    const { to, message } = disconnectionIn(body);
    if (message !== undefined) this.check(message);
    return { closed: await this.connections.close(this.target(to), message) };
  }

  async group(name: unknown): Promise<object> {
    return { count: await this.count({ group: nameIn(name) }) };
  }

  async user(name: unknown): Promise<object> {
    return { online: (await this.count({ user: nameIn(name) })) > 0 };
  }

  async connection(id: unknown): Promise<object> {
    return { online: (await this.count({ connection: nameIn(id) })) > 0 };
  }

  private count(of: ConnectionTarget): Promise<number> {
    return this.connections.count(this.target(of));
  }

  private allowed({ to, message }: Publication): Publication {
    this.check(message);
    return { to: this.target(to), message };
  }

  private check(message: JsonValue): void {
    const problem = this.rules.checkMessage?.(message);
    if (problem !== undefined)
      throw new Refusal('WRONG_MESSAGE', problem.message, {}, problem.code);
  }

  private target(to: ConnectionTarget): ConnectionTarget {
    const { target } = this.rules;
    const meant = target === undefined ? to : target(to);
    if (!('code' in meant)) return meant;
    throw new Refusal('WRONG_NAME', meant.message, {}, meant.code);
  }
}
