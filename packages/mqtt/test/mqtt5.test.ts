import { verifyDecoder } from '@headrace/core/testing';
import { MQTT_REASONS, MqttEncoder, type MqttPacket, mqttShareOf } from '@headrace/mqtt';
import { describe, expect, it } from 'vitest';
import { NotingChannel, outcome } from '../../codec/test/decoder-harness.ts';
import { isReasonOf } from '../src/mqtt-reasons.ts';
import { MQTT5_PACKETS, Mqtt5PacketDecoder, mqtt5Bytes } from './mqtt5-packets.ts';

/** Returns the error of a packet of MQTT 5, as its code, and its reason code in hexadecimal. */
function fault(hex: string): string {
  const channel = new NotingChannel(new Mqtt5PacketDecoder());
  channel.feed(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
  const [error] = channel.errors as (Error & { code: string; details: { reasonCode: number } })[];
  return `${error?.code} ${error?.details.reasonCode.toString(16)}`;
}

const MALFORMED = 'HR_ERR_FRAME_CORRUPT 81';
const PROTOCOL_ERROR = 'HR_ERR_FRAME_CORRUPT 82';

/** Returns a CONNECT of MQTT 5 with these properties, and the will behind the client identifier. */
function connect(properties: string, { flags = '02', rest = '' } = {}): string {
  const length = (properties.length / 2).toString(16).padStart(2, '0');
  const body = `00044d51545405${flags}0000${length}${properties}0000${rest}`;
  return `10${(body.length / 2).toString(16).padStart(2, '0')}${body}`;
}

/** Returns a SUBSCRIBE to a filter with these options. */
function subscribe(filter: string, options = 0): string {
  const body = [0, 1, 0, 0, filter.length, ...Buffer.from(filter), options];
  return Buffer.of(0x82, body.length, ...body).toString('hex');
}

/** Returns a SUBSCRIBE of one subscription. */
function subscription(one: object): object {
  return { type: 'subscribe', packetId: 1, subscriptions: [one] };
}

/** Returns a PUBLISH to `a` with these properties. */
function publish(properties: string, topic = '000161'): string {
  const length = properties.length / 2;
  const all = topic.length / 2 + 1 + length;
  return `30${all.toString(16).padStart(2, '0')}${topic}${length.toString(16).padStart(2, '0')}${properties}`;
}

describe('the packets of MQTT 5', () => {
  it('are given back by the decoder, in every cut', () => {
    verifyDecoder(
      MQTT5_PACKETS.map((packet) => ({ bytes: mqtt5Bytes(packet), messages: [packet] })),
      () => new Mqtt5PacketDecoder(),
    );
  });

  it('are written and read with an empty property list (MQTT-2.2.2-1)', () => {
    const packet: MqttPacket = {
      type: 'publish',
      topic: 'a',
      qos: 0,
      dup: false,
      retain: false,
      payload: Buffer.from('x'),
    };
    expect(mqtt5Bytes(packet).toString('hex')).toBe('300500016100' + '78');
    const subscribe = { type: 'subscribe', packetId: 1, subscriptions: [{ topic: 'a', qos: 0 }] };
    expect(mqtt5Bytes(subscribe as MqttPacket).toString('hex')).toBe('8207000100' + '00016100');
  });

  it('have no reason code and no properties for a plain success (3.4.2.1, 3.14.2.1)', () => {
    expect(mqtt5Bytes({ type: 'puback', packetId: 1 }).toString('hex')).toBe('40020001');
    expect(mqtt5Bytes({ type: 'disconnect' }).toString('hex')).toBe('e000');
    const read = outcome(new Mqtt5PacketDecoder(), Buffer.from('4004000100' + '00', 'hex'));
    expect(read).toEqual(outcome(new Mqtt5PacketDecoder(), Buffer.from('40020001', 'hex')));
  });

  it('keep the order of user properties and of subscription identifiers (MQTT-3.3.2-18)', () => {
    const [, , , , sent] = MQTT5_PACKETS;
    const channel = new NotingChannel(new Mqtt5PacketDecoder());
    channel.feed(mqtt5Bytes(sent!));
    expect(channel.noted()[0]).toMatch(/\[ 'a', '1' \],\s*\[ 'a', 'é' \]/);
  });

  it('end within a field at each byte but their last, and are never taken in part', () => {
    for (const packet of MQTT5_PACKETS) {
      const bytes = mqtt5Bytes(packet);
      for (let end = 0; end < bytes.length; end++) {
        expect(outcome(new Mqtt5PacketDecoder(), bytes.subarray(0, end))).toEqual([]);
      }
    }
  });

  it('whose body is cut at any byte are refused, or are a shorter packet that is written the same', () => {
    for (const packet of MQTT5_PACKETS) {
      const bytes = mqtt5Bytes(packet);
      const header = bytes.length > 129 ? 3 : 2;
      for (let end = header; end < bytes.length; end++) {
        const length = end - header;
        const head = length > 127 ? [(length & 127) | 128, length >> 7] : [length];
        const cut = Buffer.concat([Buffer.of(bytes[0]!, ...head), bytes.subarray(header, end)]);
        let read: MqttPacket | undefined;
        const channel = new NotingChannel(new Mqtt5PacketDecoder(), {
          channelRead: (_ctx, message) => {
            read = message as MqttPacket;
          },
        });
        channel.feed(cut);
        if (read === undefined) expect(channel.errors).toHaveLength(1);
        else
          expect(outcome(new Mqtt5PacketDecoder(), mqtt5Bytes(read))).toEqual(
            outcome(new Mqtt5PacketDecoder(), cut),
          );
      }
    }
  });
});

describe('a packet that MQTT 5 does not allow', () => {
  it.each([
    // Data types.
    [
      'a text with a surrogate (MQTT-1.5.4-1)',
      publish('', '0003eda080'),
      'HR_ERR_TEXT_NOT_UTF8 81',
    ],
    ['a text with a zero (MQTT-1.5.4-2)', publish('', '000100'), 'HR_ERR_TEXT_NOT_UTF8 81'],
    ['a length of more bytes than it needs (MQTT-1.5.5-1)', 'c08000', MALFORMED],
    ['a property length of more bytes than it needs (MQTT-1.5.5-1)', '30050001618000', MALFORMED],
    ['a number of five bytes (MQTT-1.5.5-1)', publish('0bffffffff01'), MALFORMED],
    ['a property number of more bytes than it needs (MQTT-1.5.5-1)', publish('818000'), MALFORMED],
    // Fixed header and properties.
    ['flags that are not those of the type (MQTT-2.1.3-1)', 'f100', MALFORMED],
    ['a pubrel without its flag (MQTT-3.6.1-1)', '60020001', MALFORMED],
    ['a subscribe without its flag (MQTT-3.8.1-1)', '80070001000001' + '6100', MALFORMED],
    ['an unsubscribe without its flag (MQTT-3.10.1-1)', 'a006000100000161', MALFORMED],
    ['a disconnect with flags (MQTT-3.14.1-1)', 'e100', MALFORMED],
    ['type 0', '0000', MALFORMED],
    ['packet identifier 0 (MQTT-2.2.1-3)', '40020000', MALFORMED],
    ['an unknown property (2.2.2.2)', publish('7f00'), MALFORMED],
    ['a property of another packet (2.2.2.2)', publish('210001'), MALFORMED],
    ['properties that are longer than their length', '30080001610223000100', MALFORMED],
    ['a property twice (2.2.2.2)', publish('01000100'), PROTOCOL_ERROR],
    // CONNECT.
    ['a reserved flag of a connect (MQTT-3.1.2-3)', connect('', { flags: '03' }), MALFORMED],
    ['QoS of a will, and no will (MQTT-3.1.2-11)', connect('', { flags: '0a' }), MALFORMED],
    ['a retained will, and no will (MQTT-3.1.2-13)', connect('', { flags: '22' }), MALFORMED],
    [
      'a will with QoS 3 (MQTT-3.1.2-12)',
      connect('', { flags: '1e', rest: '00000161000178' }),
      MALFORMED,
    ],
    [
      'a will for a topic with a wildcard (MQTT-4.7.0-1)',
      connect('', { flags: '06', rest: '0000012b000178' }),
      MALFORMED,
    ],
    [
      'a property of a publish in a will',
      connect('', { flags: '06', rest: '03230001000161000178' }),
      MALFORMED,
    ],
    ['receive maximum 0 (3.1.2.11.3)', connect('210000'), PROTOCOL_ERROR],
    ['maximum packet size 0 (3.1.2.11.4)', connect('2700000000'), PROTOCOL_ERROR],
    ['a flag that is 2 (3.1.2.11.7)', connect('1702'), PROTOCOL_ERROR],
    ['authentication data without a method (3.1.2.11.10)', connect('16000164'), PROTOCOL_ERROR],
    // CONNACK.
    ['reserved flags of a connack (MQTT-3.2.2-1)', '2003020000', MALFORMED],
    ['a session with a refusal (MQTT-3.2.2-6)', '2003018700', PROTOCOL_ERROR],
    ['a connack with a code of 3.1.1 (MQTT-3.2.2-8)', '2003000500', MALFORMED],
    ['maximum QoS 2 (3.2.2.3.4)', '20050000022402', PROTOCOL_ERROR],
    // PUBLISH and its acknowledgements.
    ['QoS 3 (MQTT-3.3.1-4)', '36060001610001' + '00', MALFORMED],
    ['a duplicate with QoS 0 (MQTT-3.3.1-2)', '380400016100', MALFORMED],
    ['a topic with a wildcard (MQTT-3.3.2-2)', publish('', '000123'), MALFORMED],
    ['no topic and no alias (3.3.2.3.4)', publish('', '0000'), PROTOCOL_ERROR],
    ['topic alias 0 (MQTT-3.3.2-8)', publish('230000'), PROTOCOL_ERROR],
    ['a response topic with a wildcard (MQTT-3.3.2-14)', publish('08000123'), PROTOCOL_ERROR],
    ['subscription identifier 0 (3.3.2.3.8)', publish('0b00'), PROTOCOL_ERROR],
    ['a payload format of 2', publish('0102'), PROTOCOL_ERROR],
    ['a puback with a code of others (MQTT-3.4.2-1)', '4003000192', MALFORMED],
    ['a pubrec with a code of others (MQTT-3.5.2-1)', '5003000192', MALFORMED],
    ['a pubrel with a code of others (MQTT-3.6.2-1)', '6203000180', MALFORMED],
    ['a pubcomp with a code of others (MQTT-3.7.2-1)', '7003000180', MALFORMED],
    ['bytes after the properties of a puback', '40050001000000', MALFORMED],
    // Subscriptions.
    ['a subscribe without topics (MQTT-3.8.3-2)', '8203000100', MALFORMED],
    [
      'no local with a shared subscription (MQTT-3.8.3-4)',
      subscribe('$share/g/a', 4),
      PROTOCOL_ERROR,
    ],
    ['an empty filter (MQTT-4.7.3-1)', subscribe(''), MALFORMED],
    ['a filter with # before its end (MQTT-4.7.1-1)', subscribe('#/a'), MALFORMED],
    ['a filter with + beside a name (MQTT-4.7.1-2)', subscribe('a+'), MALFORMED],
    ['reserved bits of a subscription (MQTT-3.8.3-5)', '8207000100000161' + '40', MALFORMED],
    ['retain handling 3 (3.8.3.1)', '8207000100000161' + '30', PROTOCOL_ERROR],
    ['QoS 3 of a subscription (3.8.3.1)', '8207000100000161' + '03', MALFORMED],
    [
      'two subscription identifiers of a subscribe',
      '820b0001040b010b020001' + '6100',
      PROTOCOL_ERROR,
    ],
    ['a suback without codes (3.9.3)', '9003000100', MALFORMED],
    ['a suback with a code of others (MQTT-3.9.3-2)', '900400010003', MALFORMED],
    ['an unsubscribe without topics (MQTT-3.10.3-2)', 'a203000100', MALFORMED],
    ['an unsuback without codes (MQTT-3.11.3-1)', 'b003000100', MALFORMED],
    ['an unsuback with a code of others (MQTT-3.11.3-2)', 'b00400010001', MALFORMED],
    // The end, and AUTH.
    ['a disconnect with a code of others (MQTT-3.14.2-1)', 'e00101', MALFORMED],
    ['an auth with flags (MQTT-3.15.1-1)', 'f200', MALFORMED],
    ['an auth with a code of others (MQTT-3.15.2-1)', 'f00180', MALFORMED],
  ])('is refused: %s', (_name, hex, expected) => {
    expect(fault(hex)).toBe(expected);
  });

  it.each(['$share/', '$share//a', '$share/g', '$share/g/', '$share/+/a', '$share/g#/a'])(
    'is refused: a shared subscription whose form is wrong (MQTT-4.8.2-1, -2), %s',
    (filter) => {
      expect(fault(subscribe(filter))).toBe(MALFORMED);
      expect(mqttShareOf(filter)).toBeUndefined();
    },
  );
});

describe('what MQTT 5 does not allow', () => {
  const [connected] = MQTT5_PACKETS as [MqttPacket & { type: 'connect' }];
  const published = { type: 'publish', topic: 'a', qos: 0, dup: false, retain: false } as const;
  const payload = Buffer.from('x');
  it.each<[string, unknown]>([
    ['an unknown property', { ...published, payload, properties: { topic: 'a' } }],
    ['a property of another packet', { ...published, payload, properties: { reasonString: '' } }],
    ['topic alias 0', { ...published, payload, properties: { topicAlias: 0 } }],
    ['a payload format of 2', { ...published, payload, properties: { payloadFormatIndicator: 2 } }],
    [
      'a time that is too long',
      { ...published, payload, properties: { messageExpirySeconds: 2 ** 32 } },
    ],
    [
      'a response topic with a wildcard',
      { ...published, payload, properties: { responseTopic: '#' } },
    ],
    [
      'user properties that are no list',
      { ...published, payload, properties: { userProperties: 'a' } },
    ],
    [
      'a user property without a value',
      { ...published, payload, properties: { userProperties: [['a']] } },
    ],
    ['bytes that are a text', { ...published, payload, properties: { correlationData: 'a' } }],
    ['a text that is bytes', { ...published, payload, properties: { contentType: payload } }],
    ['neither a topic nor an alias', { ...published, topic: '', payload }],
    ['receive maximum 0', { ...connected, properties: { receiveMaximum: 0 } }],
    ['a flag that is 1', { ...connected, properties: { requestProblemInformation: 1 } }],
    [
      'authentication data without a method',
      { ...connected, properties: { authenticationData: payload } },
    ],
    ['a session with a refusal', { type: 'connack', sessionPresent: true, returnCode: 0x87 }],
    ['a connack with an unknown code', { type: 'connack', sessionPresent: false, returnCode: 6 }],
    ['a puback with a code of others', { type: 'puback', packetId: 1, reasonCode: 0x92 }],
    ['a suback with the code 3', { type: 'suback', packetId: 1, granted: [3] }],
    ['an unsuback without codes', { type: 'unsuback', packetId: 1 }],
    ['a disconnect with a code of others', { type: 'disconnect', reasonCode: 1 }],
    ['an auth with a code of others', { type: 'auth', reasonCode: 0x80 }],
    ['retain handling 3', subscription({ topic: 'a', qos: 0, retainHandling: 3 })],
    [
      'no local with a shared subscription',
      subscription({ topic: '$share/g/a', qos: 0, noLocal: true }),
    ],
    ['a shared subscription without a filter', subscription({ topic: '$share/g', qos: 0 })],
  ])('is not written: %s', (_name, packet) => {
    expect(() => mqtt5Bytes(packet as MqttPacket)).toThrow(/no MQTT packet/);
  });

  it.each<[string, unknown]>([
    ['an auth', { type: 'auth' }],
    ['a disconnect with a reason', { type: 'disconnect', reasonCode: 4 }],
    ['options of a subscription', subscription({ topic: 'a', qos: 0, noLocal: true })],
    [
      'an alias in place of a topic',
      { ...published, topic: '', payload, properties: { topicAlias: 1 } },
    ],
    ['properties of a connect', { ...connected, protocolLevel: 4 }],
  ])('is not written in MQTT 3.1.1: %s', (_name, packet) => {
    expect(() => new MqttEncoder().encode(packet as MqttPacket)).toThrow(/no MQTT packet/);
  });
});

describe('one application for both versions', () => {
  const hex = (packet: MqttPacket, level: number): string =>
    (new MqttEncoder().encode(packet, level) as Buffer).toString('hex');
  const connack = (returnCode: number): MqttPacket => ({
    type: 'connack',
    sessionPresent: false,
    returnCode,
  });

  it('refuses a client with the code of either version', () => {
    const pairs = [
      [1, MQTT_REASONS.unsupportedProtocolVersion],
      [2, MQTT_REASONS.clientIdentifierNotValid],
      [3, MQTT_REASONS.serverUnavailable],
      [4, MQTT_REASONS.badUserNameOrPassword],
      [5, MQTT_REASONS.notAuthorized],
    ] as const;
    for (const [older, newer] of pairs) {
      expect(hex(connack(newer), 4)).toBe(hex(connack(older), 4));
      expect(hex(connack(older), 5)).toBe(hex(connack(newer), 5));
    }
    expect(hex(connack(MQTT_REASONS.serverBusy), 4)).toBe('20020003');
    expect(hex(connack(MQTT_REASONS.banned), 4)).toBe('20020005');
    expect(() => hex(connack(MQTT_REASONS.malformedPacket), 4)).toThrow(/return code 129/);
  });

  it('leaves out in MQTT 3.1.1 what only MQTT 5 has', () => {
    const [, , , , publish] = MQTT5_PACKETS;
    const properties = { reasonString: 'why' };
    const { properties: _, ...plain } = publish as MqttPacket & { type: 'publish' };
    expect(hex(publish!, 4)).toBe(hex(plain, 4));
    expect(hex({ type: 'puback', packetId: 1, reasonCode: 0x87, properties }, 4)).toBe('40020001');
    expect(hex({ type: 'unsuback', packetId: 1, reasonCodes: [0x11] }, 4)).toBe('b0020001');
    expect(hex({ type: 'suback', packetId: 1, granted: [1, 0x87], properties }, 4)).toBe(
      '900400010180',
    );
    expect(() => hex({ type: 'suback', packetId: 1, granted: [3] }, 4)).toThrow(/code 3/);
  });

  it('reads the parts of a shared subscription', () => {
    expect(mqttShareOf('$share/g/a/#')).toEqual({ shareName: 'g', topic: 'a/#' });
    expect(mqttShareOf('a/b')).toBeUndefined();
  });

  it('has a code for each answer of the decoder to a server or a client', () => {
    for (const code of [0x81, 0x82, 0x93, 0x94, 0x95, 0x9a, 0x9b, 0x9e, 0xa1, 0xa2]) {
      expect(isReasonOf('disconnect', code)).toBe(true);
    }
  });
});
