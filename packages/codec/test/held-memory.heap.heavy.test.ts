// What a stranger can make a decoder hold, against the limit that its options state. RESP has its own file, and
// so have values of JSON, CBOR and MessagePack.
import {
  DelimiterFrameDecoder,
  FlagFrameDecoder,
  JsonObjectDecoder,
  LengthFieldFrameDecoder,
  LineFrameDecoder,
  PROXY_HEADER,
  ProxyProtocolDecoder,
  VarintFrameDecoder,
} from '@headrace/codec';
import type { Handler } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { MqttDecoder } from '@headrace/mqtt';
import { StompDecoder } from '@headrace/stomp';
import { describe, expect, it } from 'vitest';
import { noteFigures } from '../../core/test/fixture/figure.ts';
import { Mqtt5PacketDecoder } from '../../mqtt/test/mqtt5-packets.ts';
import { heldByEach, heldByMessage, mostHeld } from './held-memory.ts';

const LIMIT = 256 * 1024;

function expectHeld(bytes: number, limit: number): void {
  noteFigures('memory by its limit', { value: bytes / limit });
  expect(bytes / limit).toBeLessThan(4);
}

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');

/** A number of MQTT, in as many bytes as it needs: MQTT 5 forbids more. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest >>= 7) bytes.push((rest & 127) | 128);
  return Buffer.of(...bytes, rest);
}

/** A packet of MQTT of about this many bytes. */
function mqtt(first: number, head: string, part: string, bytes: number): Buffer {
  const body = latin1(head + part.repeat(Math.floor((bytes - head.length) / part.length)));
  return Buffer.concat([Buffer.of(first), varint(body.length), body]);
}

/** A PUBLISH of MQTT 5 of about this many bytes, with this property many times. */
function publish5(property: string, bytes: number): Buffer {
  const count = Math.floor((bytes - 6) / property.length);
  const length = property.length * count;
  const head = `\0\x01a${varint(length).toString('latin1')}`;
  return mqtt(0x30, head, property, head.length + length);
}

/** Nearly the largest message that is taken, of those that `message` makes up to `most` bytes. */
function largest(make: () => Handler, message: (bytes: number) => Buffer, most: number): Buffer {
  const isTaken = (bytes: number): boolean => {
    const channel = new EmbeddedChannel(make());
    try {
      channel.writeInbound(message(bytes));
    } catch {
      return false;
    }
    return channel.readInbound() !== undefined;
  };
  if (isTaken(most)) return message(most);
  let [taken, refused] = [most / 64, most];
  for (let step = 0; step < 6; step++) {
    const middle = Math.floor((taken + refused) / 2);
    if (isTaken(middle)) taken = middle;
    else refused = middle;
  }
  return message(taken);
}

describe('the memory of an unfinished frame', () => {
  const frame = { maxFrameLength: LIMIT } as const;
  it.each<[string, () => Handler, string, string]>([
    ['a line', () => new LineFrameDecoder({ maxLength: LIMIT }), '', 'a'],
    [
      'a frame with a delimiter',
      () => new DelimiterFrameDecoder({ ...frame, delimiters: [';'] }),
      '',
      'a',
    ],
    ['a frame with flags', () => new FlagFrameDecoder(frame), '~', 'a'],
    [
      'a frame with a length',
      () => new LengthFieldFrameDecoder({ ...frame, lengthFieldLength: 4 }),
      '\0\x03\xff\xf0',
      'a',
    ],
    ['a frame with a varint', () => new VarintFrameDecoder(frame), '\xff\xff\x0f', 'a'],
    ['a JSON object', () => new JsonObjectDecoder({ maxObjectLength: LIMIT }), '[', '[],'],
    [
      'a streamed JSON array',
      () => new JsonObjectDecoder({ maxObjectLength: LIMIT, streamArrayElements: true }),
      '[',
      '[',
    ],
    ['an MQTT packet', () => new MqttDecoder({ maxPacketBytes: LIMIT }), '\x30\xf0\xff\x0f', 'a'],
    [
      'the headers of STOMP',
      () => new StompDecoder({ maxHeadBytes: LIMIT, maxBodyBytes: 1 }),
      'SEND\n',
      'a:b\n',
    ],
    [
      'a body of STOMP',
      () => new StompDecoder({ maxHeadBytes: 100, maxBodyBytes: LIMIT }),
      'SEND\n\n',
      'a',
    ],
    [
      'a PROXY header',
      () => new ProxyProtocolDecoder({ trusted: 'any', maxTlvBytes: LIMIT }),
      '\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xf0',
      '\x04\0\0',
    ],
  ])('stays within four times its limit: %s', (_name, make, head, part) => {
    const held = mostHeld(make, head, part, { maxReads: Math.ceil(LIMIT / 16_384) - 1 });
    expectHeld(held, LIMIT);
    // Otherwise it proves nothing.
    expect(held / LIMIT).toBeGreaterThan(0.1);
  });
});

describe('the memory of a message that is kept', () => {
  const packets = (): Handler => new MqttDecoder({ maxPacketBytes: LIMIT });
  const packets5 = (): Handler => new Mqtt5PacketDecoder({ maxPacketBytes: LIMIT });
  it.each<[string, () => Handler, (bytes: number) => Buffer]>([
    ['SUBSCRIBE', packets, (bytes) => mqtt(0x82, '\0\x01', '\0\x01a\0', bytes)],
    ['SUBSCRIBE, longer', packets, (bytes) => mqtt(0x82, '\0\x01', '\0\x03abc\0', bytes)],
    ['SUBSCRIBE, euros', packets, (bytes) => mqtt(0x82, '\0\x01', '\0\x05\xe2\x82\xacaa\0', bytes)],
    ['UNSUBSCRIBE', packets, (bytes) => mqtt(0xa2, '\0\x01', '\0\x03abc', bytes)],
    ['UNSUBSCRIBE, short', packets, (bytes) => mqtt(0xa2, '\0\x01', '\0\x01a', bytes)],
    ['SUBACK', packets, (bytes) => mqtt(0x90, '\0\x01', '\0', bytes)],
    ['PUBLISH', packets, (bytes) => mqtt(0x30, '\0\x01a', 'x', bytes)],
    ['PUBLISH, user properties', packets5, (bytes) => publish5('\x26\0\x01a\0\x01b', bytes)],
    ['PUBLISH, empty user properties', packets5, (bytes) => publish5('\x26\0\0\0\0', bytes)],
    ['PUBLISH, identifiers', packets5, (bytes) => publish5('\x0b\x01', bytes)],
    ['UNSUBACK', packets5, (bytes) => mqtt(0xb0, '\0\x01\0', '\0', bytes)],
  ])('stays within four times the limit of a packet: %s', (_name, make, message) => {
    const bytes = largest(make, message, LIMIT);
    expectHeld(heldByMessage(make, bytes), LIMIT);
  });

  it.each([
    ['short headers', 'a:b\n', 100],
    ['longer headers', 'abc:def\n', 100],
    ['long headers', `abc:${'d'.repeat(76)}\n`, 100],
    ['headers of two bytes a character', `abc:\xe2\x82\xac${'d'.repeat(73)}\n`, 100],
  ])('stays within four times the limit of a STOMP head: %s', (_name, header, most) => {
    const make = (): Handler => new StompDecoder({ maxBodyBytes: 1 });
    const count = Math.min(most, Math.floor((8192 - 6) / header.length));
    const bytes = latin1(`SEND\n${header.repeat(count)}\n\0`);
    expectHeld(heldByMessage(make, bytes, 64), 8192);
  });

  it.each([
    ['empty TLVs', '\x04\0\0', 32],
    ['TLVs with a text', '\x01\0\x02ab', 32],
    ['long texts', `\x01\x0f\xf0${'\xe2\x82\xac'.repeat(1360)}`, 1],
    ['TLVs in a TLV', `\x20\x00\x62${'\0'.repeat(5)}${'\x01\0\0'.repeat(31)}`, 1],
  ])('stays within four times the limit of a PROXY header: %s', (_name, tlv, times) => {
    const tlvs = latin1(tlv.repeat(times));
    const head = Buffer.concat([latin1('\r\n\r\n\0\r\nQUIT\n\x21\x11'), Buffer.alloc(14)]);
    head.writeUInt16BE(12 + tlvs.length, 14);
    const read = (): unknown => {
      const channel = new EmbeddedChannel(new ProxyProtocolDecoder({ trusted: 'any' }));
      channel.writeInbound(Buffer.concat([head, tlvs]));
      return channel.attributes.get(PROXY_HEADER);
    };
    expect(read()).toMatchObject({ version: 2, tlvs: expect.anything() });
    expectHeld(heldByEach(read, 64), 4328);
  });
});
