import type { ConnectionInfo, ConnectionTarget } from '@headrace/gateway';
import { type ApiConnections, type ApiProblem, clusterApi } from '@headrace/gateway/http';
import { type LimitedHttpServer, limitedHttpServer } from '@headrace/handlers/health';
import {
  clientName,
  inRoom,
  isName,
  ofClient,
  ofUser,
  roomGroup,
  shown,
  userName,
} from './names.ts';
import { type ApiPlace, HOST } from './ports.ts';

const LIMITS = { maxConnections: 100, requestTimeoutMs: 10_000, keepAliveMs: 5000 };
/** A client of lines would take what follows for a line of somebody else. */
const LINE_BREAK = /[\n\v\f\r\u0085\u2028\u2029]/;

/** Other programs, in any language, publish to the connections of all gateways and ask for them: HTTP and JSON. */
export async function startApi(
  connections: ApiConnections,
  { port, key }: ApiPlace,
): Promise<LimitedHttpServer> {
  const api = clusterApi({ connections, keys: [key], target, describe, checkMessage });
  return await limitedHttpServer(api, { host: HOST, port, ...LIMITS });
}

/** The names of the cluster for those that people see. */
function target(to: ConnectionTarget): ConnectionTarget | ApiProblem {
  const [[kind, name]] = Object.entries(to) as [[string, string]];
  if (kind === 'all') return to;
  if (!isName(name)) {
    const message = 'a name has 1 to 32 letters, digits, "-", "_" and "."';
    return { code: 'WRONG_NAME', message };
  }
  if (kind === 'group') return inRoom(name);
  return kind === 'user' ? ofUser(name) : ofClient(name);
}

/** A connection that no worker has greeted yet has no short id. */
function describe({ users, groups, session }: ConnectionInfo): ConnectionInfo | undefined {
  const [id] = shown(clientName(''), users);
  if (id === undefined) return undefined;
  return { id, users: shown(userName(''), users), groups: shown(roomGroup(''), groups), session };
}

function checkMessage(message: unknown): ApiProblem | undefined {
  if (typeof message !== 'string' || message === '') {
    return { code: 'WRONG_MESSAGE', message: 'message must be a text that is not empty' };
  }
  if (!LINE_BREAK.test(message)) return undefined;
  return { code: 'LINE_BREAK', message: 'message must be one line' };
}
