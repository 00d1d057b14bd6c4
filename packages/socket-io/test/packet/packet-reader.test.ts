import { describe, expect, it } from 'vitest';
import { PacketReader } from '../../src/packet/packet-reader.ts';
import { EVENT, encodePacket } from '../../src/packet/socket-packet.ts';

const read = (...messages: (string | Buffer)[]) => {
  const reader = new PacketReader(3);
  return messages.map((message) => reader.read(message)).filter((packet) => packet !== undefined);
};

describe('PacketReader', () => {
  it.each([
    ['0', { type: 0, namespace: '/', id: undefined, data: undefined }],
    ['0{"token":"123"}', { type: 0, namespace: '/', data: { token: '123' } }],
    ['0/admin,', { type: 0, namespace: '/admin' }],
    ['0/admin', { type: 0, namespace: '/admin' }],
    ['0/admin,{"a":1}', { type: 0, namespace: '/admin', data: { a: 1 } }],
    ['0/a?b=c,', { type: 0, namespace: '/a?b=c' }],
    ['1', { type: 1, namespace: '/' }],
    ['1/admin,', { type: 1, namespace: '/admin' }],
    ['2["foo"]', { type: 2, namespace: '/', data: ['foo'] }],
    ['212["foo"]', { type: 2, id: 12, data: ['foo'] }],
    ['2/admin,0["foo"]', { type: 2, namespace: '/admin', id: 0, data: ['foo'] }],
    ['2[1]', { type: 2, data: [1] }],
    ['3/admin,13["bar"]', { type: 3, namespace: '/admin', id: 13, data: ['bar'] }],
    ['312[]', { type: 3, id: 12, data: [] }],
  ])('reads %s', (text, packet) => {
    expect(read(text)).toMatchObject([packet]);
  });

  it('puts attachments into their places, also several times and deep', () => {
    const json = '["baz",{"a":[{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":0}]';
    const packets = read(`52-/admin,7${json}`, Buffer.of(1), Buffer.of(2));
    const data = ['baz', { a: [Buffer.of(2)] }, Buffer.of(1)];
    const size = `52-/admin,7${json}`.length + 64 * 15 + 2;
    expect(packets).toEqual([{ type: 2, namespace: '/admin', id: 7, data, attachments: 2, size }]);
  });

  it('reads an answer with attachments', () => {
    const packets = read('61-15["bar",{"_placeholder":true,"num":0}]', Buffer.of(1));
    expect(packets).toMatchObject([{ type: 3, id: 15, data: ['bar', Buffer.of(1)] }]);
  });

  it('finds the places of attachments at any depth', () => {
    const depth = 200_000;
    const json = `["a",${'['.repeat(depth)}{"_placeholder":true,"num":0}${']'.repeat(depth)}]`;
    expect(read(`51-${json}`, Buffer.of(1))).toHaveLength(1);
  });

  it('refuses JSON of many small values before it is parsed, because they need more memory than their text', () => {
    const reader = new PacketReader(3, 10_000);
    const text = `2["a"${',[]'.repeat(70)}]`;
    expect(reader.read(text)?.size).toBe(text.length + 64 * 141);
    expect(reader.read(`2["a","${',[{:'.repeat(2000)}\\",[",1]`)?.size).toBeLessThan(9000);
    expect(() => reader.read(`2["a"${',[]'.repeat(80)}]`)).toThrow(
      'a packet of 246 characters counts 10550 bytes (64 for each value), more than maxPacketBytes, 10000',
    );
  });

  it('sets no prototype by a name of the JSON', () => {
    const [packet] = read(
      '51-["a",{"__proto__":{"isAdmin":true,"b":{"_placeholder":true,"num":0}}}]',
      Buffer.of(1),
    );
    const [, given] = packet!.data as [string, Record<string, unknown>];
    expect(given['isAdmin']).toBeUndefined();
    expect(Object.keys(given)).toEqual(['__proto__']);
  });

  it.each([
    ['', 'unknown type'],
    ['abc', 'unknown type'],
    ['7', 'unknown type'],
    ['2', 'wrong content'],
    ['2{}', 'wrong content'],
    ['2[]', 'wrong content'],
    ['2[null]', 'wrong content'],
    ['2["connect"]', 'wrong content'],
    ['2["disconnecting"]', 'wrong content'],
    ['2["a"', 'no JSON'],
    ['2abc["a"]', 'no JSON'],
    ['3{}', 'wrong content'],
    ['0[]', 'wrong content'],
    ['0"a"', 'wrong content'],
    ['1{}', 'wrong content'],
    ['4{"message":"a"}', 'wrong content'],
    ['5["a"]', 'wrong number of attachments'],
    ['50-["a"]', 'wrong number of attachments'],
    ['21-["a"]', 'wrong number of attachments'],
    ['54-["a"]', 'more than 3 attachments (maxAttachments)'],
    ['5999999999-["a"]', 'more than 3 attachments (maxAttachments)'],
  ])('refuses %j', (text, why) => {
    expect(() => read(text)).toThrow(`not a packet of Socket.IO 5: ${why}`);
  });

  it('refuses a text among attachments, bytes that nothing announced, and places without bytes', () => {
    expect(() => read('51-["a"]', '2["b"]')).toThrow('an attachment is missing');
    expect(() => read(Buffer.of(1))).toThrow('an attachment of 1 bytes that no packet announced');
    for (const num of ['1', '-1', '"0"', '0.5', 'null']) {
      const json = `["a",{"_placeholder":true,"num":${num}}]`;
      expect(() => read(`51-${json}`, Buffer.of(1)), num).toThrow('of 1 attachments');
    }
  });
});

describe('encodePacket', () => {
  const encoded = (data: unknown, id?: number) => {
    const { text, attachments, byteLength } = encodePacket({
      type: EVENT,
      namespace: '/a',
      id,
      data,
    });
    expect(byteLength).toBe(
      text.byteLength + attachments.reduce((sum, { length }) => sum + length, 0),
    );
    return [String(text.packet), attachments.map((bytes) => [...bytes])];
  };

  it('writes what PacketReader reads', () => {
    expect(encoded(['a', 1, null])).toEqual(['42/a,["a",1,null]', []]);
    expect(encoded(['a', undefined], 3)).toEqual(['42/a,3["a",null]', []]);
  });

  it('takes bytes of any kind out of the data, which stays as it is', () => {
    const data = ['a', Buffer.of(1), { b: [new Uint8Array([2, 3]).buffer, new Uint16Array([1])] }];
    const before = structuredClone(data);
    expect(encoded(data)).toEqual([
      '453-/a,["a",{"_placeholder":true,"num":0},{"b":[{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]}]',
      [[1], [2, 3], [1, 0]],
    ]);
    expect(data[2]).toEqual(before[2]);
  });

  it('leaves a value that makes its own JSON to itself', () => {
    const at = new Date(0);
    expect(encoded(['a', at])).toEqual(['42/a,["a","1970-01-01T00:00:00.000Z"]', []]);
    expect(encoded(['a', at, Buffer.of(1)])[0]).toContain('"1970-01-01T00:00:00.000Z"');
  });

  it('refuses what JSON cannot express', () => {
    const cyclic: unknown[] = [];
    cyclic.push(cyclic);
    for (const value of [1n, cyclic]) {
      expect(() => encoded(['a', value])).toThrow('JSON cannot express this event of /a');
    }
  });
});
