import { BYTES } from './api-body.ts';
import { API_ERRORS, type ApiErrorCode } from './api-error.ts';
import { type ApiRoute, ROUTES } from './api-routes.ts';

type Json = Readonly<Record<string, unknown>>;

/** The purpose of a path, its body and result, and the errors that only this path has. */
interface Described {
  readonly summary: string;
  readonly body?: string;
  /** Whether the path is a list, which is given in parts. */
  readonly isList?: boolean;
  /** Whether the answer is a stream of server-sent events. */
  readonly isStream?: boolean;
  readonly result: Json;
  readonly codes?: readonly ApiErrorCode[];
}

const EVERY: readonly ApiErrorCode[] = [
  'WRONG_KEY',
  'NOT_ALLOWED',
  'TOO_MANY_REQUESTS',
  'INTERNAL',
  'BUSY',
];
const WITH_BODY: readonly ApiErrorCode[] = [
  'BODY_CUT',
  'NOT_JSON',
  'NO_OBJECT',
  'UNKNOWN_MEMBER',
  'WRONG_IDEMPOTENCY_KEY',
  'BODY_TOO_LONG',
  'ENCODED_BODY',
  'OUTCOME_UNKNOWN',
  'IDEMPOTENCY_KEY_REUSED',
  'KEYS_NOT_SHARED',
  'STILL_RUNNING',
];
const OF_MESSAGE: readonly ApiErrorCode[] = [
  'WRONG_MESSAGE',
  'WRONG_NAME',
  'WRONG_TARGET',
  'MESSAGE_TOO_LONG',
];
const OF_NAME: readonly ApiErrorCode[] = ['WRONG_NAME'];
const OF_CHANGE: readonly ApiErrorCode[] = ['WRONG_NAME', 'WRONG_TARGET', 'NOT_OFFERED'];
const OF_LIST: readonly ApiErrorCode[] = ['WRONG_NAME', 'WRONG_PAGE', 'NOT_OFFERED'];
/** Errors of the cluster have codes of their own. */
const CLUSTER = [
  '`HR_ERR_BUS_DOWN`: the bus is down, and nothing was done',
  '`HR_ERR_TIMEOUT_REQUEST`, `HR_ERR_GATEWAY_FAILED`: a gateway did not answer, or failed; `done` is what the others did',
];
const HEADERS: Readonly<Record<string, Json>> = {
  401: header('WWW-Authenticate', 'always `Bearer`', { type: 'string' }),
  429: header('Retry-After', 'seconds until the key has a request left', { type: 'integer' }),
  503: header('Retry-After', 'seconds', { type: 'integer' }),
};

const COUNT = { type: 'integer', minimum: 0 };
const DELIVERED = objectOf({ delivered: COUNT });
const DELIVERED_OF_BATCH = objectOf({ delivered: COUNT, nodes: COUNT });
const COUNTED = objectOf({ count: COUNT });
const ONLINE = objectOf({ online: { type: 'boolean' } });
const DESCRIBED: Readonly<Record<string, Described>> = {
  '/publish': {
    summary: 'Sends a message to connections',
    body: 'Publication',
    result: ref('Delivered'),
    codes: [...OF_MESSAGE, 'NOT_OFFERED'],
  },
  '/batch': {
    summary: 'Sends messages in their order; an answer or an error for each',
    body: 'Batch',
    result: objectOf({
      results: { type: 'array', items: { oneOf: [ref('DeliveredOfBatch'), ref('Error')] } },
    }),
    codes: ['WRONG_BATCH'],
  },
  '/disconnect': {
    summary: 'Ends connections, after a last message if there is one',
    body: 'Disconnection',
    result: objectOf({ closed: COUNT }),
    codes: OF_MESSAGE,
  },
  '/join': changed('Adds connections to a group', 'GroupChange'),
  '/leave': changed('Removes connections from a group', 'GroupChange'),
  '/bind': changed('Binds connections to a user', 'UserChange'),
  '/unbind': changed('Unbinds connections from a user', 'UserChange'),
  '/session': {
    summary: 'Sets the sessions of connections, or some members of them',
    body: 'SessionChange',
    result: COUNTED,
    codes: [...OF_MESSAGE, 'WRONG_SESSION', 'NOT_OFFERED'],
  },
  '/events': {
    summary: 'Streams the messages to a group as server-sent events',
    isStream: true,
    result: { type: 'string' },
    codes: ['WRONG_NAME', 'NOT_OFFERED'],
  },
  '/count': { summary: 'Counts all connections', result: COUNTED },
  '/groups/{group}': {
    summary: 'Counts the connections of a group',
    result: COUNTED,
    codes: OF_NAME,
  },
  '/users/{user}': {
    summary: 'Returns whether a user has a connection',
    result: ONLINE,
    codes: OF_NAME,
  },
  '/connections/{connection}': {
    summary: 'Returns whether a connection exists',
    result: ONLINE,
    codes: OF_NAME,
  },
  '/connections': listed('Lists all connections'),
  '/groups/{group}/connections': listed('Lists the connections of a group'),
  '/users/{user}/connections': listed('Lists the connections of a user'),
  '/connections/{connection}/info': listed('Lists one connection, if it exists'),
};

/** Makes the description of the API in OpenAPI 3.1. */
export function openApiDocument(maxBatch: number, maxListed: number): Json {
  const paths = ROUTES.map((route) => [route.path, pathOf(route, maxListed)]);
  return {
    openapi: '3.1.0',
    info: {
      title: 'HTTP API of a Headrace cluster',
      version: '1',
      description:
        'Errors are JSON with a code. Beside those of the paths, `NOT_FOUND` (404) is for another path, and ' +
        '`WRONG_METHOD` (405) for another method. The names of codes do not change.',
    },
    servers: [{ url: '/' }],
    security: [{ key: [] }],
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: { key: { type: 'http', scheme: 'bearer' } },
      schemas: schemas(maxBatch),
    },
  };
}

function changed(summary: string, body: string): Described {
  return { summary, body, result: COUNTED, codes: OF_CHANGE };
}

function listed(summary: string): Described {
  return { summary, isList: true, result: ref('List'), codes: OF_LIST };
}

function pathOf({ method, path, takesBytes }: ApiRoute, maxListed: number): Json {
  const { summary, body, result, codes = [], isList = false, isStream = false } = DESCRIBED[path]!;
  const [, name] = /\{([^{}]*)\}/.exec(path) ?? [];
  const [, first, , ...more] = path.split('/');
  const operation = {
    operationId: path === '/connections' ? 'list' : [first, ...more].join('-'),
    summary,
    parameters: [
      ...(body === undefined ? [] : [IDEMPOTENCY_KEY]),
      ...(name === undefined ? [] : [inPath(name)]),
      ...(isList ? inQuery(maxListed) : []),
      ...(isStream ? OF_STREAM : []),
      ...(takesBytes ? OF_BYTES : []),
    ],
    ...(body !== undefined && {
      requestBody: {
        required: true,
        content: { ...contentOf(ref(body)), ...(takesBytes && { [BYTES]: {} }) },
      },
    }),
    responses: {
      200: {
        description: 'the result of the request',
        content: isStream ? { 'text/event-stream': { schema: result } } : contentOf(result),
        ...(body !== undefined && headersOf(path)),
      },
      ...errorsOf([...EVERY, ...(body === undefined ? [] : WITH_BODY), ...codes]),
    },
  };
  return { [method.toLowerCase()]: operation };
}

function errorsOf(codes: readonly ApiErrorCode[]): Json {
  const texts = new Map<number, string[]>([[503, [...CLUSTER]]]);
  for (const code of codes) {
    const [status, meaning] = API_ERRORS[code];
    texts.set(status, [...(texts.get(status) ?? []), `\`${code}\`: ${meaning}`]);
  }
  const responses = [...texts].map(([status, lines]) => [
    String(status),
    { description: lines.join('\n\n'), content: contentOf(ref('Error')), ...HEADERS[status] },
  ]);
  return Object.fromEntries(responses);
}

function schemas(maxBatch: number): Json {
  const name = { type: 'string', minLength: 1, maxLength: 1024 };
  const to = {
    oneOf: [
      objectOf({ group: name }),
      objectOf({ user: name }),
      objectOf({ connection: name }),
      objectOf({ all: { const: true } }),
    ],
  };
  const message = {
    description: 'a text, or any other JSON value except null',
    not: { type: 'null' },
  };
  const bytes = { type: 'string', contentEncoding: 'base64', description: 'bytes, as the message' };
  const except = {
    description: 'connections that do not receive the message; not all: true',
    type: 'array',
    items: ref('To'),
  };
  return {
    To: to,
    Publication: {
      oneOf: [
        objectOf({ to: ref('To'), message, except }, ['to', 'message']),
        objectOf({ to: ref('To'), bytes, except }, ['to', 'bytes']),
      ],
    },
    Batch: objectOf({
      messages: { type: 'array', minItems: 1, maxItems: maxBatch, items: ref('Publication') },
    }),
    Disconnection: {
      oneOf: [objectOf({ to: ref('To'), message }, ['to']), objectOf({ to: ref('To'), bytes })],
    },
    GroupChange: objectOf({ to: ref('To'), group: name }),
    UserChange: objectOf({ to: ref('To'), user: name }),
    SessionChange: {
      description: '`session` replaces the session, and `changes` sets some of its members',
      oneOf: [
        objectOf({ to: ref('To'), session: { type: 'object' } }),
        objectOf({ to: ref('To'), changes: { type: 'object' } }),
      ],
    },
    Connection: objectOf({
      id: { type: 'string' },
      users: { type: 'array', items: { type: 'string' } },
      groups: { type: 'array', items: { type: 'string' } },
      session: { type: 'object' },
    }),
    List: objectOf(
      {
        count: { ...COUNT, description: 'how many connections the whole list has' },
        connections: { type: 'array', items: ref('Connection') },
        next: { type: 'string', description: '`after` of the next part; absent in the last part' },
      },
      ['count', 'connections'],
    ),
    Delivered: {
      ...DELIVERED,
      description: 'how many connections the message was written to',
    },
    DeliveredOfBatch: {
      ...DELIVERED_OF_BATCH,
      description: 'how many connections the message was written to, and how many nodes have them',
    },
    Error: objectOf(
      {
        error: objectOf({ code: { type: 'string' }, message: { type: 'string' } }),
        done: { ...COUNT, description: 'connections that were reached, though not all answered' },
      },
      ['error'],
    ),
  };
}

const IDEMPOTENCY_KEY = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'a repeated request with the same key is not carried out again',
  schema: { type: 'string', pattern: '^[!-~]{1,255}$' },
};
function headersOf(path: string): Json {
  const replayed = {
    description: 'this is the answer to an earlier request',
    schema: { const: 'true' },
  };
  const nodes = { description: 'how many nodes have these connections', schema: COUNT };
  const ofAll = { 'Idempotency-Replayed': replayed };
  return { headers: path === '/publish' ? { ...ofAll, 'Headrace-Nodes': nodes } : ofAll };
}

function header(name: string, description: string, schema: Json): Json {
  return { headers: { [name]: { description, schema } } };
}

function inPath(name: string): Json {
  return { name, in: 'path', required: true, schema: { type: 'string', minLength: 1 } };
}

const OF_STREAM: readonly Json[] = [
  { name: 'group', in: 'query', required: true, schema: { type: 'string', minLength: 1 } },
  {
    name: 'Last-Event-ID',
    in: 'header',
    description: 'the id of the last event, in a durable group',
    schema: { type: 'string' },
  },
];

/** Of a body that is the message. */
const OF_BYTES: readonly Json[] = ['group', 'user', 'connection', 'all', 'except'].map((name) => ({
  name,
  in: 'query',
  description: `\`${name === 'except' ? name : 'to'}\` of a body of ${BYTES}`,
  schema: name === 'all' ? { const: 'true' } : { type: 'string', minLength: 1 },
}));

function inQuery(maxListed: number): readonly Json[] {
  const limit = { type: 'integer', minimum: 1, maximum: maxListed };
  return [
    { name: 'limit', in: 'query', description: 'the most connections in a part', schema: limit },
    {
      name: 'after',
      in: 'query',
      description: '`next` of the part before',
      schema: { type: 'string' },
    },
  ];
}

function contentOf(schema: Json): Json {
  return { 'application/json': { schema } };
}

function ref(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

function objectOf(properties: Json, required: readonly string[] = Object.keys(properties)): Json {
  return { type: 'object', properties, required, additionalProperties: false };
}
