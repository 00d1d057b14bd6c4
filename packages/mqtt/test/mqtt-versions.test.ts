import { EmbeddedChannel } from '@headrace/core/testing';
import { MqttDecoder, MqttEncoder, type MqttPacket } from '@headrace/mqtt';
import { describe, expect, it } from 'vitest';

/** What a side reads of these bytes after a CONNECT of this level, or the text of the error. */
function read(level: 3 | 4 | 5, hex: string): unknown {
  const channel = connected(level);
  try {
    channel.writeInbound(Buffer.from(hex, 'hex'));
  } catch (error) {
    return (error as Error).message;
  }
  return channel.readInbound();
}

/** What a side writes for this packet after a CONNECT of this level, in hex, or the text of the error. */
function written(level: 3 | 4 | 5, packet: unknown): string {
  const channel = connected(level);
  const isServersAnswer = ['suback', 'unsuback', 'publish'].includes((packet as MqttPacket)?.type);
  if (isServersAnswer)
    channel.writeOutbound({ type: 'connack', sessionPresent: false, returnCode: 0 });
  while (channel.readOutbound() !== undefined);
  try {
    channel.writeOutbound(packet);
  } catch (error) {
    return (error as Error).message;
  }
  return channel.readOutbound<Buffer>()!.toString('hex');
}

function connected(level: 3 | 4 | 5): EmbeddedChannel {
  const channel = new EmbeddedChannel(
    new MqttDecoder({ protocolLevels: [3, 4, 5] }),
    new MqttEncoder(),
  );
  channel.writeInbound(Buffer.from(connectHex(level, 2, '0001 61'), 'hex'));
  channel.readInbound();
  return channel;
}

function connectHex(level: number, flags: number, rest: string): string {
  const name = level === 3 ? 'MQIsdp' : 'MQTT';
  const properties = level === 5 ? [0] : [];
  const fields = Buffer.from(rest.replaceAll(' ', ''), 'hex');
  const head = [0, name.length, ...Buffer.from(name), level, flags, 0, 60, ...properties];
  return Buffer.of(0x10, head.length + fields.length, ...head, ...fields).toString('hex');
}

/** What a server reads of a CONNECT, or the text of the error. */
function readConnect(level: number, flags: number, rest: string): unknown {
  const channel = new EmbeddedChannel(new MqttDecoder({ protocolLevels: [3, 4, 5] }));
  try {
    channel.writeInbound(Buffer.from(connectHex(level, flags, rest), 'hex'));
  } catch (error) {
    return (error as Error).message;
  }
  return channel.readInbound();
}

describe('MQTT 3.1', () => {
  it.each([
    ['SUBSCRIBE', '82', '000100016100', 'subscribe'],
    ['UNSUBSCRIBE', 'a2', '0001000161', 'unsubscribe'],
    ['PUBREL', '62', '0001', 'pubrel'],
  ])('marks %s as a duplicate, which later versions do not', (_name, first, body, type) => {
    const again = (Number.parseInt(first, 16) | 8).toString(16);
    const packet = (start: string) =>
      `${start}${(body.length / 2).toString(16).padStart(2, '0')}${body}`;
    expect(read(3, packet(again))).toEqual(read(3, packet(first)));
    expect(read(3, packet(again))).toMatchObject({ type });
    expect(read(4, packet(again))).toMatch(/flags 10 are not those of/);
    for (const bit of [1, 4]) {
      const other = (Number.parseInt(first, 16) ^ bit).toString(16);
      expect(read(3, packet(other))).toMatch(/are not those of/);
    }
  });

  it('marks no other packet as a duplicate', () => {
    for (const hex of ['48020001', '5802 0001', '78020001', 'c800', 'e800', '98030001 00'])
      expect(read(3, hex.replace(' ', ''))).toMatch(/flags 8 are not those of/);
  });

  it('has a user name only if the packet is long enough', () => {
    expect(readConnect(3, 0xc2, '0001 61')).not.toHaveProperty('username');
    const named = readConnect(3, 0xc2, '0001 61 0001 75');
    expect(named).toMatchObject({ username: 'u' });
    expect(named).not.toHaveProperty('password');
    expect(readConnect(4, 0xc2, '0001 61 0001 75')).toMatch(/ends within a field/);
    expect(readConnect(3, 0xc2, '0001 61 0002 75')).toMatch(/ends within a field/);
  });

  it('disregards flags that it does not use', () => {
    for (const flags of [3, 2 | 8, 2 | 0x20, 2 | 0x18]) {
      expect(readConnect(3, flags, '0001 61')).toMatchObject({ type: 'connect', clientId: 'a' });
      expect(readConnect(4, flags, '0001 61')).toMatch(/flag/);
      expect(readConnect(5, flags, '0001 61')).toMatch(/flag/);
    }
    expect(readConnect(3, 2 | 4 | 0x18, '0001 61 0001 62 0000')).toMatch(/QoS 3/);
  });

  it('does not say whether there is a session', () => {
    const client = (level: number) => {
      const channel = new EmbeddedChannel(
        new MqttDecoder({ protocolLevels: [3, 4, 5] }),
        new MqttEncoder(),
      );
      const connect = { type: 'connect', protocolLevel: level, keepAliveSeconds: 0 } as const;
      channel.writeOutbound({ ...connect, cleanSession: false, clientId: 'a' });
      return channel;
    };
    const channel = client(3);
    channel.writeInbound(Buffer.from('20020200', 'hex'));
    expect(channel.readInbound()).toMatchObject({ sessionPresent: false, returnCode: 0 });
    const newer = client(4);
    newer.writeInbound(Buffer.from('20020100', 'hex'));
    expect(newer.readInbound()).toMatchObject({ sessionPresent: true, returnCode: 0 });
    const connack = { type: 'connack', sessionPresent: true, returnCode: 0 };
    expect([written(3, connack), written(4, connack)]).toEqual(['20020000', '20020100']);
  });

  it('has no code for a refused subscription: the answer is that of a granted one', () => {
    const refused = { type: 'suback', packetId: 1, granted: [1, 0x80, 0x87] };
    expect(written(3, refused)).toBe('90050001010000');
    expect(written(4, refused)).toBe('90050001018080');
    expect(written(5, refused)).toBe('9006000100018087');
  });
});

it('has a session only with an accepted connection, in each version', () => {
  for (const level of [4, 5] as const) {
    const packet = { type: 'connack', sessionPresent: true, returnCode: 5 };
    expect(written(level, packet)).toMatch(/a session with a refusal/);
  }
  const client = new EmbeddedChannel(new MqttDecoder({ protocolLevels: [3, 4, 5] }));
  expect(() => client.writeInbound(Buffer.from('20020105', 'hex'))).toThrow(
    'a session with a refusal',
  );
});

const FIELDS = {
  connect: { protocolLevel: 4, keepAliveSeconds: 0, clientId: 'a', cleanSession: true },
  connack: { returnCode: 0 },
  publish: { topic: 'a', payload: Buffer.alloc(0), qos: 1, packetId: 1 },
  puback: { packetId: 1 },
  pubrec: { packetId: 1 },
  pubrel: { packetId: 1 },
  pubcomp: { packetId: 1 },
  subscribe: { packetId: 1, subscriptions: [{ topic: 'a', qos: 0 }] },
  suback: { packetId: 1, granted: [0] },
  unsubscribe: { packetId: 1, topics: ['a'] },
  unsuback: { packetId: 1, reasonCodes: [0] },
};
/** A field that has a default, or that only one version has. */
const OPTIONAL = ['connect cleanSession', 'unsuback reasonCodes'];

it('names the field that a packet lacks', () => {
  for (const [type, fields] of Object.entries(FIELDS)) {
    expect(written(4, { type, ...fields })).toMatch(/^[0-9a-f]+$/);
    for (const name of Object.keys(fields)) {
      const lacking = { type, ...fields, [name]: undefined };
      if (OPTIONAL.includes(`${type} ${name}`)) continue;
      const text =
        name === 'packetId' ? 'a packet identifier is missing' : `${type} has no ${name}`;
      expect(written(4, lacking), `${type} ${name}`).toBe(`no MQTT packet: ${text}`);
    }
  }
  const will = { topic: 'w', payload: Buffer.alloc(0), qos: 0 };
  for (const name of Object.keys(will)) {
    const packet = { type: 'connect', ...FIELDS.connect, will: { ...will, [name]: undefined } };
    expect(written(4, packet)).toBe(`no MQTT packet: will has no ${name}`);
  }
  for (const name of ['topic', 'qos']) {
    const subscription = { topic: 'a', qos: 0, [name]: undefined };
    const packet = { type: 'subscribe', packetId: 1, subscriptions: [subscription] };
    expect(written(4, packet)).toBe(`no MQTT packet: subscription has no ${name}`);
  }
  expect(written(5, { type: 'unsuback', packetId: 1 })).toBe(
    'no MQTT packet: unsuback has no reasonCodes',
  );
});
