import type { Context, DecodeError } from '@headrace/core';
import { EmbeddedChannel, verifyDecoder } from '@headrace/core/testing';
import { MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/mqtt';
import { describe, expect, it } from 'vitest';
import { NotingChannel, outcome } from '../../codec/test/decoder-harness.ts';

const packets: MqttPacket[] = [
  {
    type: 'connect',
    protocolLevel: 4,
    cleanSession: true,
    keepAliveSeconds: 60,
    clientId: 'é',
    will: { topic: 'w', payload: Buffer.from('gone'), qos: 1, retain: true },
    username: 'u',
    password: Buffer.from('p'),
  },
  { type: 'connect', protocolLevel: 3, cleanSession: false, keepAliveSeconds: 0, clientId: 'old' },
  { type: 'connack', sessionPresent: false, returnCode: 5 },
  { type: 'publish', topic: 'a/b', qos: 0, dup: false, retain: true, payload: Buffer.alloc(0) },
  {
    type: 'publish',
    topic: 'a',
    qos: 2,
    dup: true,
    retain: false,
    packetId: 65_535,
    payload: Buffer.alloc(200, 'x'),
  },
  { type: 'puback', packetId: 1 },
  { type: 'pubrel', packetId: 2 },
  {
    type: 'subscribe',
    packetId: 3,
    subscriptions: [
      { topic: '#', qos: 2 },
      { topic: 'a/+', qos: 0 },
    ],
  },
  { type: 'suback', packetId: 3, granted: [2, 128] },
  { type: 'unsubscribe', packetId: 4, topics: ['a', 'b'] },
  { type: 'connect', protocolLevel: 4, cleanSession: true, keepAliveSeconds: 0, clientId: '' },
  { type: 'pingreq' },
  { type: 'disconnect' },
];

function withWill(topic: string): MqttPacket {
  const will = { topic, payload: Buffer.from('gone'), qos: 0, retain: false } as const;
  const type = 'connect';
  return { type, protocolLevel: 4, cleanSession: true, keepAliveSeconds: 0, clientId: 'a', will };
}

/** Returns a CONNECT with an empty client identifier. */
function connectHex(name: string, level: number, flags = 2): string {
  const body = [0, name.length, ...Buffer.from(name), level, flags, 0, 30, 0, 0];
  return Buffer.of(0x10, body.length, ...body).toString('hex');
}

function subscribe(topic: string): MqttPacket {
  return { type: 'subscribe', packetId: 1, subscriptions: [{ topic, qos: 0 }] };
}

function unsubscribe(topic: string): MqttPacket {
  return { type: 'unsubscribe', packetId: 1, topics: [topic] };
}

function encoded(packet: MqttPacket): Buffer {
  const channel = new EmbeddedChannel(new MqttEncoder());
  channel.writeOutbound(packet);
  return channel.readOutbound<Buffer>()!;
}

describe('MqttDecoder and MqttEncoder', () => {
  it('give back every packet, in every cut', () => {
    verifyDecoder(
      packets.map((packet) => ({ bytes: encoded(packet), messages: [packet] })),
      () => new MqttDecoder(),
    );
  });

  it.each([
    ['type 0', '0000'],
    ['type 15', 'f000'],
    ['flags that are not those of the type', '8006000300012300'],
    ['QoS 3', '360500016100017a'],
    ['a duplicate with QoS 0', '3803000161'],
    ['a topic with a wildcard', '3003000123'],
    ['an empty topic', '30020000'],
    ['a will for a topic with a wildcard', '101300044d5154540406000000016100012b00016d'],
    ['a will for an empty topic', '101200044d51545404060000000161000000016d'],
    ['a subscribe to an empty filter', '82050001000000'],
    ['a subscribe to a filter with # before its end', '820800010003232f6100'],
    ['a subscribe to a filter with # beside a name', '820700010002612300'],
    ['a subscribe to a filter with + beside a name', '820700010002612b00'],
    ['a subscribe to a filter with a name beside +', '8207000100022b6100'],
    ['an unsubscribe from an empty filter', 'a20400010000'],
    ['an unsubscribe from a filter with # beside a name', 'a206000100026123'],
    ['an unsubscribe without topics', 'a2020001'],
    ['a suback without codes', '90020001'],
    ['packet identifier 0', '40020000'],
    ['a field that ends after the packet', '30020005'],
    ['bytes left over', 'c00100'],
    ['a subscribe without subscriptions', '82020001'],
    ['a length of five bytes', 'c0ffffffff01'],
    ['another protocol', connectHex('HTTP', 4)],
    ['a reserved flag of a connect', connectHex('MQTT', 4, 3)],
    ['QoS of a will, and no will', connectHex('MQTT', 4, 0x0a)],
    ['a retained will, and no will', connectHex('MQTT', 4, 0x22)],
    ['a will with QoS 3', '101100044d515454041e00000000000161000158'],
    ['an empty client identifier and a kept session', connectHex('MQTT', 4, 0)],
    ['a topic filter with reserved bits in its QoS', '820600010001612'.concat('4')],
    ['a connack with reserved flags', '20020200'],
    ['a pubrel without its flag', '60020001'],
    ['a disconnect with flags', 'e100'],
    ['a password without a username', '100f00044d515454044200000000000161'.padEnd(34, '0')],
    ['a suback with the code 255', '90030001ff'],
    ['a suback with the code 3', '9003000103'],
    ['a connack with the code 6', '20020006'],
    ['an empty client identifier in MQTT 3.1', '100e00064d514973647003020000'.padEnd(32, '0')],
  ])('refuses %s', (_name, hex) => {
    expect(outcome(new MqttDecoder(), Buffer.from(hex, 'hex'))).toEqual(['!HR_ERR_FRAME_CORRUPT']);
  });

  it.each(['/', '#', '+', '/#', '+/+', 'a/+/b/#', '$share/a/+', '+/a'])(
    'reads and writes the topic filter %s',
    (filter) => {
      const filters = [subscribe(filter), unsubscribe(filter)];
      const channel = new EmbeddedChannel(new MqttDecoder());
      for (const packet of filters) channel.writeInbound(encoded(packet));
      expect([channel.readInbound(), channel.readInbound()]).toEqual(filters);
    },
  );

  it('refuses texts that are not UTF-8 or have a zero in them', () => {
    for (const hex of ['30030001ff', '3003000100']) {
      const result = outcome(new MqttDecoder(), Buffer.from(hex, 'hex'));
      expect(result).toEqual(['!HR_ERR_TEXT_NOT_UTF8']);
    }
  });

  const refusals: [string, string, number][] = [
    ['another protocol', connectHex('MQTX', 4), 1],
    ['MQTT 5', connectHex('MQTT', 5), 1],
    ['the level of a bridge', connectHex('MQTT', 0x84), 1],
    ['the level of a bridge of MQTT 3.1', connectHex('MQIsdp', 0x83), 1],
    ['no client identifier in MQTT 3.1', connectHex('MQIsdp', 3, 2), 2],
    ['no client identifier and a kept session', connectHex('MQTT', 4, 0), 2],
  ];

  it.each(refusals)('answers a connect with %s with a connack, once', (_name, hex, returnCode) => {
    const bytes = Buffer.from(hex, 'hex');
    for (const handlers of [
      [new MqttDecoder(), new MqttEncoder()],
      [new MqttEncoder(), new MqttDecoder()],
      [new MqttDecoder()],
    ]) {
      const channel = new EmbeddedChannel(...handlers);
      expect(() => channel.writeInbound(bytes)).toThrow(/no MQTT packet/);
      const answer = channel.readOutbound<Buffer>()?.toString('hex');
      expect(answer).toBe(`2002000${returnCode}`);
      expect(channel.readOutbound()).toBeUndefined();
      expect(channel.isEnding).toBe(true);
    }
  });

  it.each(refusals)(
    'leaves the answer to the application, or sends none: %s',
    (_name, hex, returnCode) => {
      const bytes = Buffer.from(hex, 'hex');
      const details: unknown[] = [];
      const emitting = new EmbeddedChannel(new MqttDecoder({ frameErrorPolicy: 'emit' }), {
        exceptionCaught: (_ctx: Context, error: Error) => {
          details.push((error as DecodeError).details);
        },
      });
      emitting.writeInbound(bytes);
      expect(details).toEqual([{ returnCode }]);
      expect(emitting.readOutbound()).toBeUndefined();
      // A second CONNECT is a protocol violation, which has no answer.
      const second = new EmbeddedChannel(new MqttDecoder());
      second.writeInbound(encoded({ type: 'pingreq' }));
      expect(() => second.writeInbound(bytes)).toThrow(/no MQTT packet/);
      expect(second.readOutbound()).toBeUndefined();
    },
  );

  it('closes without a connack after a connect that is broken in another way', () => {
    for (const hex of [connectHex('MQTT', 4, 3), connectHex('MQTT', 4, 0x42), '1002000a']) {
      const channel = new EmbeddedChannel(new MqttDecoder());
      expect(() => channel.writeInbound(Buffer.from(hex, 'hex'))).toThrow(/no MQTT packet/);
      expect(channel.readOutbound()).toBeUndefined();
    }
  });

  it('keeps a byte order mark', () => {
    const packet = subscribe('\ufeffa');
    const channel = new EmbeddedChannel(new MqttDecoder());
    channel.writeInbound(encoded(packet));
    expect(channel.readInbound()).toEqual(packet);
  });

  it.each([
    ['82', `0001${'000161'.padEnd(8, '0').repeat(250)}`],
    ['a2', `0001${'000161'.repeat(320)}`],
    ['90', `0001${'00'.repeat(1000)}`],
  ])('refuses lists that take much more memory than their bytes: type %s', (first, body) => {
    const bytes = Buffer.from(body, 'hex');
    const head = Buffer.of(
      Number.parseInt(first, 16),
      (bytes.length & 127) | 128,
      bytes.length >> 7,
    );
    const packet = Buffer.concat([head, bytes]);
    const tight = new MqttDecoder({ maxPacketBytes: bytes.length });
    expect(outcome(tight, packet)).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
    expect(outcome(new MqttDecoder(), packet)).toEqual([expect.stringMatching(/^\{/)]);
  });

  it('with skip a packet over the limit is left out, over as many reads as it takes', () => {
    const decoder = new MqttDecoder({ maxPacketBytes: 10, frameErrorPolicy: 'skip' });
    const channel = new EmbeddedChannel(decoder);
    const long = encoded({ ...packets[4], type: 'publish' } as MqttPacket);
    channel.writeInbound(long.subarray(0, 50));
    channel.writeInbound(Buffer.concat([long.subarray(50), encoded({ type: 'pingresp' })]));
    expect(channel.readInbound()).toEqual({ type: 'pingresp' });
    const strict = new NotingChannel(new MqttDecoder({ maxPacketBytes: 10 }));
    strict.feed(long.subarray(0, 3));
    expect(strict.noted()).toEqual(['!HR_ERR_FRAME_TOO_LONG']);
  });

  it.each<[string, unknown]>([
    ['a missing packet identifier', { ...packets[4], packetId: undefined }],
    ['QoS 3', { ...packets[4], qos: 3 }],
    ['a wildcard to publish to', { ...packets[3], topic: 'a/#' }],
    ['an empty topic to publish to', { ...packets[3], topic: '' }],
    ['a will for a topic with a wildcard', withWill('a/+')],
    ['a will for an empty topic', withWill('')],
    ['a subscribe to an empty filter', subscribe('')],
    ['a subscribe to a filter with # before its end', subscribe('#/a')],
    ['a subscribe to a filter with + beside a name', subscribe('a/+b')],
    ['an unsubscribe from a filter with # beside a name', unsubscribe('a#')],
    ['an unsubscribe without topics', { type: 'unsubscribe', packetId: 1, topics: [] }],
    ['a suback without codes', { type: 'suback', packetId: 1, granted: [] }],
    ['an identifier that does not fit', { type: 'puback', packetId: 65_536 }],
    ['no subscriptions', { type: 'subscribe', packetId: 1, subscriptions: [] }],
    ['a password without a username', { ...packets[1], password: Buffer.from('p') }],
    ['an empty client identifier in MQTT 3.1', { ...packets[1], clientId: '' }],
    [
      'an empty client identifier and a kept session',
      { ...packets[0], clientId: '', cleanSession: false },
    ],
    ['a connect of an unknown level', { ...packets[0], protocolLevel: 6 }],
    ['a text with half a surrogate pair', { ...packets[0], clientId: '\ud800' }],
    ['a topic with half a surrogate pair', { ...packets[3], topic: '\udc00' }],
    ['a suback with the code 255', { type: 'suback', packetId: 1, granted: [0, 255] }],
    ['a connack with the code 6', { type: 'connack', sessionPresent: false, returnCode: 6 }],
  ])('fails the write of %s', (_name, packet) => {
    expect(() => encoded(packet as MqttPacket)).toThrow(/no MQTT packet/);
  });
});
