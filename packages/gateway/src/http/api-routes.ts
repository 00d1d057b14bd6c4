import { Refusal } from './api-error.ts';
import type { ApiRight } from './api-keys.ts';
import type { ApiCaller, ApiOperations } from './api-operations.ts';

/** One path of the API. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST';
  /** The path as in OpenAPI: the part in braces is a name. */
  readonly path: string;
  readonly right: ApiRight;
  /** @param given - the body of a POST, or the name in the path of a GET */
  readonly answer: (
    operations: ApiOperations,
    given: unknown,
    caller: ApiCaller,
  ) => Promise<object>;
}

export const ROUTES: readonly ApiRoute[] = [
  {
    method: 'POST',
    path: '/publish',
    right: 'publish',
    answer: (api, body, caller) => api.publish(body, caller),
  },
  {
    method: 'POST',
    path: '/batch',
    right: 'publish',
    answer: (api, body, caller) => api.batch(body, caller),
  },
  {
    method: 'POST',
    path: '/disconnect',
    right: 'disconnect',
    answer: (api, body, caller) => api.disconnect(body, caller),
  },
  {
    method: 'GET',
    path: '/groups/{group}',
    right: 'presence',
    answer: (api, name, caller) => api.group(name, caller),
  },
  {
    method: 'GET',
    path: '/users/{user}',
    right: 'presence',
    answer: (api, name, caller) => api.user(name, caller),
  },
  {
    method: 'GET',
    path: '/connections/{connection}',
    right: 'presence',
    answer: (api, id, caller) => api.connection(id, caller),
  },
];

/** Returns the route of a request, and the name in its path. @throws Refusal */
export function routeOf(method: string, path: string): [route: ApiRoute, name: string | undefined] {
  const [, start, name, ...more] = path.split('/');
  const route = ROUTES.find((one) => {
    const [, own, parameter] = one.path.split('/');
    return own === start && (parameter === undefined) === (name === undefined);
  });
  if (route === undefined || name === '' || more.length > 0) {
    const paths = ROUTES.map((one) => one.path).join(' ');
    throw new Refusal('NOT_FOUND', `there are ${paths}`);
  }
  if (route.method !== method) {
    const headers = { allow: route.method };
    throw new Refusal('WRONG_METHOD', `the method is ${route.method}`, headers);
  }
  return [route, name === undefined ? name : decoded(name)];
}

/** Returns undefined for a value that is not encoded well. */
function decoded(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}
