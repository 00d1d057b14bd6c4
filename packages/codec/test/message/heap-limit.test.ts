import { JsonCodec, JsonDecoder } from '@headrace/codec';
import { CborCodec } from '@headrace/codec/cbor';
import { MsgpackCodec } from '@headrace/codec/msgpack';
import { describe, expect, it } from 'vitest';
import { outcome } from '../decoder-harness.ts';

const limits = { maxHeapBytes: 1024 * 1024 } as const;
const TOO_LONG = ['!HR_ERR_FRAME_TOO_LONG'];

const json = (part: string, count: number): Buffer =>
  Buffer.from(`[${`${part},`.repeat(count - 1)}${part}]`);

/** An array of `count` bytes, each an element. */
function array(head: number, element: number, count: number): Buffer {
  const bytes = Buffer.alloc(5 + count, element);
  bytes[0] = head;
  bytes.writeUInt32BE(count, 1);
  return bytes;
}

describe('maxHeapBytes', () => {
  it('is 16 MiB by default, and looks at no short message', () => {
    const long = json('{}', 800_000);
    expect(outcome(new JsonCodec(), long)).toEqual(TOO_LONG);
    expect(outcome(new JsonCodec({ maxHeapBytes: 100_000_000 }), long)).toHaveLength(1);
    expect(outcome(new JsonCodec().fresh(), json('{}', 100))).toHaveLength(1);
    expect(outcome(new JsonCodec(limits).fresh(), json('{}', 100_000))).toEqual(TOO_LONG);
    expect(outcome(new JsonDecoder(limits).fresh(), json('{}', 100_000))).toEqual(TOO_LONG);
    expect(() => new JsonCodec({ maxHeapBytes: 0 })).toThrow(/maxHeapBytes is 0/);
  });

  it('bounds CBOR and MessagePack as well', () => {
    expect(outcome(new CborCodec(limits), array(0x9a, 0xa0, 1000))).toHaveLength(1);
    expect(outcome(new CborCodec(limits), array(0x9a, 0xa0, 60_000))).toEqual(TOO_LONG);
    expect(outcome(new CborCodec(limits), array(0x9a, 0x00, 60_000))).toHaveLength(1);
    expect(outcome(new MsgpackCodec(limits), array(0xdd, 0x80, 1000))).toHaveLength(1);
    expect(outcome(new MsgpackCodec(limits), array(0xdd, 0x80, 70_000))).toEqual(TOO_LONG);
    expect(outcome(new MsgpackCodec(limits), array(0xdd, 0x00, 60_000))).toHaveLength(1);
  });
});
