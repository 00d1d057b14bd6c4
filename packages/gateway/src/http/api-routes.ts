import type { ConnectionTarget } from '../gateway/remote-connections.ts';
import { nameIn } from './api-body.ts';
import { Refusal } from './api-error.ts';
import type { ApiRight } from './api-keys.ts';
import type { ApiCaller, ApiOperations } from './api-operations.ts';

/** The parts of a request. */
export interface ApiRequest {
  /** The body of a POST. */
  readonly body: unknown;
  /** The name in the path. Undefined for a name that is not encoded well. */
  readonly name: string | undefined;
  readonly query: URLSearchParams;
  /** Makes the answer that lasts for a listener. @throws Refusal */
  readonly stream: (listen: Awaited<ReturnType<ApiOperations['listener']>>) => object;
}

/** One path of the API. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST';
  /** The path as in OpenAPI: the part in braces is a name. */
  readonly path: string;
  readonly right: ApiRight;
  /** Whether the body can be the message itself, as bytes. */
  readonly takesBytes: boolean;
  readonly answer: (api: ApiOperations, request: ApiRequest, caller: ApiCaller) => Promise<object>;
}

type Answer = ApiRoute['answer'];

const change =
  (how: 'join' | 'leave' | 'bind' | 'unbind'): Answer =>
  (api, { body }, caller) =>
    api.change(how, body, caller);
const list =
  (of: (name: string | undefined) => ConnectionTarget): Answer =>
  (api, { name, query }, caller) =>
    api.list(of(name), query, caller);

export const ROUTES: readonly ApiRoute[] = [
  post('/publish', 'publish', (api, { body }, caller) => api.publish(body, caller), true),
  post('/batch', 'publish', (api, { body }, caller) => api.batch(body, caller)),
  post('/disconnect', 'disconnect', (api, { body }, caller) => api.disconnect(body, caller), true),
  post('/join', 'manage', change('join')),
  post('/leave', 'manage', change('leave')),
  post('/bind', 'manage', change('bind')),
  post('/unbind', 'manage', change('unbind')),
  post('/session', 'manage', (api, { body }, caller) => api.session(body, caller)),
  get('/events', 'listen', async (api, { query, stream }, caller) =>
    stream(await api.listener(query, caller)),
  ),
  get('/count', 'presence', (api, _, caller) => api.all(caller)),
  get('/groups/{group}', 'presence', (api, { name }, caller) => api.group(name, caller)),
  get('/users/{user}', 'presence', (api, { name }, caller) => api.user(name, caller)),
  get('/connections/{connection}', 'presence', (api, { name }, caller) =>
    api.connection(name, caller),
  ),
  get(
    '/connections',
    'list',
    list(() => ({ all: true })),
  ),
  get(
    '/groups/{group}/connections',
    'list',
    list((name) => ({ group: nameIn(name) })),
  ),
  get(
    '/users/{user}/connections',
    'list',
    list((name) => ({ user: nameIn(name) })),
  ),
  get(
    '/connections/{connection}/info',
    'list',
    list((name) => ({ connection: nameIn(name) })),
  ),
];

/** Returns the route of a request, and the name in its path. HEAD is answered where GET is (RFC 9110, 9.1). @throws Refusal */
export function routeOf(method: string, path: string): [route: ApiRoute, name: string | undefined] {
  const parts = path.split('/');
  const route = ROUTES.find((one) => {
    const own = one.path.split('/');
    const isAt = (part: string, i: number): boolean =>
      part.startsWith('{') ? parts[i] !== '' : part === parts[i];
    return own.length === parts.length && own.every(isAt);
  });
  if (route === undefined) {
    const paths = ROUTES.map((one) => one.path).join(' ');
    throw new Refusal('NOT_FOUND', `there are ${paths}`);
  }
  if (route.method !== (method === 'HEAD' ? 'GET' : method)) {
    const headers = { allow: route.method === 'GET' ? 'GET, HEAD' : route.method };
    throw new Refusal('WRONG_METHOD', `the method is ${route.method}`, headers);
  }
  return [route, decoded(parts[2])];
}

function post(path: string, right: ApiRight, answer: Answer, takesBytes = false): ApiRoute {
  return { method: 'POST', path, right, answer, takesBytes };
}

function get(path: string, right: ApiRight, answer: Answer): ApiRoute {
  return { method: 'GET', path, right, answer, takesBytes: false };
}

/** Returns undefined for a value that is not encoded well. */
function decoded(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}
