import { request } from 'node:http';
import { checkKind } from '@headrace/core/authoring';
import { VirtualClock } from '@headrace/core/testing';
import type { ConnectionTarget, JsonValue, ListedConnections } from '@headrace/gateway';
import { type ClusterApiOptions, clusterApi } from '@headrace/gateway/http';
import { type LimitedHttpServer, limitedHttpServer } from '@headrace/handlers/health';
import { afterEach } from 'vitest';

export const KEY = 'open-sesame';

const running: LimitedHttpServer[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
});

/** An answer, with what is most often asked about it. */
export interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any shape
  readonly value: any;
  readonly headers: Headers;
}

/** Connections that note what is said to them. Each call reaches 3 connections at 2 nodes, until `fail` is set. */
export class NotedConnections {
  readonly noted: [what: string, to: ConnectionTarget, ...more: unknown[]][] = [];
  fail: (() => unknown) | undefined = undefined;

  async publish(to: ConnectionTarget, message: JsonValue, except?: readonly ConnectionTarget[]) {
    this.noted.push(['publish', to, message, ...(except?.length ? [except] : [])]);
    await this.fail?.();
    return { connections: 3, nodes: 2 };
  }

  join(to: ConnectionTarget, group: string) {
    return this.changed('join', to, group);
  }

  leave(to: ConnectionTarget, group: string) {
    return this.changed('leave', to, group);
  }

  bind(to: ConnectionTarget, user: string) {
    return this.changed('bind', to, user);
  }

  unbind(to: ConnectionTarget, user: string) {
    return this.changed('unbind', to, user);
  }

  setSession(to: ConnectionTarget, session: object) {
    return this.changed('setSession', to, session);
  }

  updateSession(to: ConnectionTarget, changes: object) {
    return this.changed('updateSession', to, changes);
  }

  async page(to: ConnectionTarget, limit: number, after?: string): Promise<ListedConnections> {
    await this.changed('page', to, limit, after);
    checkKind('after', after, after === undefined || /^\d+$/.test(after), 'a number');
    const first = Number(after ?? 0) + 1;
    const numbers = [1, 2, 3].filter((number) => number >= first).slice(0, limit);
    const last = numbers.at(-1) ?? 3;
    const connections = numbers.map((number) => ({
      id: `node:${number}`,
      users: ['ann'],
      groups: ['shop.1', 'other'],
      session: { number },
    }));
    return { count: 3, connections, next: last < 3 ? String(last) : undefined };
  }

  async close(to: ConnectionTarget, message?: JsonValue) {
    this.noted.push(['close', to, message]);
    await this.fail?.();
    return 3;
  }

  private async changed(what: string, to: ConnectionTarget, ...more: unknown[]) {
    this.noted.push([what, to, ...more.filter((one) => one !== undefined)]);
    await this.fail?.();
    return 3;
  }

  async count(to: ConnectionTarget) {
    this.noted.push(['count', to]);
    await this.fail?.();
    return 3;
  }
}

/** A server with the API, on a port of its own and with a clock that stands. */
export async function apiWorld(options: Partial<ClusterApiOptions> = {}) {
  const connections = new NotedConnections();
  const clock = new VirtualClock();
  const lines: string[] = [];
  const logger = {
    log: (_level: string, text: string, error?: Error) =>
      void lines.push(`${text}: ${error?.message}`),
  };
  const api = clusterApi({ connections, keys: [KEY], clock, logger, ...options });
  const limits = { maxConnections: 100, requestTimeoutMs: 5000, keepAliveMs: 5000 };
  const server = await limitedHttpServer(api, { host: '127.0.0.1', port: 0, ...limits });
  running.push(server);
  const { port } = server;
  const ask = async (path: string, init: RequestInit = {}, key = KEY): Promise<Answer> => {
    const headers = { authorization: `Bearer ${key}`, ...init.headers };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers });
    const { status } = response;
    const value = (await response.json()) as Answer['value'];
    return { status, value, code: value.error?.code, headers: response.headers };
  };
  const post = (path: string, body: unknown, headers: Record<string, string> = {}, key = KEY) => {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const text = isRaw ? (body as string) : JSON.stringify(body);
    return ask(path, { method: 'POST', body: text, headers }, key);
  };
  /** A request whose body is written by hand. */
  const open = (path: string, headers: Record<string, string> = {}) =>
    request({
      host: '127.0.0.1',
      port,
      path,
      method: 'POST',
      headers: { authorization: `Bearer ${KEY}`, ...headers },
    });
  return { connections, noted: connections.noted, clock, lines, port, ask, post, open };
}
