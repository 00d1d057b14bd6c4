import { isHeadraceError } from '@headrace/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonRpcExchange } from '../../src/exchange/json-rpc-exchange.ts';
import { readings } from './readings.ts';

const format = jsonRpcExchange();
const rpc = (members: object): object => ({ jsonrpc: '2.0', ...members });
const read = (message: unknown): string[] => readings(format, message);
const json = (message: unknown): unknown => JSON.parse(JSON.stringify(message));
const call = { method: 'add', params: [1, 2] };

const PARAMS = /params is neither an object nor an array/;

describe('jsonRpcExchange', () => {
  it.each([
    ['a request', format.request(1, call, 500), rpc({ id: 1, ...call, $timeLeftMs: 500 })],
    ['one without an end', format.request(1, call, Infinity), rpc({ id: 1, ...call })],
    [
      'one without params',
      format.request(1, { method: 'm' }, Infinity),
      rpc({ id: 1, method: 'm' }),
    ],
    ['a notification', format.notification!(call), rpc(call)],
    ['a cancel', format.cancel!(7), rpc({ method: '$/cancelRequest', params: { id: 7 } })],
    ['a response', format.response!('x', 3), rpc({ id: 'x', result: 3 })],
    ['an answer of nothing', format.response!(1, undefined), rpc({ id: 1, result: null })],
    [
      'an error',
      format.error!(1, -32_000, 'no'),
      rpc({ id: 1, error: { code: -32_000, message: 'no' } }),
    ],
    [
      'an error with data',
      format.error!(1, 5, 'no', { a: 1 }),
      rpc({ id: 1, error: { code: 5, message: 'no', data: { a: 1 } } }),
    ],
  ])('writes %s', (_, message, expected) => {
    expect(json(message)).toEqual(expected);
  });

  it.each<readonly [unknown, string]>([
    [rpc({ id: 1, ...call, $timeLeftMs: 500 }), 'request 1 {"method":"add","params":[1,2]} 500'],
    [rpc({ id: 'x', method: 'm' }), 'request x {"method":"m"} Infinity'],
    [rpc({ id: 0, method: 'm' }), 'request 0 {"method":"m"} Infinity'],
    [rpc({ id: 1, method: '$/cancelRequest' }), 'request 1 {"method":"$/cancelRequest"} Infinity'],
    [rpc(call), 'notification {"method":"add","params":[1,2]}'],
    // As clients write it that have no parameters.
    [rpc({ id: 1, method: 'm', params: null }), 'request 1 {"method":"m","params":null} Infinity'],
    // The calls of the connection go on.
    ...[undefined, null, {}, [], { id: null }, { id: {} }].map(
      (params) =>
        [
          rpc({ method: '$/cancelRequest', params }),
          'reply $/cancelRequest without an id',
        ] as const,
    ),
    [rpc({ method: '$/cancelRequest', params: { id: 7 } }), 'cancel 7'],
    [rpc({ id: 1, result: null }), 'response 1 null'],
    [rpc({ id: 1, result: 0, error: null }), 'response 1 0'],
    [rpc({ id: 1, error: { code: -1, message: 'no', data: [1] } }), 'refusal 1 -1 no [1]'],
    [rpc({ id: null, error: { code: -32_700, message: 'no' } }), 'refusal null -32700 no'],
  ])('reads %j', (message, reading) => {
    expect(read(message)).toEqual([reading]);
  });

  const streams = format.streams!;
  it.each([
    [
      'one that takes items',
      streams.open(1, call, 500, { items: 8, bytes: 99 }, false),
      rpc({ id: 1, ...call, $timeLeftMs: 500, $stream: { items: 8, bytes: 99, input: false } }),
      'open 1 {"method":"add","params":[1,2]} 500 {"items":8,"bytes":99} false',
    ],
    [
      'one that sends some',
      streams.open(1, call, Number.POSITIVE_INFINITY, undefined, true),
      rpc({ id: 1, ...call, $stream: { items: 0, bytes: 0, input: true } }),
      'open 1 {"method":"add","params":[1,2]} Infinity true',
    ],
    [
      'an item of the answerer',
      streams.item('x', 'answerer', { a: 1 }),
      rpc({ method: '$/stream/item', params: { id: 'x', item: { a: 1 } } }),
      'item x answerer {"a":1}',
    ],
    [
      'one of the caller that is nothing',
      streams.item(1, 'caller', undefined),
      rpc({ method: '$/stream/input', params: { id: 1, item: null } }),
      'item 1 caller null',
    ],
    [
      'the end of them',
      streams.inputEnd(1),
      rpc({ method: '$/stream/inputEnd', params: { id: 1 } }),
      'inputEnd 1',
    ],
    [
      'credit of the caller',
      streams.credit(1, 'caller', 3),
      rpc({ method: '$/stream/credit', params: { id: 1, taken: 3 } }),
      'credit 1 caller 3',
    ],
    [
      'credit of the answerer',
      streams.credit(1, 'answerer', 3),
      rpc({ method: '$/stream/inputCredit', params: { id: 1, taken: 3 } }),
      'credit 1 answerer 3',
    ],
    [
      'a window',
      streams.window(1, { items: 8, bytes: 99 }),
      rpc({ method: '$/stream/inputWindow', params: { id: 1, items: 8, bytes: 99 } }),
      'window 1 {"items":8,"bytes":99}',
    ],
  ])('writes and reads of streams %s', (_, message, expected, reading) => {
    expect(json(message)).toEqual(expected);
    expect(read(json(message))).toEqual([reading]);
  });

  it.each([
    rpc({ id: 1, ...call, $stream: null }),
    rpc({ id: 1, ...call, $stream: { items: 1, bytes: 1 } }),
    rpc({ id: 1, ...call, $stream: { items: 1, bytes: -1, input: true } }),
    rpc({ id: 1, ...call, $stream: { items: 1.5, bytes: 1, input: true } }),
    rpc({ method: '$/stream/item', params: { id: 1 } }),
    rpc({ method: '$/stream/item', params: { item: 1 } }),
    rpc({ method: '$/stream/item' }),
    rpc({ method: '$/stream/credit', params: { id: 1, taken: 0 } }),
    rpc({ method: '$/stream/credit', params: { id: 1, taken: 2 ** 33 } }),
    rpc({ method: '$/stream/inputWindow', params: { id: 1, items: 1 } }),
  ])('refuses of streams %j', (message) => {
    expect(() => read(message)).toThrow(
      expect.objectContaining({ code: 'HR_ERR_MESSAGE_INVALID' }),
    );
  });

  it('texts beside a call travel with it, of requests and streams', () => {
    const headers = { traceparent: '00-a-b-01' };
    const traced = { ...call, headers };
    const request = rpc({ id: 1, ...call, $headers: headers });
    expect(json(format.request(1, traced, Number.POSITIVE_INFINITY))).toEqual(request);
    const reading = JSON.stringify({ ...call, headers });
    expect(read(request)).toEqual([`request 1 ${reading} Infinity`]);
    const open = json(streams.open(1, traced, 5, undefined, true));
    expect(read(open)).toEqual([`open 1 ${reading} 5 true`]);
    for (const wrong of [null, [], 'a', { a: 1 }]) {
      expect(() => read(rpc({ id: 1, ...call, $headers: wrong }))).toThrow(
        'is not an object of texts',
      );
    }
  });

  it('other notifications of this kind are those of the application', () => {
    const message = rpc({ method: '$/stream/other', params: { id: 1 } });
    expect(read(message)).toEqual(['notification {"method":"$/stream/other","params":{"id":1}}']);
  });

  it('measures an item at both ends alike, by its text and its values, and ends with cycles', () => {
    const valuesOf = (value: unknown): number => {
      if (typeof value !== 'object' || value === null) return 1;
      const names = Array.isArray(value) ? 0 : Object.keys(value).length;
      return Object.values(value).reduce<number>((sum, one) => sum + valuesOf(one), 1 + names);
    };
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    expect(streams.sizeOf(cycle)).toBeGreaterThan(1_000_000);
    expect(streams.sizeOf({ at: new Date(0), gone: undefined })).toBe(
      streams.sizeOf({ at: '1970-01-01T00:00:00.000Z' }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = streams.sizeOf(value) - 64 * valuesOf(value);
        expect(text).toBeLessThanOrEqual(JSON.stringify(value).length);
        expect(text * 10 + 10).toBeGreaterThan(JSON.stringify(value).length / 3);
      }),
    );
  });

  it.each<readonly [string, unknown, unknown, RegExp]>([
    ['null', null, null, /is not an object/],
    ['a number', 7, null, /is not an object/],
    ['an object of nothing', {}, null, /jsonrpc is not "2.0"/],
    ['another version', { id: 1, method: 'm' }, 1, /jsonrpc is not "2.0"/],
    ['a method that is not text', rpc({ id: 1, method: 1 }), 1, /method is not a string/],
    ['neither a method nor an answer', rpc({ id: 1 }), 1, /method is not a string/],
    ['an id that is null', rpc({ id: null, method: 'm' }), null, /id of a request/],
    ['an id that is an object', rpc({ id: {}, method: 'm' }), null, /id of a request/],
    ['an id from 2^53 on', rpc({ id: 2 ** 53, method: 'm' }), null, /number up to 2\^53/],
    ['an id below -2^53', rpc({ id: -(2 ** 60), method: 'm' }), null, /number up to 2\^53/],
    [
      'an id beyond all numbers',
      rpc({ id: Number.POSITIVE_INFINITY, method: 'm' }),
      null,
      /number up to 2\^53/,
    ],
    ['an inexact id beside another fault', rpc({ id: 2 ** 53, method: 1 }), null, /not a string/],
    ...[7, 0, '', 'x', true, false].flatMap(
      (params) =>
        [
          ['params that are no structure', rpc({ id: 1, method: 'm', params }), 1, PARAMS],
          ['a notification of such', rpc({ method: 'm', params }), null, PARAMS],
          ['a cancel of such', rpc({ method: '$/cancelRequest', params }), null, PARAMS],
        ] as const,
    ),
    ['a batch of nothing', [], null, /a batch of 0 messages/],
    ['a batch that is too long', Array(101).fill(rpc(call)), null, /a batch of 101 messages/],
  ])('answers %s with -32600', (_, message, id, text) => {
    const [reply, ...more] = read(message);
    const error = JSON.parse(reply!.replace(/^reply (.*\}) .*$/, '$1'));
    expect(error).toMatchObject({ jsonrpc: '2.0', id, error: { code: -32_600 } });
    expect(error.error.message).toMatch(text);
    expect(more).toEqual([]);
  });

  it.each([
    ['a text', 'text', /^a text, but an object was expected, which a codec must make \(text\)/],
    ['bytes', Buffer.from('{}'), /^bytes, but an object was expected, which a codec .*7b 7d\)/],
    ['a time that is no number', rpc({ id: 1, method: 'm', $timeLeftMs: '1' }), /\$timeLeftMs/],
    ['a time that is over', rpc({ id: 1, method: 'm', $timeLeftMs: 0 }), /\$timeLeftMs/],
    ['an answer without an id', rpc({ result: 1 }), /without an id/],
    ['an answer of another version', { id: 1, result: 1 }, /jsonrpc is not "2.0"/],
    ['an answer of null', rpc({ id: 1, error: null }), /without result and error/],
    ['an answer to null', rpc({ id: null, result: 1 }), /without an id/],
    [
      'an error without a code',
      rpc({ id: 1, error: { message: 'no' } }),
      /without code and message/,
    ],
    ['an error that is a text', rpc({ id: 1, error: 'no' }), /without code and message/],
  ])('refuses %s', (_, message, text) => {
    expect(() => read(message)).toThrow(text);
    expect(() => read(message)).toThrow(
      expect.objectContaining({ code: 'HR_ERR_MESSAGE_INVALID' }),
    );
  });

  it('refuses to write params that are no structure', () => {
    for (const params of [7, '', true, () => {}]) {
      expect(() => format.request(1, { method: 'm', params }, 1)).toThrow(PARAMS);
      expect(() => format.notification!({ method: 'm', params })).toThrow(PARAMS);
      const { open } = format.streams!;
      expect(() => open(1, { method: 'm', params }, 1, undefined, true)).toThrow(PARAMS);
    }
  });

  it('refuses to write a call without a method', () => {
    for (const wrong of [{}, null, 'm', { method: 1 }]) {
      expect(() => format.request(1, wrong as never, 1)).toThrow(/needs a method/);
      expect(() => format.notification!(wrong as never)).toThrow(/needs a method/);
    }
  });

  it('refuses to write an answer that JSON would leave out, or make {} of', () => {
    for (const answer of [() => {}, Symbol('x'), new Map([[1, 2]]), new Set([1]), new Error('x')]) {
      expect(() => format.response!(1, answer)).toThrow(/cannot be encoded as JSON/);
    }
  });

  it('makes one reading of any JSON, or an error of its own', () => {
    const member = (...values: unknown[]) =>
      fc.constantFrom(undefined, null, 1, 'x', {}, ...values);
    const message = fc.record({
      jsonrpc: fc.constantFrom('2.0', '2.0', '2.0', '1.0'),
      id: member(-1),
      method: member('$/cancelRequest', 'm'),
      params: member({ id: 1 }, [1]),
      result: member(true),
      error: member({ code: 1, message: 'no' }),
      $timeLeftMs: member(-1, 5),
    });
    fc.assert(
      fc.property(fc.oneof(message, fc.jsonValue()), (value) => {
        try {
          const { length } = read(value);
          if (Array.isArray(value)) expect(length).toBeGreaterThan(0);
          else expect(length).toBe(1);
        } catch (thrown) {
          if (!isHeadraceError(thrown, 'MESSAGE_INVALID')) throw thrown;
        }
      }),
    );
  });
});
