// Peers and definitions with names of the language, wrong types and large texts.
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { call, clientOf, defineService, serve, serveAll } from '../../src/index.ts';
import { serviceEnds } from './service-ends.ts';

const echo = defineService(
  'echo',
  { say: call(z.object({ text: z.string().max(10) }), z.string()) },
  { errors: { toString: 1 } },
);
const handle = () => serve(echo, { say: ({ text }) => text });

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', ''];

describe('a peer of a service', () => {
  it('gets nothing by names of the language', async () => {
    for (const served of [handle(), serveAll(handle())]) {
      const { exchange, during } = serviceEnds(served);
      for (const name of NAMES) {
        for (const method of [name, `echo.${name}`, `${name}.say`, `${name}.${name}`]) {
          await expect(
            during(() => exchange.request({ method, params: {} })),
          ).rejects.toMatchObject({ code: 'HR_ERR_REQUEST_REFUSED', details: { code: -32_601 } });
        }
      }
    }
  });

  it('is refused with a short text, whatever it sends', async () => {
    const { exchange, during, logged } = serviceEnds(handle());
    const bodies: unknown[] = [
      undefined,
      [],
      [1],
      { text: 1 },
      { text: 'x'.repeat(50_000) },
      JSON.parse('{"__proto__": {"text": "a"}}'),
      { constructor: { text: 'a' } },
    ];
    for (const params of bodies) {
      const error: unknown = await during(() =>
        exchange.request({ method: 'echo.say', params }),
      ).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ details: { code: -32_602 } });
      expect((error as Error).message.length).toBeLessThan(500);
    }
    const method = 'm'.repeat(50_000);
    const error = await during(() => exchange.request({ method })).catch((e: Error) => e.message);
    expect(String(error).length).toBeLessThan(500);
    expect(logged).toEqual([]);
  });

  it('ends its connection with headers that are not texts', async () => {
    for (const headers of [7, null, [], { a: 1 }, { a: null }, { a: {} }]) {
      const { exchange, during } = serviceEnds(handle());
      const ask = during(() =>
        exchange.request({ method: 'echo.say', params: { text: 'a' }, headers: headers as never }),
      );
      await expect(ask).rejects.toMatchObject({ code: 'HR_ERR_REQUEST_LOST' });
    }
  });

  it('has an error without a name when its code is not declared, also one of the language', async () => {
    const server = defineService('echo', echo.methods, { errors: { constructor: 7, toString: 1 } });
    for (const [name, expected] of [
      ['constructor', undefined],
      ['toString', 'toString'],
    ] as const) {
      const { exchange, during } = serviceEnds(
        serve(server, {
          say: () => {
            throw server.error(name, 'no');
          },
        }),
      );
      const error = await during(() => clientOf(echo, exchange).say({ text: 'a' })).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: 'HR_ERR_REQUEST_REFUSED' });
      expect(echo.errorName(error)).toBe(expected);
    }
  });
});

describe('a definition', () => {
  const plain = (name: string) =>
    defineService('plain', { [name]: call(z.object({}), z.number()) });

  it('needs a function for a method whose name all objects have', () => {
    for (const name of ['toString', 'constructor', 'hasOwnProperty', 'valueOf']) {
      expect(() => serve(plain(name), {} as never)).toThrow(`there is no function for ${name}`);
      expect(serve(plain(name), { [name]: () => 1 }).services).toHaveLength(1);
    }
  });

  it('takes the functions of an object with a class', () => {
    class Functions {
      one(): number {
        return 1;
      }
    }
    expect(serve(plain('one'), new Functions() as never).services).toHaveLength(1);
    expect(() => serve(plain('constructor'), new Functions() as never)).toThrow(
      'there is no function for constructor',
    );
  });

  it('has no method that an await of its client would call', () => {
    expect(() => plain('then')).toThrow('is "then"');
  });

  it('says which errors there are when a function throws another', () => {
    for (const name of ['valueOf', 'GONE']) {
      expect(() => echo.error(name as never, 'no')).toThrow(
        `the service echo declares no error ${name}: it has toString`,
      );
    }
  });
});
