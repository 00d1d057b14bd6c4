// Older and newer ends of one service, together over a connection: whether what the comparison says is what happens.

import {
  clientOf,
  defineService,
  type JsonSchema,
  type Method,
  type Methods,
  type Service,
  type ServiceDescription,
  serve,
} from '@headrace/rpc';
import { describe, expect, it } from 'vitest';
import { compareServices } from '../../src/compare/compare-services.ts';
import { ALLOWED_CHANGES } from './allowed-changes.ts';
import { accepts, mayBeSent } from './schema-validator.ts';
import { serviceEnds } from './service-ends.ts';

/** A schema whose library is the validator of the tests. */
const checkedBy = (schema: JsonSchema) => ({
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) =>
      accepts(schema, value)
        ? { value }
        : { issues: [{ message: `${JSON.stringify(value)} does not fit` }] },
  },
});

function built({ service, methods, errors }: ServiceDescription): Service {
  const made: Record<string, Method> = {};
  for (const [name, { kind, input, output = true, items, idempotent = false }] of Object.entries(
    methods,
  )) {
    made[name] = {
      kind,
      input: checkedBy(input),
      output: checkedBy(output),
      items: items === undefined ? undefined : checkedBy(items),
      idempotent,
      resume: undefined,
    };
  }
  return defineService(service, made as Methods, { errors }) as unknown as Service;
}

const VALUES = ['A', 'C', 'ACME', 'ACMEACME', 1, 3, 1.5, -1, null];

/** The values that an end with this schema may send, among some of each kind. */
function sent(schema: JsonSchema): unknown[] {
  const members = ['symbol', 'price'].flatMap((name) => VALUES.map((value) => ({ [name]: value })));
  const noted = [{}, ...members].flatMap((value) => [value, { ...value, note: 'a note' }]);
  return noted.filter((value) => mayBeSent(schema, value));
}

/** All items of a stream. */
async function all(items: AsyncIterable<unknown>): Promise<unknown[]> {
  const seen: unknown[] = [];
  for await (const item of items) seen.push(item);
  return seen;
}

type AnyClient = Record<string, (...args: unknown[]) => unknown>;

/** Everything that a client may do with a server, and what of it fails. */
async function failures(client: ServiceDescription, server: ServiceDescription): Promise<string[]> {
  const found: string[] = [];
  let answer: unknown;
  let heeded: unknown;
  const functions = Object.fromEntries(
    Object.entries(server.methods).map(([name, { kind, output }]) => {
      if (kind === 'call') {
        return [
          name,
          (input: unknown) => {
            heeded = input;
            if (answer instanceof Error) throw answer;
            return answer;
          },
        ];
      }
      return [
        name,
        async function* (_input: unknown, { items }: { items: AsyncIterable<unknown> }) {
          heeded = await all(items);
          yield* sent(output!);
        },
      ];
    }),
  );
  const [near, far] = [built(client), built(server)];
  const { exchange, during } = serviceEnds(serve(far, functions as never));
  const api = clientOf(near, exchange) as unknown as AnyClient;
  const attempt = async (what: string, task: () => Promise<unknown>): Promise<void> => {
    await during(task).catch((error: Error) => found.push(`${what}: ${error.message}`));
  };
  for (const [name, { kind, input, items }] of Object.entries(client.methods)) {
    for (const given of sent(input)) {
      if (kind === 'stream') {
        const input = sent(items!);
        await attempt(name, () => all(api[name]!(given, input) as AsyncIterable<unknown>));
        if (JSON.stringify(heeded) !== JSON.stringify(input)) found.push(`${name}: not heeded`);
        continue;
      }
      for (answer of sent(server.methods[name]?.output ?? true)) {
        await attempt(name, () => api[name]!(given) as Promise<unknown>);
      }
    }
  }
  const { quote } = client.methods;
  if (quote === undefined) return found;
  for (const [name, code] of Object.entries(server.errors)) {
    answer = far.error(name, 'refused');
    const refused = during(() => api['quote']!(sent(quote.input)[0]) as Promise<unknown>);
    const error = await refused.catch((thrown: unknown) => thrown);
    const [meant] = Object.entries(client.errors).find(([, one]) => one === code) ?? [];
    if (near.errorName(error) !== meant || (meant ?? name) !== name) found.push(`error ${name}`);
  }
  return found;
}

/** Where the comparison is stricter than what fails on the wire, and why. */
const STRICTER: Readonly<Record<string, string>> = {
  'a call that is idempotent now':
    'a client that repeats it has it carried out twice, which nothing on the wire shows',
  'a new error':
    'a client that looks for an error that no server throws waits in vain, but nothing fails',
  'a new optional member of an input':
    'the server leaves out what it does not know, and nobody notices',
  'a new optional member of a caller’s items':
    'the server leaves out what it does not know, and nobody notices',
};

describe.each(ALLOWED_CHANGES)('$name', ({ name, older, newer }) => {
  it('an old client works with a new server', async () => {
    expect(await failures(older, newer)).toEqual([]);
  });

  it('each end works with its own', async () => {
    expect([await failures(older, older), await failures(newer, newer)]).toEqual([[], []]);
  });

  it('a new client works with an old server as far as the comparison says', async () => {
    const breaks = compareServices(newer, older).some((change) => change.breaks);
    const found = await failures(newer, older);
    expect(found.length > 0).toBe(breaks && STRICTER[name] === undefined);
  });
});

describe('a change that breaks', () => {
  const object = (properties: Record<string, JsonSchema>, required = Object.keys(properties)) => ({
    type: 'object',
    properties,
    required,
  });
  const [TEXT, NUMBER] = [{ type: 'string' }, { type: 'number' }];
  const quote = {
    kind: 'call',
    input: object({ symbol: TEXT }),
    output: object({ price: NUMBER }),
  } as const;
  const base: ServiceDescription = {
    service: 'prices',
    methods: { quote },
    errors: { NO_SUCH_SYMBOL: 1 },
  };
  const withQuote = (change: object): ServiceDescription => ({
    ...base,
    methods: { quote: { ...quote, ...change } },
  });
  const BREAKING: readonly [string, ServiceDescription, string][] = [
    ['a method that is removed', { ...base, methods: {} }, 'there is no method prices.quote'],
    ['a service with another name', { ...base, service: 'quotes' }, 'there is no method'],
    ['a call that is a stream now', withQuote({ kind: 'stream', items: TEXT }), 'is a stream'],
    [
      'a member that is needed',
      withQuote({ input: object({ symbol: TEXT, note: TEXT }) }),
      'the input of prices.quote',
    ],
    [
      'a narrower input',
      withQuote({ input: object({ symbol: { ...TEXT, maxLength: 4 } }) }),
      'the input of prices.quote',
    ],
    [
      'a wider output',
      withQuote({ output: object({ price: { type: ['number', 'null'] } }) }),
      'the answer of prices.quote',
    ],
    [
      'a member of an output that may be missing',
      withQuote({ output: object({ price: NUMBER }, []) }),
      'the answer of prices.quote',
    ],
    ['a code of another error', { ...base, errors: { CLOSED: 1 } }, 'error CLOSED'],
  ];

  it.each(BREAKING)('fails where the comparison says so: %s', async (_name, newer, text) => {
    expect(compareServices(base, newer).some(({ breaks }) => breaks)).toBe(true);
    expect((await failures(base, newer)).join('\n')).toContain(text);
  });
});
