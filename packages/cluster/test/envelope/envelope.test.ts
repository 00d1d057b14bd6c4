import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBody, encodeBody } from '../../src/envelope/body.ts';
import {
  BODY,
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  KIND,
  MAX_BODY_BYTES,
} from '../../src/envelope/envelope.ts';
import { Nodes } from '../nodes.ts';

const node = '00112233445566778899aabbccddeeff';
const hello: Envelope = {
  kind: KIND.broadcast,
  bodyType: BODY.text,
  flags: 1,
  node,
  number: 258,
  body: Buffer.from('hello'),
};

describe('an envelope', () => {
  it('looks like this', () => {
    expect(encodeEnvelope(hello).toString('hex')).toBe(
      `4852 01 01 01 01 ${node} 000000000102 68656c6c6f`.replaceAll(' ', ''),
    );
  });

  it('comes back as it went', () => {
    expect(decodeEnvelope(encodeEnvelope(hello))).toEqual(hello);
  });

  it.each([
    ['foreign', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n')],
    ['foreign', Buffer.alloc(0)],
    ['short', Buffer.from('4852010101', 'hex')],
    ['version', patched(2, 2)],
    ['kind', patched(3, 0)],
    ['kind', patched(3, 9)],
    ['body-type', patched(4, 3)],
    ['number', encodeEnvelope({ ...hello, number: 0 })],
    ['long', Buffer.concat([encodeEnvelope(hello), Buffer.alloc(1024 * 1024)])],
  ])('is refused as %s', (fault, bytes) => {
    expect(decodeEnvelope(bytes)).toBe(fault);
  });

  it('takes no more than a bus does', () => {
    const longest = { ...hello, body: Buffer.alloc(MAX_BODY_BYTES) };
    expect(encodeEnvelope(longest).byteLength).toBe(1024 * 1024 - 1024);
    const tooLong = { ...hello, body: Buffer.alloc(MAX_BODY_BYTES + 1) };
    expect(() => encodeEnvelope(tooLong)).toThrow(/does not fit on the bus/);
  });

  it('carries texts, bytes and what JSON can say', () => {
    const messages = fc.oneof(fc.string({ unit: 'grapheme' }), fc.jsonValue());
    fc.assert(
      fc.property(messages, (message) => {
        const json = JSON.parse(JSON.stringify(message));
        expect(decodeBody(encodeBody(message))).toEqual(json);
      }),
    );
    expect(decodeBody(encodeBody(new Uint8Array([1, 2])))).toEqual(Buffer.from([1, 2]));
    expect(() => decodeBody({ bodyType: BODY.text, body: Buffer.from([0xff]) })).toThrow(/UTF-8/);
  });
});

describe('random and mutated envelopes', () => {
  it('throw nothing, and change nothing', async () => {
    const nodes = new Nodes();
    const cluster = await nodes.join<string>({ users: { onDuplicate: 'kick-older' } });
    const room = cluster.group('room', { presence: 'ids' });
    room.add(nodes.channel());
    cluster.users.bind('ann', nodes.channel());
    await nodes.pass(1000);
    const { bus } = cluster.parts.wire;
    const subjects = ['nodes', `n.${cluster.nodeId}`, 'g.proom', 'p', 'u'];
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      fc.json({ maxDepth: 2 }).map((text) => Buffer.from(text)),
    );
    const envelopes = fc.record({
      kind: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8) as fc.Arbitrary<Envelope['kind']>,
      bodyType: fc.constantFrom(0, 1, 2) as fc.Arbitrary<Envelope['bodyType']>,
      flags: fc.nat(255),
      node: fc.constantFrom(node, cluster.nodeId),
      number: fc.integer({ min: 1, max: 100 }),
      body: bodies,
    });
    const mutated = fc.tuple(envelopes, fc.nat(60), fc.nat(255)).map(([envelope, at, value]) => {
      const bytes = encodeEnvelope(envelope);
      if (at < bytes.byteLength) bytes[at] = value;
      return bytes;
    });
    const inputs = fc.array(fc.tuple(fc.constantFrom(...subjects), mutated), { minLength: 20 });
    await fc.assert(
      fc.asyncProperty(inputs, async (all) => {
        for (const [subject, bytes] of all) bus.publish(`hr.ptest.${subject}`, bytes);
        await nodes.pass(1);
      }),
      { numRuns: 200 },
    );
    expect(nodes.lines.filter((line) => line.startsWith('error'))).toEqual([]);
    expect(room.size).toBe(1);
    expect(cluster.users.size).toBe(1);
  });
});

function patched(at: number, value: number): Buffer {
  const bytes = encodeEnvelope(hello);
  bytes[at] = value;
  return bytes;
}
