import { lengthPrefixed } from '@headrace/codec';
import {
  DnsCodec,
  DnsDatagramCodec,
  type DnsMessage,
  type DnsPacket,
  dnsAnswer,
} from '@headrace/codec/dns';
import { isHeadraceError } from '@headrace/core';
import { EmbeddedChannel } from '@headrace/core/testing';
import { AUTHORITATIVE_ANSWER, encode, type OptAnswer, RECURSION_DESIRED } from 'dns-packet';
import { describe, expect, it } from 'vitest';

const frames = () => lengthPrefixed({ bytes: 2, maxFrameLength: 65_535 });
const QUESTION = { type: 'A', name: 'example.com' } as const;
const A = { type: 'A', name: 'example.com', ttl: 60, data: '192.0.2.1' } as const;
const SENDER = { host: '192.0.2.7', port: 5353 };
const HEADER = '00070100';
const EDNS: OptAnswer = {
  type: 'OPT',
  name: '.',
  udpPayloadSize: 4096,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

function hex(...parts: string[]): Buffer {
  return Buffer.from(parts.join('').replaceAll(' ', ''), 'hex');
}

function read(bytes: Buffer): DnsMessage | string | undefined {
  const channel = new EmbeddedChannel(new DnsCodec());
  const error = thrownBy(() => channel.writeInbound(bytes));
  if (isHeadraceError(error)) return `${error.code}: ${error.message}`;
  return channel.readInbound<DnsMessage>();
}

function thrownBy(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

function query(parts: DnsPacket = {}): DnsMessage {
  const { additionals = [] } = parts;
  const bytes = encode({
    id: 7,
    questions: [QUESTION],
    flags: RECURSION_DESIRED,
    additionals: [...additionals],
  });
  const channel = new EmbeddedChannel(new DnsDatagramCodec());
  channel.writeInbound({ bytes, sender: SENDER });
  return channel.readInbound<DnsMessage>()!;
}

describe('DnsCodec', () => {
  it('carries queries and answers behind a length of two bytes, however they are cut', () => {
    const client = new EmbeddedChannel(...frames(), new DnsCodec());
    const server = new EmbeddedChannel(...frames(), new DnsCodec());
    client.writeOutbound({ id: 7, questions: [QUESTION], flags: RECURSION_DESIRED });
    for (const byte of client.readOutbound<Buffer>()!) server.writeInbound(Buffer.of(byte));
    const asked = server.readInbound<DnsMessage>()!;
    expect(asked).toMatchObject({ id: 7, type: 'query', opcode: 'QUERY', flag_rd: true });
    expect(asked.questions).toEqual([{ ...QUESTION, class: 'IN' }]);

    server.writeOutbound(dnsAnswer(asked, { answers: [A], flags: AUTHORITATIVE_ANSWER }));
    client.writeInbound(server.readOutbound());
    const answer = client.readInbound<DnsMessage>()!;
    expect(answer).toMatchObject({ id: 7, type: 'response', rcode: 'NOERROR', flag_rd: true });
    expect(answer).toMatchObject({ flag_aa: true, answers: [A] });
  });

  it('reports an rcode in the place of the one that the flags have', () => {
    const channel = new EmbeddedChannel(new DnsCodec());
    channel.writeOutbound(dnsAnswer(query(), { rcode: 'NXDOMAIN', flags: 2 }));
    const answer = read(channel.readOutbound<Buffer>()!);
    expect(answer).toMatchObject({ rcode: 'NXDOMAIN', questions: [QUESTION] });
  });

  it.each([
    ['a header that is cut off', hex(HEADER, '0001'), 'it is shorter than its header of 12 bytes'],
    [
      'a question that is missing',
      hex(HEADER, '0001 0000 0000 0000'),
      '1 questions and 0 records need at least 17',
    ],
    [
      'lengths that no message can have',
      hex(HEADER, 'ffff ffff ffff ffff'),
      '65535 questions and 196605 records need',
    ],
    [
      'a name that is cut off',
      hex(HEADER, '0001 0000 0000 0000', '3f6162636465'),
      'buffer overflow',
    ],
    [
      'a name that points at itself',
      hex(HEADER, '0001 0000 0000 0000', 'c00c 0001 0001'),
      'bad pointer',
    ],
    [
      'names that point at each other',
      hex(HEADER, '0002 0000 0000 0000', '0161 c013 0001 0001', '0162 c00c 0001 0001'),
      'bad pointer',
    ],
    [
      'a label of an unknown kind',
      hex(HEADER, '0001 0000 0000 0000', '8061 00 0001 0001'),
      'bad label',
    ],
    [
      'a name above 255 bytes',
      hex(HEADER, '0001 0000 0000 0000', `3f${'61'.repeat(63)}`.repeat(5), '00 0001 0001'),
      'name too long',
    ],
    [
      'bytes left over',
      hex(HEADER, '0001 0000 0000 0000', '00 0001 0001', 'ff'),
      'its records have 17 bytes of 18',
    ],
    [
      'data that is longer than the message',
      hex(HEADER, '0000 0001 0000 0000', '00 fff0 0001 00000000 0009 01'),
      'its records have 32 bytes of 24',
    ],
    [
      'a hash whose length the library does not know',
      hex(HEADER, '0000 0001 0000 0000', '00 002c 0001 00000000 0003 0109ff'),
      'its records have',
    ],
  ])('refuses %s', (_what, bytes, why) => {
    const text = read(bytes);
    expect(text).toContain('HR_ERR_MESSAGE_INVALID: DnsCodec cannot read a message of');
    expect(text).toContain(why);
  });

  it('refuses a row of pointers, which each name would follow again', () => {
    const row = Array.from({ length: 9 }, (_, i) => 0xc000 + 23 + Math.max(0, i * 2 - 1));
    const pointers = row.map((pointer) => pointer.toString(16)).join('');
    // A record of an unknown type, whose data are a root and nine pointers, each to the one before it.
    const record = `00 fff0 0001 00000000 0013 00 ${pointers}`;
    const bytes = hex(
      HEADER,
      '0000 0002 0000 0000',
      record,
      'c028 0001 0001 00000000 0004 c0000201',
    );
    expect(read(bytes)).toContain('more than 8 pointers in a row');
  });

  it('never throws anything but an error of the message, whatever one byte becomes', () => {
    const whole = encode({
      type: 'response',
      id: 1,
      questions: [QUESTION],
      answers: [
        A,
        { type: 'MX', name: 'example.com', data: { exchange: 'mx.example.com', preference: 1 } },
        { type: 'TXT', name: 'example.com', data: ['one', 'two'] },
      ],
      additionals: [EDNS],
    });
    const codes = new Set<string>();
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0, 1, 0x3f, 0x40, 0xc0, 0xff]) {
        const bytes = Buffer.from(whole);
        bytes[at] = value;
        const got = read(bytes);
        codes.add(typeof got === 'string' ? got.split(':')[0]! : 'read');
      }
      codes.add(String(read(whole.subarray(0, at))).split(':')[0]!);
    }
    expect([...codes].sort()).toEqual(['HR_ERR_MESSAGE_INVALID', 'read']);
  });

  it.each<[string, DnsPacket]>([
    ['a label above 63 bytes', { questions: [{ type: 'A', name: `${'a'.repeat(64)}.com` }] }],
    ['a name above 253 bytes', { questions: [{ type: 'A', name: 'a.'.repeat(128) }] }],
    ['an empty label', { questions: [{ type: 'A', name: 'a..b' }] }],
    ['a name in the data', { answers: [{ type: 'CNAME', name: 'a', data: 'a'.repeat(64) }] }],
    [
      'a name in a field of the data',
      { answers: [{ type: 'MX', name: 'a', data: { exchange: 'a..b' } }] },
    ],
    ['a long text', { answers: [{ type: 'TXT', name: 'a', data: ['a', 'b'.repeat(256)] }] }],
  ])('fails the write of %s, of which the library would write another message', (_what, packet) => {
    const channel = new EmbeddedChannel(new DnsCodec());
    const error = thrownBy(() => channel.writeOutbound(packet));
    expect(error).toMatchObject({ code: 'HR_ERR_MESSAGE_NOT_ENCODABLE' });
    expect(channel.readOutbound()).toBeUndefined();
  });

  it('fails the write of a message above 65,535 bytes', () => {
    const channel = new EmbeddedChannel(new DnsCodec());
    const answers = Array.from({ length: 4000 }, () => A);
    const error = thrownBy(() => channel.writeOutbound({ answers }));
    expect(error).toMatchObject({ code: 'HR_ERR_MESSAGE_TOO_LONG' });
  });

  it('leaves the object that is written as it was', () => {
    const packet = Object.freeze({ questions: [QUESTION], rcode: 'REFUSED' as const });
    const channel = new EmbeddedChannel(new DnsCodec());
    channel.writeOutbound(packet);
    expect(packet).toEqual({ questions: [QUESTION], rcode: 'REFUSED' });
  });
});

describe('DnsDatagramCodec', () => {
  function answered(asked: DnsMessage, records: number): { answer: DnsMessage; bytes: number } {
    const channel = new EmbeddedChannel(new DnsDatagramCodec());
    const answers = Array.from({ length: records }, () => A);
    channel.writeOutbound(dnsAnswer(asked, { answers }));
    const { bytes, recipient } = channel.readOutbound<{ bytes: Buffer; recipient: unknown }>()!;
    expect(recipient).toEqual(SENDER);
    return { answer: read(bytes) as DnsMessage, bytes: bytes.length };
  }

  it('answers the sender, with what a client without EDNS can take', () => {
    const asked = query();
    expect(asked.sender).toEqual(SENDER);
    expect(answered(asked, 17).answer).toMatchObject({ flag_tc: false, additionals: [] });
    expect(answered(asked, 17).answer.answers.length).toBe(17);
    const { answer, bytes } = answered(asked, 18);
    expect(answer).toMatchObject({ id: 7, flag_tc: true, answers: [], questions: [QUESTION] });
    expect(bytes).toBe(29);
  });

  it('answers EDNS with EDNS, and with 1232 bytes at most', () => {
    const asked = query({ additionals: [EDNS] });
    expect(answered(asked, 44).answer).toMatchObject({ flag_tc: false });
    const { answer } = answered(asked, 45);
    expect(answer).toMatchObject({ flag_tc: true, answers: [], additionals: [{ type: 'OPT' }] });
    const small = query({ additionals: [{ ...EDNS, udpPayloadSize: 100 }] });
    expect(answered(small, 16).answer.flag_tc).toBe(false);
  });

  it('names the sender of a datagram that it cannot read', () => {
    const channel = new EmbeddedChannel(new DnsDatagramCodec({ frameErrorPolicy: 'emit' }));
    const garbage = { bytes: Buffer.from('GET / HTTP/1.1'), sender: SENDER };
    const error = thrownBy(() => channel.writeInbound(garbage));
    expect(error).toMatchObject({ code: 'HR_ERR_MESSAGE_INVALID', details: SENDER });
    channel.writeInbound({ bytes: encode({ questions: [QUESTION] }), sender: SENDER });
    expect(channel.readInbound()).toMatchObject({ sender: SENDER });
  });

  it('refuses bytes without a sender', () => {
    const channel = new EmbeddedChannel(new DnsDatagramCodec());
    const error = thrownBy(() => channel.writeInbound(encode({ questions: [QUESTION] })));
    expect(error).toMatchObject({ code: 'HR_ERR_MESSAGE_UNREADABLE' });
  });
});
