import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConnectionTarget, RemoteConnections } from '@headrace/cluster/gateway';
import { HeadraceError } from '@headrace/core';
import { secretsEqual } from '@headrace/handlers';
import { type LimitedHttpServer, limitedHttpServer } from '@headrace/handlers/health';
import { inRoom, isName, ofClient, ofUser } from './names.ts';
import { type ApiPlace, HOST } from './ports.ts';

const MAX_BODY_BYTES = 65_536;
const LIMITS = { maxConnections: 100, requestTimeoutMs: 10_000, keepAliveMs: 5000 };
/** A client of lines would take what follows for a line of somebody else. */
const LINE_BREAK = /[\n\v\f\r\u0085\u2028\u2029]/;

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly value: object;
}

/** What is wrong with a request. */
class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, text: string, headers = {}) {
    super(text);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** Other programs, in any language, publish to the connections of all gateways and ask for them: HTTP and JSON. */
export async function startApi(
  connections: RemoteConnections,
  { port, key }: ApiPlace,
): Promise<LimitedHttpServer> {
  const answered = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { status, headers, value } = await answerTo(connections, key, request).catch(refused);
    response.writeHead(status, {
      'content-type': 'application/json',
      'cache-control': 'no-store',
      ...headers,
    });
    response.end(`${JSON.stringify(value)}\n`);
  };
  return await limitedHttpServer(
    (request, response) => {
      request.on('error', () => {});
      void answered(request, response);
    },
    { host: HOST, port, ...LIMITS },
  );
}

function refused(error: unknown): Answer {
  if (error instanceof HeadraceError) {
    return { status: 503, value: { error: { code: error.code, message: error.message } } };
  }
  const { status, code, message, headers } =
    error instanceof Refusal ? error : new Refusal(500, 'INTERNAL', 'the worker failed');
  return { status, headers, value: { error: { code, message } } };
}

async function answerTo(
  connections: RemoteConnections,
  key: string,
  request: IncomingMessage,
): Promise<Answer> {
  const { authorization = '' } = request.headers;
  if (!secretsEqual(/^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? '', key)) {
    const headers = { 'www-authenticate': 'Bearer' };
    throw new Refusal(401, 'WRONG_KEY', 'Authorization must be Bearer and the key', headers);
  }
  const [path] = (request.url ?? '').split('?', 1) as [string];
  if (path === '/publish') {
    allow(request, 'POST');
    const { to, message } = publication(await bodyOf(request));
    return { status: 200, value: { delivered: await connections.send(to, message) } };
  }
  const [, kind, name = ''] = /^\/(groups|users)\/([^/]+)$/.exec(path) ?? [];
  if (kind === undefined) {
    throw new Refusal(404, 'NOT_FOUND', 'there are /publish, /groups/ROOM and /users/UID');
  }
  allow(request, 'GET');
  const target = kind === 'groups' ? inRoom(nameIn(name)) : ofUser(nameIn(name));
  const count = await connections.count(target);
  return { status: 200, value: kind === 'groups' ? { count } : { online: count > 0 } };
}

function allow({ method }: IncomingMessage, allowed: string): void {
  if (method === allowed) return;
  throw new Refusal(405, 'WRONG_METHOD', `the method is ${allowed}`, { allow: allowed });
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const tooLong = new Refusal(413, 'BODY_TOO_LONG', `a body has at most ${MAX_BODY_BYTES} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLong;
  const text = await new Promise<string>((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    request.on('data', (part: Buffer) => {
      length += part.length;
      if (length > MAX_BODY_BYTES) reject(tooLong);
      else parts.push(part);
    });
    request.on('end', () => resolve(Buffer.concat(parts).toString('utf8')));
    request.on('close', () => reject(new Refusal(400, 'BODY_CUT', 'the body did not end')));
  });
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'NOT_JSON', 'the body is no JSON');
  }
}

/** @throws Refusal for what is no `{"to":{"group":"ROOM"},"message":"TEXT"}` */
function publication(body: unknown): { to: ConnectionTarget; message: string } {
  const { to, message } = membersOf(body, 'the body');
  if (typeof message !== 'string' || message === '') {
    throw new Refusal(400, 'WRONG_MESSAGE', 'message must be a text that is not empty');
  }
  if (LINE_BREAK.test(message)) {
    throw new Refusal(400, 'LINE_BREAK', 'message must be one line');
  }
  return { to: targetOf(membersOf(to, 'to')), message };
}

function targetOf(to: Record<string, unknown>): ConnectionTarget {
  const [kind = '', ...more] = Object.keys(to);
  const value = to[kind];
  if (more.length === 0) {
    if (kind === 'all' && value === true) return { all: true };
    if (kind === 'group') return inRoom(checkName(value));
    if (kind === 'user') return ofUser(checkName(value));
    if (kind === 'connection') return ofClient(checkName(value));
  }
  throw new Refusal(400, 'WRONG_TARGET', 'to has one of group, user, connection, or all: true');
}

function membersOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  throw new Refusal(400, 'NO_OBJECT', `${what} must be an object`);
}

function checkName(name: unknown): string {
  if (typeof name === 'string' && isName(name)) return name;
  throw new Refusal(400, 'WRONG_NAME', 'a name has 1 to 32 letters, digits, "-", "_" and "."');
}

function nameIn(encoded: string): string {
  try {
    return checkName(decodeURIComponent(encoded));
  } catch {
    return checkName(undefined);
  }
}
