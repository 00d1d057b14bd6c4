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
  const { additionals = [], flags = RECURSION_DESIRED } = parts;
  const bytes = encode({
    id: 7,
    questions: [QUESTION],
    flags,
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
      'the data of a record end after the message, at 32',
    ],
    [
      'a hash whose length the library does not know',
      hex(HEADER, '0000 0001 0000 0000', '00 002c 0001 00000000 0003 0109ff'),
      'a record of type SSHFP has 3 bytes of data, and needs',
    ],
  ])('refuses %s', (_what, bytes, why) => {
    const text = read(bytes);
    expect(text).toContain('HR_ERR_MESSAGE_INVALID: DnsCodec cannot read a message of');
    expect(text).toContain(why);
  });

  const RECORD_OF: readonly (readonly [type: string, number: string, data: string])[] = [
    ['A', '0001', '01020304'],
    ['NS', '0002', '016200'],
    ['CNAME', '0005', '016200'],
    ['SOA', '0006', `016100 016200 ${'00000001'.repeat(5)}`],
    ['PTR', '000c', 'c00c'],
    ['HINFO', '000d', '0161 0162'],
    ['MX', '000f', '0001 016200'],
    ['TXT', '0010', '05c0c0c0c0c0'],
    ['RP', '0011', '016100 016200'],
    ['AAAA', '001c', '00'.repeat(16)],
    ['SRV', '0021', '0001 0002 0035 016200'],
    ['NAPTR', '0023', '0001 0002 0161 0162 0163 00'],
    ['OPT', '0029', '000c 0002 0000'],
    ['DS', '002b', `0001 05 01 ${'aa'.repeat(20)}`],
    ['SSHFP', '002c', `01 01 ${'aa'.repeat(20)}`],
    ['RRSIG', '002e', `0001 05 01 ${'00000001'.repeat(3)} 0001 016200 aa`],
    ['NSEC', '002f', '016200 0001 40'],
    ['DNSKEY', '0030', '0100 03 05 aa'],
  ];

  it.each(RECORD_OF)(
    'reads a record of type %s by the length of its data',
    (type, number, data) => {
      const bytesOf = (change: number): Buffer => {
        const bytes = hex(data);
        const length = (bytes.length + change).toString(16).padStart(4, '0');
        const record = `016100 ${number} 0001 0000003c ${length} ${bytes.toString('hex')}`;
        return hex(HEADER, '0000 0002 0000 0000', record, '00 fff0 0001 00000000 0000');
      };
      expect(read(bytesOf(0))).toMatchObject({ answers: [{ type }, { type: 'UNKNOWN_65520' }] });
      for (let change = -hex(data).length; change <= 30; change++) {
        if (change === 0) continue;
        expect(read(bytesOf(change)), `${change}`).toContain('HR_ERR_MESSAGE_INVALID');
      }
    },
  );

  it.each(['A', 'NS', 'CNAME', 'SOA', 'PTR', 'HINFO', 'MX', 'RP', 'AAAA', 'SRV', 'NAPTR'])(
    'refuses a byte after the data of a record of type %s',
    (type) => {
      const [, number, data] = RECORD_OF.find(([known]) => known === type)!;
      const length = (hex(data).length + 1).toString(16).padStart(4, '0');
      const record = `016100 ${number} 0001 0000003c ${length} ${data} 00`;
      const error = read(hex(HEADER, '0000 0001 0000 0000', record));
      expect(error).toContain(`a record of type ${type} has`);
    },
  );

  it('gives no record that lies in the data of another one', () => {
    const hidden = '016100 0001 0001 0000003c 0004 01020304';
    const outer = `016100 0001 0001 0000003c 0015 05060708 ${hidden}`;
    expect(read(hex(HEADER, '0000 0002 0000 0000', outer))).toContain(
      'a record of type A has 21 bytes of data, and needs 4',
    );
  });

  it('refuses names that are not UTF-8', () => {
    const question = hex(HEADER, '0001 0000 0000 0000', '01ff 00 0001 0001');
    expect(read(question)).toContain('bytes that are not UTF-8');
    const alias = '00 0005 0001 00000000 0003 01ff00';
    expect(read(hex(HEADER, '0000 0001 0000 0000', alias))).toContain('not UTF-8');
    const host = '00 000d 0001 00000000 0004 01ff 0161';
    expect(read(hex(HEADER, '0000 0001 0000 0000', host))).toContain('not UTF-8');
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

  it('answers a later version of EDNS with BADVERS, and two records of EDNS with FORMERR', () => {
    const later = query({ additionals: [{ ...EDNS, ednsVersion: 1 }] });
    const { answer } = answered(later, 1);
    expect(answer).toMatchObject({ id: 7, rcode: 'BADVERS', answers: [], questions: [QUESTION] });
    expect(answer.additionals).toMatchObject([{ type: 'OPT', ednsVersion: 0, extendedRcode: 1 }]);
    const twice = query({ additionals: [EDNS, EDNS] });
    expect(answered(twice, 1).answer).toMatchObject({ rcode: 'FORMERR', answers: [] });
  });

  it('answers a client without EDNS without it, whatever the application gives', () => {
    const answer = dnsAnswer(query(), { additionals: [EDNS, A] });
    expect(answer.additionals).toEqual([A]);
    expect(dnsAnswer(query({ additionals: [EDNS] }), { additionals: [EDNS] }).additionals).toEqual([
      EDNS,
    ]);
  });

  it('copies the flag DO of EDNS, and of the header only id, opcode, RD and CD', () => {
    const asked = query({
      flags: 0x7fff,
      additionals: [{ ...EDNS, flags: 0xffff, flag_do: true }],
    });
    const { answer } = answered(asked, 1);
    expect(answer.additionals).toMatchObject([{ type: 'OPT', flags: 0x8000, flag_do: true }]);
    expect([answer.id, answer.flags]).toEqual([7, 0x7910]);
    expect(answered(query({ additionals: [EDNS] }), 1).answer.additionals).toMatchObject([
      { flags: 0, flag_do: false },
    ]);
  });

  it('copies the flag DO into a record of EDNS of the application, too', () => {
    const own = { ...EDNS, udpPayloadSize: 1400 };
    for (const flag_do of [true, false]) {
      const flags = flag_do ? 0x8000 : 0;
      const asked = query({ additionals: [{ ...EDNS, flags, flag_do }] });
      const given = { ...own, flags: flag_do ? 0 : 0x8000, flag_do: !flag_do };
      const { additionals } = dnsAnswer(asked, { additionals: [given] });
      expect(additionals).toEqual([{ ...own, flags, flag_do }]);
    }
  });

  it('writes names in the data of records without pointers', () => {
    const channel = new EmbeddedChannel(new DnsCodec());
    const data = { port: 1, target: 'example.com' };
    channel.writeOutbound({ questions: [QUESTION], answers: [{ type: 'SRV', name: 'a', data }] });
    const name = hex('07 6578616d706c65 03 636f6d 00');
    expect(channel.readOutbound<Buffer>()!.subarray(-name.length)).toEqual(name);
  });

  it('reads a result of more than four bits', () => {
    const bytes = encode({
      type: 'response',
      flags: 7,
      additionals: [{ ...EDNS, extendedRcode: 1 }],
    });
    expect(read(bytes)).toMatchObject({ rcode: 'RCODE_23' });
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
