import { AttributeKey, type Channel } from '@headrace/core';
import { present } from '@headrace/core/authoring';
import type { MqttConnack, MqttConnect, MqttPacket, MqttPublish } from './mqtt-packet.ts';
import type { MqttProperties } from './mqtt-properties.ts';
import { isReasonBy, MQTT_REASONS } from './mqtt-reasons.ts';
import { isMqttShare } from './mqtt-topic.ts';

type Side = 'client' | 'server';
export type MqttDirection = 'in' | 'out';

/** What one side has announced in its CONNECT or CONNACK. The other side must keep to it. */
type Announced = Required<
  Pick<
    MqttProperties,
    | 'maximumPacketBytes'
    | 'receiveMaximum'
    | 'topicAliasMaximum'
    | 'retainAvailable'
    | 'wildcardSubscriptionAvailable'
    | 'subscriptionIdentifierAvailable'
    | 'sharedSubscriptionAvailable'
  >
> & { readonly maximumQos: number };

/** What holds without an announcement. */
const SILENCE: Announced = {
  maximumPacketBytes: Infinity,
  receiveMaximum: 65_535,
  topicAliasMaximum: 0,
  maximumQos: 2,
  retainAvailable: true,
  wildcardSubscriptionAvailable: true,
  subscriptionIdentifierAvailable: true,
  sharedSubscriptionAvailable: true,
};
/** The largest packet of the format: a type, four bytes of length, and the longest body. */
const MAX_PACKET_BYTES = 268_435_460;

/** A packet that a connection does not allow, although its format is right. */
export interface MqttViolation {
  readonly why: string;
  /** Reason code of the DISCONNECT that answers the packet. */
  readonly reasonCode: number;
}

/** Packets that only one side sends (2.1.2). */
const ONLY_BY: { readonly [T in MqttPacket['type']]?: Side } = {
  connect: 'client',
  connack: 'server',
  subscribe: 'client',
  suback: 'server',
  unsubscribe: 'client',
  unsuback: 'server',
  pingreq: 'client',
  pingresp: 'server',
};

/** The state that the decoder and the encoder of a channel share: the level, and the limits of both sides of MQTT 5. */
export class MqttConnection {
  /** Level of the protocol, or 0 before a CONNECT. */
  level = 0;
  /** Largest packet and number of aliases of the decoder on this channel, for the announcement of this side. */
  accepts = { maxPacketBytes: Infinity, maxTopicAliases: 0 };
  /** What the sender of the packets of each direction must keep to. */
  private readonly limits = { in: SILENCE, out: SILENCE };
  /** Number of publishes with QoS 1 and 2 in each direction that are not acknowledged. */
  private readonly unacknowledged = { in: 0, out: 0 };
  /** This side, or `undefined` before a CONNECT. */
  private side: Side | undefined = undefined;
  private isAccepted = false;
  private authenticationMethod: string | undefined = undefined;
  private sessionExpirySeconds = 0;
  private sendsProblems = true;

  limit(direction: MqttDirection): Announced {
    return this.limits[direction];
  }

  /** Number of publishes with QoS 1 and 2 that the peer accepts before it acknowledges one. */
  get sendQuota(): number {
    return this.limits.out.receiveMaximum - this.unacknowledged.out;
  }

  /** Whether this side may send a DISCONNECT with a reason (MQTT-3.14.0-1). */
  get canDisconnect(): boolean {
    return this.level === 5 && (this.side === 'client' || this.isAccepted);
  }

  /** Returns the reason why this packet is not allowed now, without changing anything. */
  violation(packet: MqttPacket, direction: MqttDirection): MqttViolation | undefined {
    if (packet.type === 'connect' && this.side !== undefined) {
      // In the older versions, the application checks the order of packets.
      const isOlder = this.level !== 5 && packet.protocolLevel !== 5;
      return isOlder ? undefined : protocolError('a second connect');
    }
    if (this.level !== 5 || this.side === undefined) return undefined;
    const sender = (direction === 'out') === (this.side === 'client') ? 'client' : 'server';
    return (
      this.violationOfOrder(packet, sender, direction) ??
      this.violationOfContent(packet, sender) ??
      this.violationOfLimits(packet, direction)
    );
  }

  private violationOfOrder(
    packet: MqttPacket,
    sender: Side,
    direction: MqttDirection,
  ): MqttViolation | undefined {
    const { type } = packet;
    const only = ONLY_BY[type];
    if (only !== undefined && only !== sender) return protocolError(`a ${type} from a ${sender}`);
    if (type === 'auth') {
      if (this.authenticationMethod === undefined) return protocolError('an auth without a method');
      return this.violationOfMethod(packet.properties?.authenticationMethod);
    }
    if (type === 'connack') {
      if (this.isAccepted) return protocolError('a second connack');
      return packet.returnCode === 0 || packet.properties?.authenticationMethod !== undefined
        ? this.violationOfMethod(packet.properties?.authenticationMethod)
        : undefined;
    }
    if (this.isAccepted || type === 'connect') return undefined;
    if (sender === 'server') {
      // A received DISCONNECT ends the connection in any case, and its reason helps to find the fault.
      const isLast = type === 'disconnect' && direction === 'in';
      return isLast ? undefined : protocolError(`a ${type} before the connack`);
    }
    // A client may send packets at once, unless an extended sign-in decides whether it is accepted.
    return this.authenticationMethod !== undefined && type !== 'disconnect'
      ? protocolError(`a ${type} within the sign-in`)
      : undefined;
  }

  private violationOfMethod(method: string | undefined): MqttViolation | undefined {
    if (method === this.authenticationMethod) return undefined;
    return protocolError('the authentication method is not that of the connect');
  }

  private violationOfContent(packet: MqttPacket, sender: Side): MqttViolation | undefined {
    const { type } = packet;
    if (type === 'publish' && sender === 'client' && packet.properties?.subscriptionIdentifiers) {
      return protocolError('subscription identifiers in a publish of a client');
    }
    if (type !== 'disconnect' && type !== 'auth') return undefined;
    if (!isReasonBy(sender, type, packet.reasonCode ?? 0)) {
      return protocolError(`${type} of a ${sender} has the code ${packet.reasonCode ?? 0}`);
    }
    const expiry = type === 'disconnect' ? packet.properties?.sessionExpirySeconds : undefined;
    if (expiry === undefined) return undefined;
    if (sender === 'server') return protocolError('a session expiry in a disconnect of a server');
    return expiry > 0 && this.sessionExpirySeconds === 0
      ? protocolError('a session expiry after a connect without one')
      : undefined;
  }

  private violationOfLimits(
    packet: MqttPacket,
    direction: MqttDirection,
  ): MqttViolation | undefined {
    const limit = this.limits[direction];
    if (packet.type === 'publish') return this.violationOfPublish(packet, limit, direction);
    if (packet.type !== 'subscribe') return undefined;
    const topics = packet.subscriptions.map(({ topic }) => topic);
    if (!limit.subscriptionIdentifierAvailable && packet.properties?.subscriptionIdentifier) {
      const reasonCode = MQTT_REASONS.subscriptionIdentifiersNotSupported;
      return { why: 'a subscription identifier, which the server does not support', reasonCode };
    }
    if (!limit.sharedSubscriptionAvailable && topics.some(isMqttShare)) {
      const reasonCode = MQTT_REASONS.sharedSubscriptionsNotSupported;
      return { why: 'a shared subscription, which the server does not support', reasonCode };
    }
    if (!limit.wildcardSubscriptionAvailable && topics.some((topic) => /[+#]/.test(topic))) {
      const reasonCode = MQTT_REASONS.wildcardSubscriptionsNotSupported;
      return { why: 'a wildcard, which the server does not support', reasonCode };
    }
    return undefined;
  }

  private violationOfPublish(
    { qos, retain, properties }: MqttPublish,
    limit: Announced,
    direction: MqttDirection,
  ): MqttViolation | undefined {
    const { receiveMaximum, topicAliasMaximum, maximumQos } = limit;
    const { topicAlias = 0 } = properties ?? {};
    if (topicAlias > topicAliasMaximum) {
      const why = `topic alias ${topicAlias}, but the receiver accepts ${topicAliasMaximum}`;
      return { why, reasonCode: MQTT_REASONS.topicAliasInvalid };
    }
    if (qos > maximumQos) {
      const why = `QoS ${qos}, but the server accepts ${maximumQos}`;
      return { why, reasonCode: MQTT_REASONS.qosNotSupported };
    }
    if (retain && !limit.retainAvailable) {
      const why = 'a retained publish, which the server does not support';
      return { why, reasonCode: MQTT_REASONS.retainNotSupported };
    }
    if (qos > 0 && this.unacknowledged[direction] >= receiveMaximum) {
      const why = `more than ${receiveMaximum} publishes without an acknowledgement`;
      return { why, reasonCode: MQTT_REASONS.receiveMaximumExceeded };
    }
    return undefined;
  }

  /** Notes a packet that was read or written. */
  note(packet: MqttPacket, direction: MqttDirection): void {
    if (packet.type === 'connect') this.noteConnect(packet, direction);
    if (this.level !== 5) return;
    const opposite = direction === 'in' ? 'out' : 'in';
    switch (packet.type) {
      case 'connack':
        this.isAccepted = packet.returnCode === 0;
        this.limits[opposite] = { ...SILENCE, ...present(packet.properties) };
        break;
      case 'publish':
        if (packet.qos > 0) this.unacknowledged[direction]++;
        break;
      case 'puback':
      case 'pubcomp':
        this.acknowledge(opposite);
        break;
      case 'pubrec':
        if ((packet.reasonCode ?? 0) >= MQTT_REASONS.unspecifiedError) this.acknowledge(opposite);
        break;
      default:
    }
  }

  private noteConnect(packet: MqttConnect, direction: MqttDirection): void {
    const { protocolLevel, properties } = packet;
    this.level = protocolLevel;
    this.side = direction === 'out' ? 'client' : 'server';
    if (protocolLevel !== 5) return;
    this.limits[direction === 'in' ? 'out' : 'in'] = { ...SILENCE, ...present(properties) };
    this.authenticationMethod = properties?.authenticationMethod;
    this.sessionExpirySeconds = properties?.sessionExpirySeconds ?? 0;
    this.sendsProblems = properties?.requestProblemInformation ?? true;
  }

  /** An acknowledgement of a publish of an earlier connection has no count here (4.9). */
  private acknowledge(direction: MqttDirection): void {
    if (this.unacknowledged[direction] > 0) this.unacknowledged[direction]--;
  }

  /** Returns true if the reason and the user properties of this packet must be left out (MQTT-3.1.2-29). */
  mustNotExplain(packet: MqttPacket): boolean {
    if (this.sendsProblems || this.side !== 'server') return false;
    return !['publish', 'connack', 'disconnect'].includes(packet.type);
  }

  /** Returns the packet with the limits of this side's decoder, if the packet announces limits. */
  announcing(packet: MqttPacket): MqttPacket {
    if (packet.type === 'connect' && packet.protocolLevel === 5) return this.announcingIn(packet);
    if (packet.type === 'connack' && this.level === 5 && packet.returnCode === 0) {
      return this.announcingIn(packet);
    }
    return packet;
  }

  private announcingIn<T extends MqttConnect | MqttConnack>(packet: T): T {
    const { maxPacketBytes, maxTopicAliases } = this.accepts;
    const { maximumPacketBytes = Infinity, topicAliasMaximum = maxTopicAliases } =
      packet.properties ?? {};
    const bytes = Math.min(maximumPacketBytes, maxPacketBytes);
    const limits: { maximumPacketBytes?: number; topicAliasMaximum?: number } = {
      ...(bytes < MAX_PACKET_BYTES ? { maximumPacketBytes: bytes } : {}),
      ...(topicAliasMaximum > 0 ? { topicAliasMaximum } : {}),
    };
    return { ...packet, properties: { ...packet.properties, ...limits } };
  }
}

function protocolError(why: string): MqttViolation {
  return { why, reasonCode: MQTT_REASONS.protocolError };
}

const CONNECTION = new AttributeKey<MqttConnection>('MQTT connection');

/** Returns the state that the codec keeps for this channel. */
export function mqttConnectionOf({ attributes }: Channel): MqttConnection {
  const known = attributes.get(CONNECTION);
  if (known !== undefined) return known;
  const made = new MqttConnection();
  attributes.set(CONNECTION, made);
  return made;
}

/** What the peer of a connection accepts, as the decoder and the encoder know it. */
export interface MqttPeer {
  /** Level of the connection, or 0 before a CONNECT. */
  readonly protocolLevel: number;
  /** Maximum size of a packet in bytes, or `Infinity`. */
  readonly maximumPacketBytes: number;
  /** Highest topic alias, or 0. */
  readonly topicAliasMaximum: number;
  /** Number of publishes with QoS 1 and 2 that can be written before the peer acknowledges one. */
  readonly sendQuota: number;
}

/**
 * Returns what the peer of this channel accepts. MQTT 5 announces it in CONNECT and CONNACK. A server that waits with publishes
 * reads `sendQuota` after each acknowledgement.
 */
export function mqttPeerOf(channel: Channel): MqttPeer {
  const connection = mqttConnectionOf(channel);
  const { maximumPacketBytes, topicAliasMaximum } = connection.limit('out');
  const { level: protocolLevel, sendQuota } = connection;
  return { protocolLevel, maximumPacketBytes, topicAliasMaximum, sendQuota };
}
