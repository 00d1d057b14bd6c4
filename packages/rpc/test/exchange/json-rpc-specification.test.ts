import { jsonLines } from '@headrace/codec';
import { silentLogger } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { ExchangeHandler, jsonRpcExchange, refusal } from '../../src/index.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Params {
  readonly minuend: number;
  readonly subtrahend: number;
}

/** The server of section 7 of the specification. */
function handle({ method, params }: { method: string; params?: unknown }): unknown {
  if (method === 'sum') return (params as number[]).reduce((a, b) => a + b);
  if (method === 'get_data') return ['hello', 5];
  if (method === 'subtract') {
    const { minuend, subtrahend } = params as Params;
    return Array.isArray(params) ? params[0] - params[1] : minuend - subtrahend;
  }
  if (method === 'circle') {
    const circle: unknown[] = [];
    circle.push(circle);
    return circle;
  }
  if (method === 'later') return turn().then(() => 'late');
  if (/^(?:update|foobar|notify_.*)$/.test(method) && params !== undefined) return undefined;
  throw refusal(-32_601, 'Method not found');
}

async function answersTo(...lines: string[]): Promise<{ answers: unknown[]; isOpen: boolean }> {
  const channel = EmbeddedChannel.with(
    { logger: silentLogger },
    ...jsonLines({ maxLength: 10_000 }),
    new ExchangeHandler({ format: jsonRpcExchange(), handle }),
    { exceptionCaught: () => {} },
  );
  for (const line of lines) channel.writeInbound(Buffer.from(`${line}\n`));
  await turn();
  await turn();
  channel.runPendingTasks();
  const answers: unknown[] = [];
  for (let out = channel.readOutbound(); out !== undefined; out = channel.readOutbound()) {
    for (const text of String(out).split('\n')) if (text !== '') answers.push(JSON.parse(text));
  }
  return { answers, isOpen: channel.isOpen && !channel.isEnding };
}

const V = '"jsonrpc": "2.0"';
const result = (id: unknown, value: unknown) => ({ jsonrpc: '2.0', id, result: value });
const error = (id: unknown, code: number) => ({
  jsonrpc: '2.0',
  id,
  error: { code, message: expect.any(String) },
});

describe('JSON-RPC 2.0, section 7', () => {
  it.each<[string, string, unknown[]]>([
    [
      'positional parameters',
      `{${V}, "method": "subtract", "params": [42, 23], "id": 1}`,
      [result(1, 19)],
    ],
    [
      'positional parameters, the other way round',
      `{${V}, "method": "subtract", "params": [23, 42], "id": 2}`,
      [result(2, -19)],
    ],
    [
      'named parameters',
      `{${V}, "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}`,
      [result(3, 19)],
    ],
    [
      'named parameters, the other way round',
      `{${V}, "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}`,
      [result(4, 19)],
    ],
    [
      'an id whose digits JavaScript rounds',
      `{${V}, "method": "get_data", "id": 9007199254740993}`,
      [error(null, -32_600)],
    ],
    [
      'the largest id that is exact, and an id with a fraction',
      `[{${V}, "method": "get_data", "id": 9007199254740991}, {${V}, "method": "get_data", "id": 1.5}]`,
      [[result(9_007_199_254_740_991, ['hello', 5]), result(1.5, ['hello', 5])]],
    ],
    ['a notification', `{${V}, "method": "update", "params": [1,2,3,4,5]}`, []],
    ['a notification that fails', `{${V}, "method": "foobar"}`, []],
    [
      'a method that does not exist',
      `{${V}, "method": "foobar", "id": "1"}`,
      [error('1', -32_601)],
    ],
    [
      'JSON that is invalid',
      `{${V}, "method": "foobar, "params": "bar", "baz]`,
      [error(null, -32_700)],
    ],
    ['a request that is invalid', `{${V}, "method": 1, "params": "bar"}`, [error(null, -32_600)]],
    [
      'a batch whose JSON is invalid',
      `[{${V}, "method": "sum", "params": [1,2,4], "id": "1"}, {${V}, "method"]`,
      [error(null, -32_700)],
    ],
    ['a batch of nothing', '[]', [error(null, -32_600)]],
    ['a batch that is invalid and not empty', '[1]', [[error(null, -32_600)]]],
    [
      'a batch that is invalid',
      '[1,2,3]',
      [[error(null, -32_600), error(null, -32_600), error(null, -32_600)]],
    ],
    [
      'a batch',
      `[{${V}, "method": "sum", "params": [1,2,4], "id": "1"}, {${V}, "method": "notify_hello", "params": [7]}, {${V}, "method": "subtract", "params": [42,23], "id": "2"}, {"foo": "boo"}, {${V}, "method": "foo.get", "params": {"name": "myself"}, "id": "5"}, {${V}, "method": "get_data", "id": "9"}]`,
      [
        expect.arrayContaining([
          result('1', 7),
          result('2', 19),
          error(null, -32_600),
          error('5', -32_601),
          result('9', ['hello', 5]),
        ]),
      ],
    ],
    [
      'a batch of notifications',
      `[{${V}, "method": "notify_sum", "params": [1,2,4]}, {${V}, "method": "notify_hello", "params": [7]}]`,
      [],
    ],
    ['a batch in a batch', '[[]]', [[error(null, -32_600)]]],
    ['a text', '"text"', [error(null, -32_600)]],
    ['a text in a batch', '["text"]', [[error(null, -32_600)]]],
    [
      'a batch with a late answer',
      `[{${V}, "method": "later", "id": 1}, {${V}, "method": "sum", "params": [1], "id": 2}]`,
      [[result(2, 1), result(1, 'late')]],
    ],
    [
      'a batch with an answer that cannot be encoded as JSON',
      `[{${V}, "method": "circle", "id": 1}, {${V}, "method": "sum", "params": [1], "id": 2}]`,
      [expect.arrayContaining([error(1, -32_603), expect.objectContaining({ id: 2 })])],
    ],
  ])('%s', async (_name, line, expected) => {
    expect((await answersTo(line)).answers).toEqual(expected);
  });

  it('goes on after a request that is invalid, and ends after JSON that is', async () => {
    const sum = `{${V}, "method": "sum", "params": [1], "id": 2}`;
    expect(await answersTo('{}', '[1]', '[]', sum)).toMatchObject({
      answers: [error(null, -32_600), [error(null, -32_600)], error(null, -32_600), result(2, 1)],
      isOpen: true,
    });
    expect(await answersTo('{', sum)).toEqual({ answers: [error(null, -32_700)], isOpen: false });
  });
});
