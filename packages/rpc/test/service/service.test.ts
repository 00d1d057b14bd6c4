import { type } from 'arktype';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  call,
  clientOf,
  defineService,
  describeService,
  jsonRpcExchange,
  notice,
  type ServedCall,
  serve,
  serveAll,
  stream,
} from '../../src/index.ts';
import { all, serviceEnds } from './service-ends.ts';

const Symbol_ = z.object({ symbol: z.string().min(1) });
const Tick = z.object({ price: z.number(), at: z.iso.datetime().transform((at) => new Date(at)) });
const prices = defineService(
  'prices',
  {
    quote: call(Symbol_, z.object({ price: z.number() })),
    watch: stream(Symbol_, Tick),
    total: call(z.object({}), z.object({ sum: z.number() }), { items: z.number() }),
    double: stream(z.object({}), z.number(), { items: z.number() }),
    seen: notice(Symbol_),
  },
  { errors: { NO_SUCH_SYMBOL: 1, CLOSED: 2 } },
);
const seen: string[] = [];
const functions = {
  quote: ({ symbol }: { symbol: string }) => {
    if (symbol !== 'ACME') throw prices.error('NO_SUCH_SYMBOL', `no ${symbol}`, { symbol });
    return { price: 42 };
  },
  async *watch({ symbol }: { symbol: string }) {
    for (const price of [1, 2]) yield { price, at: '2026-01-01T00:00:00Z' };
    if (symbol === 'BAD') yield { price: 'x' as unknown as number, at: '' };
  },
  async total(_input: object, { items }: { items: AsyncIterable<number> }) {
    let sum = 0;
    for await (const item of items) sum += item;
    return { sum };
  },
  async *double(_input: object, { items }: { items: AsyncIterable<number> }) {
    for await (const item of items) yield item * 2;
  },
  seen: ({ symbol }: { symbol: string }) => void seen.push(symbol),
};

describe('a service', () => {
  it('is called by its types: answers, items both ways, notices', async () => {
    const { exchange, during } = serviceEnds(serve(prices, functions));
    const api = clientOf(prices, exchange);
    expect(await during(() => api.quote({ symbol: 'ACME' }))).toEqual({ price: 42 });
    const ticks = await during(() => all(api.watch({ symbol: 'ACME' })));
    expect(ticks).toEqual([
      { price: 1, at: new Date('2026-01-01T00:00:00Z') },
      { price: 2, at: new Date('2026-01-01T00:00:00Z') },
    ]);
    expect(await during(() => api.total({}, [1, 2, 3]))).toEqual({ sum: 6 });
    expect(await during(() => all(api.double({}, [1, 2])))).toEqual([2, 4]);
    await during(async () => void (await api.seen({ symbol: 'X' })));
    await during(() => api.quote({ symbol: 'ACME' }));
    expect(seen).toEqual(['X']);
  });

  it('refuses a notice that does not fit at its sender, because no answer would say so', async () => {
    seen.length = 0;
    const { exchange, during } = serviceEnds(serve(prices, functions));
    const api = clientOf(prices, exchange);
    expect(() => api.seen({ symbol: 5 } as never)).toThrow(
      expect.objectContaining({
        name: 'EncodeError',
        code: 'HR_ERR_MESSAGE_NOT_ENCODABLE',
        message: expect.stringContaining('the input of prices.seen does not fit the schema'),
      }),
    );
    await during(() => api.quote({ symbol: 'ACME' }));
    expect(seen).toEqual([]);
  });

  it('refuses an input that does not fit, with what is wrong, before its function is called', async () => {
    let called = 0;
    const handle = serve(prices, {
      ...functions,
      quote: () => {
        called += 1;
        return { price: 1 };
      },
    });
    const { exchange, during } = serviceEnds(handle);
    const api = clientOf(prices, exchange);
    await expect(during(() => api.quote({ symbol: '' }))).rejects.toMatchObject({
      code: 'HR_ERR_REQUEST_REFUSED',
      details: { code: -32_602, text: expect.stringContaining('the input of prices.quote') },
    });
    await expect(during(() => api.total({}, [1, 'x' as never]))).rejects.toMatchObject({
      details: { code: -32_602, text: expect.stringContaining('an item to prices.total') },
    });
    expect(called).toBe(0);
  });

  it('an answer or an item that does not fit is an error of its caller', async () => {
    const handle = serve(prices, { ...functions, quote: () => ({ price: 'x' as never }) });
    const { exchange, during } = serviceEnds(handle);
    const api = clientOf(prices, exchange);
    await expect(during(() => api.quote({ symbol: 'ACME' }))).rejects.toMatchObject({
      code: 'HR_ERR_MESSAGE_INVALID',
      message: expect.stringContaining('the answer of prices.quote'),
    });
    await expect(during(() => all(api.watch({ symbol: 'BAD' })))).rejects.toMatchObject({
      message: expect.stringContaining('an item of prices.watch'),
    });
  });

  it('its errors have names, texts and data at the caller', async () => {
    const { exchange, during } = serviceEnds(serve(prices, functions));
    const error = await during(() => clientOf(prices, exchange).quote({ symbol: 'NO' })).catch(
      (thrown: unknown) => thrown,
    );
    expect(prices.errorName(error)).toBe('NO_SUCH_SYMBOL');
    expect(error).toMatchObject({ details: { code: 1, text: 'no NO' }, cause: { symbol: 'NO' } });
    expect(prices.errorName(new Error('x'))).toBeUndefined();
  });

  it('says that there is no such method, and that a stream is one', async () => {
    const { exchange, during } = serviceEnds(serveAll(serve(prices, functions)));
    const ask = (method: string) =>
      during(() => exchange.request({ method, params: { symbol: 'A' } }));
    for (const method of ['prices.other', 'prices.constructor', 'other.quote', 'quote']) {
      await expect(ask(method)).rejects.toMatchObject({ details: { code: -32_601 } });
    }
    await expect(ask('prices.watch')).rejects.toMatchObject({
      details: { code: -32_602, text: 'prices.watch is a stream: ask for its items' },
    });
  });

  it('serves several, each by its name', async () => {
    const clock = defineService('clock', { now: call(z.object({}), z.number()) });
    const handle = serveAll(serve(prices, functions), serve(clock, { now: () => 7 }));
    expect(handle.services.map(({ name }) => name)).toEqual(['prices', 'clock']);
    const { exchange, during } = serviceEnds(handle);
    expect(await during(() => clientOf(clock, exchange).now({}))).toBe(7);
    expect(await during(() => clientOf(prices, exchange).quote({ symbol: 'ACME' }))).toEqual({
      price: 42,
    });
    expect(() => serveAll(handle, handle)).toThrow('two services are called prices');
  });

  it('interceptors of both ends stand around calls, the first outermost', async () => {
    const order: string[] = [];
    const around =
      (name: string) => async (one: { method: string }, next: () => Promise<unknown>) => {
        order.push(`${name} ${one.method}`);
        const answer = await next();
        order.push(`${name} end`);
        return answer;
      };
    const locked = (one: ServedCall, next: () => Promise<unknown>) => {
      if (one.method === 'watch') throw prices.error('CLOSED', 'come back tomorrow');
      return next();
    };
    const handle = serve(prices, functions, { interceptors: [around('server'), locked] });
    const { exchange, during } = serviceEnds(handle);
    const api = clientOf(prices, exchange, { interceptors: [around('a'), around('b')] });
    expect(await during(() => api.quote({ symbol: 'ACME' }))).toEqual({ price: 42 });
    expect(order).toEqual(['a quote', 'b quote', 'server quote', 'server end', 'b end', 'a end']);
    const refused = await during(() => all(api.watch({ symbol: 'ACME' }))).catch((error) => error);
    expect(prices.errorName(refused)).toBe('CLOSED');
    expect(await during(() => all(api.double({}, [1])))).toEqual([2]);
  });

  it('takes schemas of valibot and ArkType', async () => {
    const sums = defineService('sums', {
      add: call(v.object({ a: v.number(), b: v.number() }), v.number()),
      twice: call(type({ a: 'number' }), type('number')),
    });
    const handle = serve(sums, { add: ({ a, b }) => a + b, twice: ({ a }) => 2 * a });
    const { exchange, during } = serviceEnds(handle);
    const api = clientOf(sums, exchange);
    expect(await during(() => api.add({ a: 1, b: 2 }))).toBe(3);
    expect(await during(() => api.twice({ a: 4 }))).toBe(8);
    await expect(during(() => api.twice({ a: 'x' as never }))).rejects.toMatchObject({
      details: { code: -32_602 },
    });
  });

  it('leaving a stream ends it at the server', async () => {
    let left = false;
    const handle = serve(prices, {
      ...functions,
      async *watch() {
        try {
          for (;;) yield { price: 1, at: '2026-01-01T00:00:00Z' };
        } finally {
          left = true;
        }
      },
    });
    const { exchange, during } = serviceEnds(handle);
    const first = await during(async () => {
      for await (const { price } of clientOf(prices, exchange).watch({ symbol: 'A' })) return price;
      return 0;
    });
    await during(() => clientOf(prices, exchange).quote({ symbol: 'ACME' }));
    expect([first, left]).toEqual([1, true]);
  });
});

describe('defineService and serve', () => {
  const Any = z.object({});
  it.each([
    ['a name', () => defineService('no name', {}), 'the name of a service is "no name"'],
    ['a method', () => defineService('a', { 'b.c': notice(Any) }), 'a method of a is "b.c"'],
    ['a code', () => defineService('a', {}, { errors: { X: 1.5 } }), 'the code of the error X'],
    ['a reserved code', () => defineService('a', {}, { errors: { X: -32_000 } }), 'is -32000'],
    [
      'a code twice',
      () => defineService('a', {}, { errors: { X: 1, Y: 1 } }),
      'no other error has',
    ],
    ['no schema', () => call({} as never, Any), 'Standard Schema'],
    ['an unknown option', () => defineService('a', {}, { error: {} } as never), 'error'],
    [
      'an option of a server that is none',
      () => serve(defineService('a', {}), {}, { interceptor: [] } as never),
      'interceptor',
    ],
    [
      'an option of a client that is none',
      () => clientOf(defineService('a', {}), {} as never, { interceptors: 1 } as never),
      'a list of functions',
    ],
    [
      'a missing function',
      () => serve(defineService('a', { b: notice(Any) }), {} as never),
      'there is no function for b',
    ],
    [
      'a function too many',
      () => serve(defineService('a', {}), { c: () => {} } as never),
      'there is no method for the functions c',
    ],
  ])('refuses %s', (_name, make, text) => {
    expect(make).toThrow(text);
  });

  it('describes itself as JSON Schema, of what is on the wire', () => {
    const description = describeService(prices);
    expect(description).toEqual(prices['~headraceService']());
    expect(description).toMatchObject({
      service: 'prices',
      errors: { NO_SUCH_SYMBOL: 1, CLOSED: 2 },
      methods: {
        quote: { kind: 'call', input: { type: 'object', required: ['symbol'] } },
        watch: { kind: 'stream', output: { properties: { at: { type: 'string' } } } },
        total: { kind: 'call', items: { type: 'number' } },
        seen: { kind: 'notice' },
      },
    });
    expect(description.methods['seen']).not.toHaveProperty('output');
    expect(JSON.parse(JSON.stringify(description))).toEqual(description);
  });

  it('takes a function for schemas that print nothing by themselves', () => {
    const silent = {
      '~standard': {
        version: 1 as const,
        vendor: 'mine',
        validate: (value: unknown) => ({ value }),
      },
    };
    const service = defineService('a', { b: notice(silent) });
    expect(() => describeService(service)).toThrow('a schema of mine prints no JSON Schema');
    expect(describeService(service, () => true).methods['b']).toEqual({
      kind: 'notice',
      input: true,
    });
  });

  it('calls of a service are plain JSON-RPC', () => {
    const message = jsonRpcExchange().request(
      1,
      { method: 'prices.quote', params: { symbol: 'A' } },
      50,
    );
    expect(JSON.parse(JSON.stringify(message))).toMatchObject({
      method: 'prices.quote',
      params: { symbol: 'A' },
    });
  });
});
