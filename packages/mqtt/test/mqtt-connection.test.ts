import { ChannelGroup, type Context } from '@headrace/core';
import { isPeerLeaving } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import {
  MqttDecoder,
  type MqttDecoderOptions,
  MqttEncoder,
  type MqttPacket,
  mqttPeerOf,
} from '@headrace/mqtt';
import { describe, expect, it } from 'vitest';
import { mqtt5Bytes } from './mqtt5-packets.ts';

const LEVELS = [3, 4, 5] as const;

type Connect = Extract<MqttPacket, { type: 'connect' }>;
type Connack = Extract<MqttPacket, { type: 'connack' }>;

const connect = (properties: Connect['properties'] = {}, protocolLevel = 5): Connect => ({
  type: 'connect',
  protocolLevel,
  cleanSession: true,
  keepAliveSeconds: 0,
  clientId: 'a',
  ...(Object.keys(properties).length === 0 ? {} : { properties }),
});
const connack = (properties: Connack['properties'] = {}, returnCode = 0): Connack => ({
  type: 'connack',
  sessionPresent: false,
  returnCode,
  ...(Object.keys(properties).length === 0 ? {} : { properties }),
});

type Publish = Extract<MqttPacket, { type: 'publish' }>;
const publish = (fields: Partial<Publish> = {}): Publish => ({
  type: 'publish',
  topic: 'a',
  qos: 0,
  dup: false,
  retain: false,
  payload: Buffer.from('x'),
  ...fields,
});
const atLeastOnce = (packetId: number): Publish => publish({ qos: 1, packetId });
const subscribe = (topic: string, properties: object = {}): MqttPacket => ({
  type: 'subscribe',
  packetId: 1,
  subscriptions: [{ topic, qos: 0 }],
  properties,
});

interface Options {
  readonly server?: MqttDecoderOptions;
  readonly client?: MqttDecoderOptions;
}

/** A channel with the codec, which keeps the packets and the errors that it reads. */
function side(options: MqttDecoderOptions = {}) {
  const read: unknown[] = [];
  const errors: string[] = [];
  const keeper = {
    channelRead: (_ctx: Context, packet: MqttPacket) => void read.push(packet),
    exceptionCaught: (_ctx: Context, error: Error) => void errors.push(error.message),
  };
  const decoder = new MqttDecoder({ protocolLevels: LEVELS, ...options });
  const channel = new EmbeddedChannel(decoder, new MqttEncoder(), keeper);
  return { channel, read, errors };
}

type Side = ReturnType<typeof side>;

/** Delivers what one side has written. */
function deliver(from: Side, to: Side): void {
  let bytes = from.channel.readOutbound<Buffer>();
  for (; bytes !== undefined; bytes = from.channel.readOutbound<Buffer>()) {
    if (to.channel.isOpen) to.channel.writeInbound(bytes);
  }
}

/** A client and a server. */
function pair({ server: ofServer, client: ofClient }: Options = {}) {
  const [client, server] = [side(ofClient), side(ofServer)];
  const send = (from: Side, ...packets: MqttPacket[]): void => {
    for (const packet of packets) from.channel.writeOutbound(packet);
    const to = from === client ? server : client;
    deliver(from, to);
    deliver(to, from);
  };
  return { client, server, send };
}

/** A pair whose sign-in is done, with these announcements. */
function accepted(
  announced: { readonly connect?: Connect['properties']; readonly connack?: Connack['properties'] },
  options: Options = {},
) {
  const made = pair(options);
  made.send(made.client, connect(announced.connect));
  made.send(made.server, connack(announced.connack));
  made.client.read.length = 0;
  made.server.read.length = 0;
  return made;
}

describe('the version of a connection', () => {
  it('is that of the CONNECT, for the decoder and the encoder of both sides', () => {
    for (const level of LEVELS) {
      const { client, server, send } = pair();
      send(client, connect({}, level));
      send(server, connack());
      const sent = publish(level === 5 ? { properties: { contentType: 't' } } : {});
      send(client, sent);
      send(server, sent);
      expect([server.read[1], client.read[1]]).toEqual([sent, sent]);
      const levels = [server, client].map(({ channel }) => mqttPeerOf(channel).protocolLevel);
      expect(levels).toEqual([level, level]);
    }
  });

  it.each([
    ['5 where only 3.1.1 is accepted', [4], connect({}, 5), '20020001'],
    ['3.1.1 where only 5 is accepted', [5], connect({}, 4), '20020001'],
    ['3.1 where only 3.1.1 is accepted', [4], connect({}, 3), '20020001'],
  ] as const)(
    'is answered with a CONNACK of 3.1.1 (MQTT-3.1.2-2): %s',
    (_name, levels, packet, hex) => {
      const channel = new EmbeddedChannel(new MqttDecoder({ protocolLevels: levels }));
      expect(() => channel.writeInbound(new MqttEncoder().encode(packet))).toThrow(/level/);
      expect(channel.readOutbound<Buffer>()?.toString('hex')).toBe(hex);
      expect(channel.isEnding).toBe(true);
    },
  );

  it('newer than MQTT 5 is answered with the code 84 in the form of MQTT 5 (MQTT-3.1.2-2)', () => {
    const bytes = mqtt5Bytes(connect());
    bytes[8] = 6;
    for (const handlers of [[], [new MqttEncoder()]]) {
      const decoder = new MqttDecoder({ protocolLevels: LEVELS });
      const channel = new EmbeddedChannel(...handlers, decoder);
      expect(() => channel.writeInbound(bytes)).toThrow(/level 6/);
      expect(channel.readOutbound<Buffer>()?.toString('hex')).toBe('2003008400');
    }
  });

  it('decides how a broadcast is written, once for each version', () => {
    const group = new ChannelGroup();
    const members = [4, 5, 5, 4].map((level) => {
      const one = pair();
      one.send(one.client, connect({}, level));
      one.send(one.server, connack());
      group.add(one.server.channel);
      return one;
    });
    const sent = publish({ properties: { contentType: 't' } });
    group.writeAndFlush(sent);
    for (const { server, client } of members) deliver(server, client);
    const { properties: _, ...plain } = sent;
    expect(members.map(({ client }) => client.read[1])).toEqual([plain, sent, sent, plain]);
  });
});

describe('the answer to a packet that is refused', () => {
  it('is a CONNACK with a reason for a CONNECT of MQTT 5 (MQTT-3.1.4-1)', () => {
    const bytes = mqtt5Bytes(connect({ receiveMaximum: 1 }));
    bytes[bytes.indexOf(0x21) + 2] = 0;
    const { channel, errors } = side();
    channel.writeInbound(bytes);
    expect(errors[0]).toMatch(/receiveMaximum is 0/);
    expect(channel.readOutbound<Buffer>()?.toString('hex')).toBe('2003008200');
    expect(channel.isEnding).toBe(true);
  });

  it('is a DISCONNECT with a reason after the CONNACK, in both directions (4.13.1)', () => {
    for (const name of ['client', 'server'] as const) {
      const { [name]: one } = accepted({});
      one.channel.writeInbound(Buffer.from('c08000', 'hex'));
      expect(one.channel.readOutbound<Buffer>()?.toString('hex')).toBe('e00181');
      expect(one.channel.isEnding).toBe(true);
    }
  });

  it('is none before the CONNACK (MQTT-3.14.0-1), and none in MQTT 3.1.1', () => {
    for (const level of [4, 5]) {
      const { client, server, send } = pair();
      send(client, connect({}, level));
      if (level === 4) send(server, connack());
      server.channel.writeInbound(Buffer.from('e100', 'hex'));
      expect(server.errors).toHaveLength(1);
      expect(server.channel.readOutbound()).toBeUndefined();
    }
  });

  it('is left to the application with another policy', () => {
    const { channel, errors } = side({ frameErrorPolicy: 'emit' });
    channel.writeInbound(mqtt5Bytes(connect()));
    channel.writeOutbound(connack());
    channel.readOutbound();
    channel.writeInbound(Buffer.from('e100', 'hex'));
    expect(errors).toHaveLength(1);
    expect(channel.readOutbound()).toBeUndefined();
  });
});

describe('the order of packets in MQTT 5', () => {
  const hexOf = (packet: MqttPacket): Buffer => mqtt5Bytes(packet);

  it.each<[string, MqttPacket]>([
    ['a second CONNECT (MQTT-3.1.0-2)', connect()],
    ['a packet that only servers send', connack()],
    ['an AUTH without a method in the CONNECT (MQTT-4.12.0-7)', { type: 'auth', reasonCode: 0x19 }],
    [
      'a subscription identifier in a PUBLISH (MQTT-3.3.4-6)',
      publish({ properties: { subscriptionIdentifiers: [1] } }),
    ],
    [
      'a session expiry after a CONNECT without one (3.14.2.2.2)',
      { type: 'disconnect', properties: { sessionExpirySeconds: 1 } },
    ],
    ['a code of servers in a DISCONNECT (3.14.2.1)', { type: 'disconnect', reasonCode: 0x8e }],
  ])('is refused by a server, and not written by a client: %s', (_name, packet) => {
    const { client, server } = accepted({});
    expect(() => client.channel.writeOutbound(packet)).toThrow(/no MQTT packet/);
    server.channel.writeInbound(hexOf(packet));
    expect(server.errors).toHaveLength(1);
    expect(server.channel.readOutbound<Buffer>()?.toString('hex')).toBe('e00182');
  });

  it.each<[string, MqttPacket]>([
    ['a second CONNACK (MQTT-3.2.0-2)', connack()],
    ['a packet that only clients send', { type: 'pingreq' }],
    ['an AUTH without a method in the CONNECT (MQTT-4.12.0-6)', { type: 'auth', reasonCode: 0x18 }],
    [
      'a session expiry in a DISCONNECT (MQTT-3.14.2-2)',
      { type: 'disconnect', reasonCode: 0x8e, properties: { sessionExpirySeconds: 1 } },
    ],
    ['a code of clients in a DISCONNECT (3.14.2.1)', { type: 'disconnect', reasonCode: 4 }],
  ])('is refused by a client, and not written by a server: %s', (_name, packet) => {
    const { client, server } = accepted({});
    expect(() => server.channel.writeOutbound(packet)).toThrow(/no MQTT packet/);
    client.channel.writeInbound(hexOf(packet));
    expect(client.errors).toHaveLength(1);
    expect(client.channel.readOutbound<Buffer>()?.toString('hex')).toBe('e00182');
  });

  it('has the CONNACK before all other packets of a server but AUTH (MQTT-3.2.0-1)', () => {
    for (const packet of [publish(), { type: 'pingresp' }] as MqttPacket[]) {
      const { client, server, send } = pair();
      send(client, connect());
      expect(() => server.channel.writeOutbound(packet)).toThrow(/before the connack/);
      client.channel.writeInbound(hexOf(packet));
      expect(client.errors).toHaveLength(1);
    }
    const { client, server, send } = pair();
    send(client, connect());
    const last = { type: 'disconnect', reasonCode: 0x8b } as const;
    expect(() => server.channel.writeOutbound(last)).toThrow(/before the connack/);
    client.channel.writeInbound(hexOf(last));
    expect(client.read).toEqual([last]);
  });

  it('the end is planned after a DISCONNECT of a server that stops or sends elsewhere, and after no other', () => {
    const codes = [0x8b, 0x9c, 0x9d, 0xa0, 0x89, 0x8e, 0x98, 0x82];
    const planned = codes.filter((reasonCode) => {
      const { client, send } = pair();
      send(client, connect());
      client.channel.writeInbound(hexOf({ type: 'disconnect', reasonCode }));
      return isPeerLeaving(client.channel);
    });
    expect(planned).toEqual([0x8b, 0x9c, 0x9d, 0xa0]);
  });

  it('has only AUTH and DISCONNECT of a client within an extended sign-in (MQTT-3.1.2-30)', () => {
    const authenticationMethod = 'm';
    const step = { type: 'auth', reasonCode: 0x18, properties: { authenticationMethod } } as const;
    const other = { ...step, properties: { authenticationMethod: 'n' } };
    const { client, server, send } = pair();
    send(client, connect({ authenticationMethod }));
    expect(() => client.channel.writeOutbound(publish())).toThrow(/within the sign-in/);
    expect(() => server.channel.writeOutbound(other)).toThrow(/authentication method/);
    send(server, step);
    send(client, step);
    expect(() => server.channel.writeOutbound(connack())).toThrow(/authentication method/);
    send(server, connack({ authenticationMethod }));
    send(client, publish(), { ...step, reasonCode: 0x19 });
    expect(client.read.map((packet) => (packet as MqttPacket).type)).toEqual(['auth', 'connack']);
    const types = ['connect', 'auth', 'publish', 'auth'];
    expect(server.read.map((packet) => (packet as MqttPacket).type)).toEqual(types);
  });

  it('has an AUTH with the method of the CONNECT (MQTT-4.12.0-5)', () => {
    const { server, client, send } = pair();
    send(client, connect({ authenticationMethod: 'm' }));
    const properties = { authenticationMethod: 'n' };
    server.channel.writeInbound(hexOf({ type: 'auth', reasonCode: 0x18, properties }));
    expect(server.errors).toHaveLength(1);
  });
});

describe('the limits of MQTT 5', () => {
  it('of the size are announced by the encoder, and are those of the decoder', () => {
    const { client, server, send } = pair({
      client: { maxPacketBytes: 1000, maxTopicAliases: 7 },
      server: { maxPacketBytes: 500 },
    });
    send(client, connect({ topicAliasMaximum: 3, contentType: undefined } as object));
    send(server, connack({ maximumPacketBytes: 90 }));
    const { maximumPacketBytes, topicAliasMaximum } = mqttPeerOf(server.channel);
    expect([maximumPacketBytes, topicAliasMaximum]).toEqual([1000, 3]);
    expect(mqttPeerOf(client.channel).maximumPacketBytes).toBe(90);
  });

  it('of the size fail the write of a longer packet (MQTT-3.1.2-24, MQTT-3.2.2-15)', () => {
    const { client, server, send } = accepted({ connect: { maximumPacketBytes: 60 } });
    const fits = publish({ payload: Buffer.alloc(60 - 6) });
    send(server, fits);
    expect(client.read).toEqual([fits]);
    const tooLong = publish({ payload: Buffer.alloc(60 - 5) });
    expect(() => server.channel.writeOutbound(tooLong)).toThrow(/61 bytes, but at most 60/);
    client.channel.writeInbound(mqtt5Bytes(tooLong));
    expect(client.errors[0]).toMatch(
      /61 bytes is longer than the announced maximumPacketBytes, 60/,
    );
    expect(client.channel.readOutbound<Buffer>()?.toString('hex')).toBe('e00195');
  });

  it('of the size leave out the reason of an answer (MQTT-3.2.2-19, -20, MQTT-3.4.2-2, -3)', () => {
    const { client, server, send } = pair();
    send(client, connect({ maximumPacketBytes: 40 }));
    const reasonString = 'x'.repeat(40);
    send(server, connack({ reasonString, serverKeepAliveSeconds: 9, maximumPacketBytes: 50 }));
    send(server, { type: 'puback', packetId: 1, properties: { reasonString } });
    send(server, { type: 'puback', packetId: 2, properties: { reasonString: 'x' } });
    expect(client.read).toEqual([
      connack({ serverKeepAliveSeconds: 9, maximumPacketBytes: 50 }),
      { type: 'puback', packetId: 1 },
      { type: 'puback', packetId: 2, properties: { reasonString: 'x' } },
    ]);
  });

  it('leave out reasons that the client does not request (MQTT-3.1.2-29)', () => {
    const { client, server, send } = accepted({ connect: { requestProblemInformation: false } });
    const userProperties = [['a', 'b']] as const;
    const message = publish({ properties: { userProperties } });
    const last = { type: 'disconnect', reasonCode: 0x8b, properties: { userProperties } } as const;
    const answer = { type: 'puback', packetId: 1, reasonCode: 0x10 } as const;
    send(server, { ...answer, properties: { reasonString: 'why', userProperties } }, message, last);
    expect(client.read).toEqual([answer, message, last]);
  });

  it('of unacknowledged publishes hold for clients (MQTT-3.3.4-7) and servers (MQTT-3.3.4-9)', () => {
    for (const name of ['client', 'server'] as const) {
      const made = accepted({ connect: { receiveMaximum: 2 }, connack: { receiveMaximum: 2 } });
      const { [name]: from } = made;
      const to = name === 'client' ? made.server : made.client;
      made.send(from, atLeastOnce(1), publish({ qos: 2, packetId: 2 }), publish());
      expect(mqttPeerOf(from.channel).sendQuota).toBe(0);
      expect(() => from.channel.writeOutbound(atLeastOnce(3))).toThrow(/more than 2 publishes/);
      made.send(to, { type: 'pubrec', packetId: 2 });
      expect(mqttPeerOf(from.channel).sendQuota).toBe(0);
      made.send(to, { type: 'puback', packetId: 1 });
      expect(mqttPeerOf(from.channel).sendQuota).toBe(1);
      made.send(to, { type: 'pubcomp', packetId: 2 });
      // An acknowledgement too many does not raise the quota over the maximum (4.9).
      made.send(to, { type: 'puback', packetId: 9 });
      expect(mqttPeerOf(from.channel).sendQuota).toBe(2);
      made.send(from, publish({ qos: 2, packetId: 4 }));
      made.send(to, { type: 'pubrec', packetId: 4, reasonCode: 0x97 });
      expect(mqttPeerOf(from.channel).sendQuota).toBe(2);
      for (const id of [5, 6, 7]) to.channel.writeInbound(mqtt5Bytes(atLeastOnce(id)));
      expect(to.errors[0]).toMatch(/more than 2 publishes/);
      expect(to.channel.readOutbound<Buffer>()?.toString('hex')).toBe('e00193');
    }
  });

  it('of aliases hold without an announcement (MQTT-3.1.2-27, MQTT-3.2.2-18)', () => {
    const { client, server } = accepted({});
    const sent = publish({ properties: { topicAlias: 1 } });
    expect(() => client.channel.writeOutbound(sent)).toThrow(/the receiver accepts 0/);
    expect(() => server.channel.writeOutbound(sent)).toThrow(/the receiver accepts 0/);
    server.channel.writeInbound(mqtt5Bytes(sent));
    expect(server.channel.readOutbound<Buffer>()?.toString('hex')).toBe('e00194');
  });

  it.each<[string, Connack['properties'], MqttPacket, string]>([
    [
      'an alias (MQTT-3.3.2-9)',
      { topicAliasMaximum: 2 },
      publish({ properties: { topicAlias: 3 } }),
      '94',
    ],
    ['a QoS (MQTT-3.2.2-11)', { maximumQos: 0 }, atLeastOnce(1), '9b'],
    [
      'a retained publish (MQTT-3.2.2-14)',
      { retainAvailable: false },
      publish({ retain: true }),
      '9a',
    ],
    ['a wildcard (3.2.2.3.11)', { wildcardSubscriptionAvailable: false }, subscribe('a/#'), 'a2'],
    [
      'a subscription identifier (3.2.2.3.12)',
      { subscriptionIdentifierAvailable: false },
      subscribe('a', { subscriptionIdentifier: 1 }),
      'a1',
    ],
    [
      'a shared subscription (3.2.2.3.13)',
      { sharedSubscriptionAvailable: false },
      subscribe('$share/g/a'),
      '9e',
    ],
  ])('of a server fail the write of its client: %s', (_name, announced, packet, code) => {
    const { client, server } = accepted({ connack: announced });
    expect(() => client.channel.writeOutbound(packet)).toThrow(/no MQTT packet/);
    server.channel.writeInbound(mqtt5Bytes(packet));
    expect(server.channel.readOutbound<Buffer>()?.toString('hex')).toBe(`e001${code}`);
  });
});

describe('a packet with a field of another type', () => {
  it('fails its write with ENCODER_FAILED', () => {
    const { channel } = side();
    const packet = { type: 'publish', qos: 0, topic: 'a', payload: 7 } as unknown as MqttPacket;
    expect(() => channel.writeOutbound(packet)).toThrow(/MqttEncoder.encode threw/);
  });
});

describe('topic aliases', () => {
  const aliased = (topic: string, topicAlias: number, more = {}) =>
    publish({ topic, properties: { topicAlias, ...more } });

  it('pass as they are without an option', () => {
    const { client, server, send } = accepted({ connack: { topicAliasMaximum: 1 } });
    send(client, aliased('', 1));
    expect(server.read).toEqual([aliased('', 1)]);
  });

  it('are replaced by their topics, and do not leave the connection (MQTT-3.3.2-7)', () => {
    const { client, server, send } = accepted({}, { server: { maxTopicAliases: 2 } });
    expect(mqttPeerOf(client.channel).topicAliasMaximum).toBe(2);
    send(client, aliased('a', 1), aliased('b', 2, { contentType: 't' }), aliased('', 1));
    send(client, aliased('c', 1), aliased('', 1), aliased('', 2));
    expect(server.read).toEqual([
      publish({ topic: 'a' }),
      publish({ topic: 'b', properties: { contentType: 't' } }),
      publish({ topic: 'a' }),
      publish({ topic: 'c' }),
      publish({ topic: 'c' }),
      publish({ topic: 'b' }),
    ]);
  });

  it('without a topic are a protocol error (3.3.2.3.4)', () => {
    const { server } = accepted({}, { server: { maxTopicAliases: 2 } });
    server.channel.writeInbound(mqtt5Bytes(aliased('', 2)));
    expect(server.errors[0]).toMatch(/topic alias 2 has no topic/);
    expect(server.channel.readOutbound<Buffer>()?.toString('hex')).toBe('e00182');
  });
});
