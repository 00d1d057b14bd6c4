// The changes of a service that break no client of the older description, one small pair for each kind.
import type { JsonSchema, MethodDescription, ServiceDescription } from '@headrace/rpc';

/** A service before and after one change. */
export interface AllowedChange {
  readonly name: string;
  readonly older: ServiceDescription;
  readonly newer: ServiceDescription;
}

const members = (properties: Record<string, JsonSchema>, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
});

const TEXT = { type: 'string' };
const NUMBER = { type: 'number' };

/** A call of `prices`: symbol in, price out. */
const QUOTE: MethodDescription = {
  kind: 'call',
  input: members({ symbol: TEXT }),
  output: members({ price: NUMBER }),
};

/** A stream to which its caller sends items. */
const WATCH: MethodDescription = {
  kind: 'stream',
  input: members({ symbol: TEXT }),
  output: members({ price: NUMBER }),
  items: members({ symbol: TEXT }),
};

const service = (
  methods: ServiceDescription['methods'],
  errors: ServiceDescription['errors'] = { NO_SUCH_SYMBOL: 1 },
): ServiceDescription => ({ service: 'prices', methods, errors });

function ofQuote(
  name: string,
  older: Partial<MethodDescription>,
  newer: Partial<MethodDescription>,
): AllowedChange {
  return {
    name,
    older: service({ quote: { ...QUOTE, ...older } }),
    newer: service({ quote: { ...QUOTE, ...newer } }),
  };
}

function ofWatch(
  name: string,
  older: Partial<MethodDescription>,
  newer: Partial<MethodDescription>,
): AllowedChange {
  return {
    name,
    older: service({ watch: { ...WATCH, ...older } }),
    newer: service({ watch: { ...WATCH, ...newer } }),
  };
}

const input = (symbol: JsonSchema) => ({ input: members({ symbol }) });
const output = (price: JsonSchema) => ({ output: members({ price }) });
const withNote = { note: TEXT };

export const ALLOWED_CHANGES: readonly AllowedChange[] = [
  {
    name: 'a new method',
    older: service({ quote: QUOTE }),
    newer: service({ quote: QUOTE, watch: WATCH }),
  },
  {
    name: 'a new error',
    older: service({ quote: QUOTE }),
    newer: service({ quote: QUOTE }, { NO_SUCH_SYMBOL: 1, MARKET_CLOSED: 2 }),
  },
  ofQuote('a call that is idempotent now', {}, { idempotent: true }),
  ofQuote(
    'a new optional member of an input',
    {},
    {
      input: members({ symbol: TEXT, ...withNote }, ['symbol']),
    },
  ),
  ofQuote(
    'a member of an input that is needed no longer',
    {},
    { input: members({ symbol: TEXT }, []) },
  ),
  ofQuote(
    'one more value of an input',
    input({ enum: ['A', 'B'] }),
    input({ enum: ['A', 'B', 'C'] }),
  ),
  ofQuote(
    'a wider limit of an input',
    input({ ...TEXT, maxLength: 4 }),
    input({ ...TEXT, maxLength: 8 }),
  ),
  ofQuote('one more type of an input', input(TEXT), input({ anyOf: [TEXT, { type: 'null' }] })),
  ofQuote(
    'one more alternative of an input',
    input({ anyOf: [TEXT] }),
    input({ anyOf: [TEXT, NUMBER] }),
  ),
  ofQuote('a new member of an output', {}, { output: members({ price: NUMBER, ...withNote }) }),
  ofQuote(
    'a member of an output that is always there now',
    { output: members({ price: NUMBER, ...withNote }, ['price']) },
    { output: members({ price: NUMBER, ...withNote }) },
  ),
  ofQuote(
    'an optional member less in an output',
    { output: members({ price: NUMBER, ...withNote }, ['price']) },
    {},
  ),
  ofQuote('one value less in an output', output({ enum: [1, 2, 3] }), output({ enum: [1, 2] })),
  ofQuote('a narrower limit of an output', output(NUMBER), output({ ...NUMBER, minimum: 0 })),
  ofQuote('a narrower type of an output', output(NUMBER), output({ type: 'integer' })),
  ofQuote('null no longer in an output', output({ type: ['number', 'null'] }), output(NUMBER)),
  ofWatch(
    'a new member of a stream’s items',
    {},
    { output: members({ price: NUMBER, ...withNote }) },
  ),
  ofWatch(
    'a new optional member of a caller’s items',
    {},
    {
      items: members({ symbol: TEXT, ...withNote }, ['symbol']),
    },
  ),
  ofQuote(
    'documentation',
    {},
    {
      input: {
        title: 'The question',
        ...members({ symbol: { ...TEXT, description: 'of an exchange', examples: ['ACME'] } }),
      },
    },
  ),
];
