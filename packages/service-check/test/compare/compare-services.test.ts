import {
  call,
  defineService,
  describeService,
  type JsonSchema,
  type MethodDescription,
  type ServiceDescription,
  stream,
} from '@headrace/rpc';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { compareServices } from '../../src/compare/compare-services.ts';
import { ALLOWED_CHANGES } from './allowed-changes.ts';

const CALL: MethodDescription = {
  kind: 'call',
  input: { type: 'object' },
  output: { type: 'number' },
};

const service = (
  quote: Partial<MethodDescription>,
  errors: ServiceDescription['errors'] = {},
): ServiceDescription => ({ service: 'prices', methods: { quote: { ...CALL, ...quote } }, errors });

const members = (properties: Record<string, JsonSchema>, required = Object.keys(properties)) => ({
  type: 'object',
  properties,
  required,
});

/** Each change as a line. */
const lines = (older: ServiceDescription, newer: ServiceDescription): string[] =>
  compareServices(older, newer).map(
    ({ place, text, breaks }) => `${breaks ? 'breaks' : 'allowed'} ${place}: ${text}`,
  );

const inputLines = (older: JsonSchema, newer: JsonSchema) =>
  lines(service({ input: older }), service({ input: newer }));
const outputLines = (older: JsonSchema, newer: JsonSchema) =>
  lines(service({ output: older }), service({ output: newer }));

describe('an allowed change', () => {
  it.each(ALLOWED_CHANGES)('is reported, and breaks nothing: $name', ({ older, newer }) => {
    const changes = compareServices(older, newer);
    expect(changes).not.toEqual([]);
    expect(changes.filter(({ breaks }) => breaks)).toEqual([]);
  });

  const oneWay = ['a new member of an output', 'a new member of a stream’s items', 'documentation'];
  const others = ALLOWED_CHANGES.filter(({ name }) => !oneWay.includes(name));
  it.each(others)('breaks the other way round: $name', ({ older, newer, name }) => {
    const back = compareServices(newer, older).filter(({ breaks }) => breaks);
    expect(back.length > 0).toBe(name !== 'an optional member less in an output');
  });

  it('is none if nothing changes, or only the order of keywords and members', () => {
    const one = service({ input: members({ a: { type: 'string' }, b: true }) });
    expect(lines(one, structuredClone(one))).toEqual([]);
    const input = {
      required: ['a', 'b'],
      properties: { b: true, a: { type: 'string' } },
      type: 'object',
    };
    expect(lines(one, service({ input }))).toEqual([]);
  });
});

describe('methods', () => {
  it('break old clients when they go', () => {
    expect(lines(service({}), { service: 'prices', methods: {}, errors: {} })).toEqual([
      'breaks prices.quote: removed: an old client that calls it is refused',
    ]);
  });

  it('break old clients when they become of another kind', () => {
    expect(lines(service({}), service({ kind: 'stream' }))).toEqual([
      'breaks prices.quote: was a call and is a stream: an old client waits for another answer',
    ]);
  });

  it('may not begin or end to take items', () => {
    const items = { items: { type: 'string' } };
    expect(lines(service({}), service(items))).toEqual([
      'breaks prices.quote.items: new: an old client sends no items',
    ]);
    expect(lines(service(items), service({}))).toEqual([
      'breaks prices.quote.items: removed: an old client sends items that the server does not read',
    ]);
  });

  it('compare the items of a caller as an input', () => {
    const [narrow, wide] = [{ items: { const: 1 } }, { items: { type: 'number' } }];
    expect(compareServices(service(narrow), service(wide))).toMatchObject([{ breaks: false }]);
    expect(lines(service(wide), service(narrow))).toEqual([
      'breaks prices.quote.items: an old client may send a number, the server takes only 1',
    ]);
  });

  it('may have names of the language', () => {
    const methods = JSON.parse('{"constructor": {"kind": "notice", "input": true}}');
    expect(lines(service({}), { service: 'prices', methods, errors: {} })).toEqual([
      'breaks prices.quote: removed: an old client that calls it is refused',
      'allowed prices.constructor: new: no old client calls it',
    ]);
  });

  it('are not found by an old client when the service has another name', () => {
    expect(lines(service({}), { ...service({}), service: 'quotes' })).toEqual([
      'breaks prices: the service is quotes now: the server knows no method that an old client calls',
    ]);
  });
});

describe('errors', () => {
  it('break old clients that wait for them', () => {
    expect(lines(service({}, { CLOSED: 1 }), service({}))).toEqual([
      'breaks prices.errors.CLOSED: removed: an old client that looks for 1 gets another error',
    ]);
    expect(lines(service({}, { CLOSED: 1 }), service({}, { CLOSED: 2 }))).toEqual([
      'breaks prices.errors.CLOSED: its code was 1 and is 2: an old client does not know it',
    ]);
  });

  it('take no code of another one', () => {
    expect(lines(service({}, { CLOSED: 1 }), service({}, { FULL: 1 }))).toEqual([
      'breaks prices.errors.CLOSED: removed: an old client that looks for 1 gets another error',
      'breaks prices.errors.FULL: its code 1 was that of CLOSED: an old client takes it for that',
    ]);
  });

  it('may be added', () => {
    expect(lines(service({}), service({}, { FULL: 3 }))).toEqual([
      'allowed prices.errors.FULL: new: an old client sees the code 3, without a name',
    ]);
  });
});

describe('an input', () => {
  it('may not need what old clients do not send', () => {
    expect(inputLines(members({}), members({ symbol: { type: 'string' } }))).toEqual([
      'breaks prices.quote.input.symbol: an old client may send nothing here, the server takes no value without this member',
    ]);
  });

  it('may not lose a member that old clients rely on', () => {
    expect(inputLines(members({ dryRun: { type: 'boolean' } }, []), members({}))).toEqual([
      'breaks prices.quote.input.dryRun: removed: the server ignores what an old client sends here',
    ]);
  });

  it('names the place deep within', () => {
    const order = (count: JsonSchema) =>
      members({ lines: { type: 'array', items: members({ 'the count': count }) } });
    expect(inputLines(order({ type: 'integer' }), order({ type: 'integer', minimum: 1 }))).toEqual([
      'breaks prices.quote.input.lines[]["the count"]: an old client may send an integer, the server takes only minimum 1',
    ]);
  });

  it('says when two schemas cannot be compared', () => {
    const vendor = (text: string) => ({ type: 'string', 'x-vendor': text });
    expect(inputLines(vendor('a'), { ...vendor('a'), title: 'A' })).toEqual([
      'allowed prices.quote.input: documented in other words',
    ]);
    expect(inputLines(vendor('a'), vendor('b'))).toEqual([
      'breaks prices.quote.input: cannot be compared: the keyword x-vendor cannot be compared',
    ]);
    expect(inputLines(vendor('a'), { type: 'string' })).toEqual([
      'breaks prices.quote.input: cannot be compared: the keyword x-vendor is on one side only',
    ]);
    expect(inputLines({ $ref: '#/nowhere' }, { type: 'string' })).toEqual([
      'breaks prices.quote.input: cannot be compared: $ref #/nowhere points at nothing',
    ]);
  });
});

describe('an output', () => {
  it('may not have what old clients do not know', () => {
    expect(outputLines({ enum: ['up', 'down'] }, { enum: ['up', 'down', 'even'] })).toEqual([
      'breaks prices.quote.output: the server may send "even", an old client takes only "up" or "down"',
    ]);
  });

  it('has new members only for clients that leave them out', () => {
    const [older, newer] = [members({ a: true }), members({ a: true, b: { type: 'string' } })];
    expect(outputLines(older, newer)).toEqual([
      'allowed prices.quote.output.b: new: an old client does not look at it',
    ]);
    expect(outputLines({ ...older, additionalProperties: false }, newer)).toEqual([
      'breaks prices.quote.output.b: the server may send this member, an old client takes no value with it',
    ]);
  });

  it('keeps its members', () => {
    expect(outputLines(members({ a: true }), members({ a: true }, []))).toEqual([
      'breaks prices.quote.output.a: the server may send nothing here, an old client takes no value without this member',
    ]);
  });
});

describe('a service of this version', () => {
  it('breaks old clients when a call is idempotent no more', () => {
    const errors = { errors: { BUSY: 1, GONE: 2 } };
    const buy = call(z.object({}), z.number());
    const quote = call(z.object({}), z.number(), { idempotent: true });
    const newer = describeService(defineService('prices', { quote, buy }, errors));
    const methods = { quote: call(z.object({}), z.number()), buy };
    const other = describeService(defineService('prices', methods, errors));
    expect(compareServices(newer, other)).toMatchObject([{ place: 'prices.quote', breaks: true }]);
    expect(compareServices(other, newer)).toMatchObject([{ place: 'prices.quote', breaks: false }]);
  });

  it('breaks old clients when a stream continues no more', () => {
    const From = z.object({ room: z.string(), after: z.number() });
    const resumed = defineService('chat', {
      follow: stream(From, z.number(), { resume: (input, last) => ({ ...input, after: last }) }),
    });
    const plain = defineService('chat', { follow: stream(From, z.number()) });
    const [older, newer] = [describeService(resumed), describeService(plain)];
    expect(compareServices(older, newer)).toMatchObject([
      { breaks: true, text: expect.stringContaining('could be continued') },
    ]);
    expect(compareServices(newer, older)).toMatchObject([{ breaks: false }]);
  });
});
