import { Refusal } from './api-error.ts';
import type { ApiOperations } from './api-operations.ts';

/** One path of the API. */
export interface ApiRoute {
  readonly method: 'GET' | 'POST';
  /** As in OpenAPI: what stands in braces is a name. */
  readonly path: string;
  /**
   * @param given - the body of a POST, the name in the path of a GET
   * @param charge - counts so many requests more, or throws
   */
  readonly answer: (
    operations: ApiOperations,
    given: unknown,
    charge: (requests: number) => void,
  ) => Promise<object>;
}

export const ROUTES: readonly ApiRoute[] = [
  { method: 'POST', path: '/publish', answer: (api, body) => api.publish(body) },
  { method: 'POST', path: '/batch', answer: (api, body, charge) => api.batch(body, charge) },
  { method: 'POST', path: '/disconnect', answer: (api, body) => api.disconnect(body) },
  { method: 'GET', path: '/groups/{group}', answer: (api, name) => api.group(name) },
  { method: 'GET', path: '/users/{user}', answer: (api, name) => api.user(name) },
  { method: 'GET', path: '/connections/{connection}', answer: (api, id) => api.connection(id) },
];

/** The route of a request, and the name in its path. @throws Refusal */
export function routeOf(method: string, url: string): [route: ApiRoute, name: string | undefined] {
  const [path] = url.split('?', 1) as [string];
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

/** Undefined for what is not encoded well. */
function decoded(name: string): string | undefined {
  try {
    return decodeURIComponent(name);
  } catch {
    return undefined;
  }
}
