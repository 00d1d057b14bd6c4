import { JsonCodec, JsonDecoder } from '@headrace/codec';
import { CborCodec } from '@headrace/codec/cbor';
import { MsgpackCodec } from '@headrace/codec/msgpack';
import { describe, expect, it } from 'vitest';
import { outcome } from '../decoder-harness.ts';
import { heldByMessage } from '../held-memory.ts';

const LIMIT = 512 * 1024;
const limits = { maxHeapBytes: LIMIT } as const;
const hex = (text: string): Buffer => Buffer.from(text, 'hex');

/** A message of `count` elements. */
type Message = (count: number) => Buffer;

const json =
  (part: string): Message =>
  (count) => {
    const isAlike = !part.includes('#');
    const parts = isAlike
      ? `${part},`.repeat(count - 1) + part
      : Array.from({ length: count }, (_, at) => part.replace('#', at.toString(36))).join();
    return Buffer.from(`[${parts}]`);
  };

/** An array of `count` parts; `#` in one is a text of four characters of its own. */
function binary(head: number, part: string): Message {
  return (count) => {
    const length = Buffer.alloc(5);
    length[0] = head;
    length.writeUInt32BE(count, 1);
    const at = part.indexOf('#') / 2;
    const pattern = hex(part.replace('#', '00000000'));
    const parts = Buffer.alloc(count * pattern.length, pattern);
    for (let one = 0; at >= 0 && one < count; one++) {
      parts.write(one.toString(36).padStart(4, '0'), one * pattern.length + at);
    }
    return Buffer.concat([length, parts]);
  };
}

const cbor = (part: string): Message => binary(0x9a, part);
const msgpack = (part: string): Message => binary(0xdd, part);

const MESSAGES: readonly (readonly [name: string, make: () => JsonCodec | JsonDecoder, Message])[] =
  [
    ...(
      [
        ['empty objects', '{}'],
        ['empty arrays', '[]'],
        ['arrays of one', '[0]'],
        ['objects with keys of their own', '{"#":0}'],
        ['objects with keys that are numbers', '{"9":0}'],
        ['strings', '"ab"'],
        ['strings of two bytes a character', '"€aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"'],
        ['fractions among others', '[],1.5'],
        ['numbers', '1'],
      ] as const
    ).map(([name, part]) => [`JSON, ${name}`, () => new JsonCodec(limits), json(part)] as const),
    ['JsonDecoder, empty objects', () => new JsonDecoder(limits), json('{}')],
    ...(
      [
        ['empty arrays', '80'],
        ['arrays of one', '8100'],
        ['empty maps', 'a0'],
        ['maps with keys of their own', 'a164#00'],
        ['byte strings', '4101'],
        ['texts', `74${'61'.repeat(20)}`],
        ['long texts', `7840${'61'.repeat(64)}`],
        ['numbers', '1bffffffffffffffff'],
      ] as const
    ).map(
      ([name, part]) =>
        [`CBOR, ${name}`, () => new CborCodec(limits) as unknown as JsonCodec, cbor(part)] as const,
    ),
    ...(
      [
        ['empty arrays', '90'],
        ['empty maps', '80'],
        ['maps with keys of their own', '81a4#00'],
        ['bytes', 'c400'],
        ['extensions', 'd40500'],
        ['times', 'd6ff00000000'],
        ['texts', 'a3616263'],
        ['numbers', 'cb3ff8000000000001'],
      ] as const
    ).map(
      ([name, part]) =>
        [
          `MessagePack, ${name}`,
          () => new MsgpackCodec(limits) as unknown as JsonCodec,
          msgpack(part),
        ] as const,
    ),
  ];

/** The most elements that are taken, nearly. */
function mostTaken(make: () => JsonCodec | JsonDecoder, message: Message): number {
  const isTaken = (count: number): boolean =>
    outcome(make(), message(count))[0] !== '!HR_ERR_FRAME_TOO_LONG';
  let [taken, refused] = [1024, 2048];
  for (; isTaken(refused); refused *= 2) taken = refused;
  for (let step = 0; step < 3; step++) {
    const middle = Math.floor((taken + refused) / 2);
    if (isTaken(middle)) taken = middle;
    else refused = middle;
  }
  return taken;
}

describe('maxHeapBytes', () => {
  it.each(MESSAGES)(
    'holds the memory of a message within four times: %s',
    (_name, make, message) => {
      const count = mostTaken(make, message);
      const held = heldByMessage(make, message(count), 2) / LIMIT;
      expect(held).toBeLessThan(4);
      // And it is not refused long before.
      expect(held).toBeGreaterThan(0.1);
    },
  );
});
