import type { MqttPropertiesOf } from './mqtt-properties.ts';

/** A version of the protocol on the wire: 3 for MQTT 3.1, 4 for 3.1.1, and 5 for MQTT 5. */
export type MqttProtocolLevel = 3 | 4 | 5;

/** Quality of service of a delivery: at most once (0), at least once (1), or exactly once (2). */
export type MqttQos = 0 | 1 | 2;

/** The message that the server publishes when the client's connection is lost. */
export interface MqttWill {
  /** Topic of the message, without wildcards. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: MqttQos;
  /** Whether the server keeps the message for later subscribers. */
  readonly retain: boolean;
  /** Properties of the message, in MQTT 5. Without `properties`, it has none. */
  readonly properties?: MqttPropertiesOf<'will'>;
}

/** A client's first packet. */
export interface MqttConnect {
  readonly type: 'connect';
  /** Version of the protocol: 5 for MQTT 5, 4 for MQTT 3.1.1 (`MQTT`), 3 for 3.1 (`MQIsdp`). */
  readonly protocolLevel: number;
  /**
   * Whether the server discards an older session of the client. In MQTT 3.1.1, the server also keeps no session after the
   * connection. In MQTT 5 (Clean Start), `sessionExpirySeconds` decides about that.
   */
  readonly cleanSession: boolean;
  /** Maximum time without a packet of the client, in seconds, or 0 for no limit. */
  readonly keepAliveSeconds: number;
  readonly clientId: string;
  /** Message that is published if the connection is lost. Without `will`, no message is published. */
  readonly will?: MqttWill;
  /** User name for the sign-in. Without `username`, the client does not sign in. */
  readonly username?: string;
  /** Password of `username`. */
  readonly password?: Uint8Array;
  /** Properties of the connection, in MQTT 5. Without `properties`, the client announces none. */
  readonly properties?: MqttPropertiesOf<'connect'>;
}

/** The server's answer to a connect. */
export interface MqttConnack {
  readonly type: 'connack';
  /** Whether the server has kept a session of the client. */
  readonly sessionPresent: boolean;
  /**
   * Result: 0 accepts the connection. In MQTT 3.1.1, 1 to 5 are the reasons for a refusal. In MQTT 5, it is one of
   * {@link MQTT_REASONS}. The encoder writes the code of the other version as the code of the connection's version.
   */
  readonly returnCode: number;
  /** Properties of the connection, in MQTT 5. Without `properties`, the server announces none. */
  readonly properties?: MqttPropertiesOf<'connack'>;
}

/** A message that is published to a topic. */
export interface MqttPublish {
  readonly type: 'publish';
  /** Topic of the message, without wildcards. In MQTT 5, it is empty if the property `topicAlias` stands for it. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: MqttQos;
  /** Whether the server keeps the message for later subscribers, or has kept it. */
  readonly retain: boolean;
  /** Whether the packet was possibly sent before. */
  readonly dup: boolean;
  /** Identifier of the packet, only with QoS 1 and 2. */
  readonly packetId?: number;
  /** Properties of the message, in MQTT 5. Without `properties`, it has none. */
  readonly properties?: MqttPropertiesOf<'publish'>;
}

/** A packet that acknowledges a publish, or another acknowledgement. */
export interface MqttAcknowledgement {
  readonly type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';
  /** Identifier of the acknowledged packet, 1 to 65535. */
  readonly packetId: number;
  /** Result in MQTT 5, one of {@link MQTT_REASONS}. Codes from 128 are errors. Without `reasonCode`, the result is 0, success. */
  readonly reasonCode?: number;
  /** Properties in MQTT 5. Without `properties`, the packet has none. */
  readonly properties?: MqttPropertiesOf<'puback'>;
}

/** A subscription, as a client requests it. */
export interface MqttSubscription {
  /** Topic filter, which can contain wildcards. */
  readonly topic: string;
  /** Highest QoS of the messages of the subscription. */
  readonly qos: MqttQos;
  /** Whether the server leaves out the client's own messages, in MQTT 5. @default false */
  readonly noLocal?: boolean;
  /** Whether forwarded messages keep their `retain`, in MQTT 5. @default false */
  readonly retainAsPublished?: boolean;
  /**
   * The retained messages that the server sends, in MQTT 5: always (0), only for a new subscription (1), or never (2).
   * @default 0
   */
  readonly retainHandling?: 0 | 1 | 2;
}

/** A client's request for the messages of some topics. */
export interface MqttSubscribe {
  readonly type: 'subscribe';
  /** Identifier of the packet, 1 to 65535. */
  readonly packetId: number;
  /** Topics, which can contain wildcards, each with the highest QoS of its messages. */
  readonly subscriptions: readonly MqttSubscription[];
  /** Properties of the subscriptions, in MQTT 5. Without `properties`, they have none. */
  readonly properties?: MqttPropertiesOf<'subscribe'>;
}

/** The server's answer to a subscribe. */
export interface MqttSuback {
  readonly type: 'suback';
  /** Identifier of the answered packet, 1 to 65535. */
  readonly packetId: number;
  /** Granted QoS of each subscription, or 128 for a refused subscription. MQTT 5 has more codes of refusals. */
  readonly granted: readonly number[];
  /** Properties in MQTT 5. Without `properties`, the packet has none. */
  readonly properties?: MqttPropertiesOf<'suback'>;
}

/** A client's request to end subscriptions. */
export interface MqttUnsubscribe {
  readonly type: 'unsubscribe';
  /** Identifier of the packet, 1 to 65535. */
  readonly packetId: number;
  /** Topics, as in the subscriptions. */
  readonly topics: readonly string[];
  /** Properties in MQTT 5. Without `properties`, the packet has none. */
  readonly properties?: MqttPropertiesOf<'unsubscribe'>;
}

/** The server's answer to an unsubscribe. */
export interface MqttUnsuback {
  readonly type: 'unsuback';
  /** Identifier of the answered packet, 1 to 65535. */
  readonly packetId: number;
  /** Result for each topic, in MQTT 5, where the encoder requires it. Without `reasonCodes`, the version is 3.1 or 3.1.1. */
  readonly reasonCodes?: readonly number[];
  /** Properties in MQTT 5. Without `properties`, the packet has none. */
  readonly properties?: MqttPropertiesOf<'unsuback'>;
}

/** The last packet of a connection. In MQTT 3.1 and 3.1.1, only clients send it. */
export interface MqttDisconnect {
  readonly type: 'disconnect';
  /** Reason in MQTT 5, one of {@link MQTT_REASONS}. Without `reasonCode`, it is 0: a normal end, without the will. */
  readonly reasonCode?: number;
  /** Properties in MQTT 5. Without `properties`, the packet has none. */
  readonly properties?: MqttPropertiesOf<'disconnect'>;
}

/** A step of an extended sign-in, such as SCRAM, in MQTT 5. */
export interface MqttAuth {
  readonly type: 'auth';
  /** The step: 0 for the end, 24 for the next step, 25 to sign in again. Without `reasonCode`, it is 0. */
  readonly reasonCode?: number;
  /** The method and its data. Without `properties`, the packet has none. */
  readonly properties?: MqttPropertiesOf<'auth'>;
}

/** A packet without content. */
export interface MqttSignal {
  readonly type: 'pingreq' | 'pingresp';
}

/** Any control packet of MQTT 3.1, 3.1.1 and 5. */
export type MqttPacket =
  | MqttConnect
  | MqttConnack
  | MqttPublish
  | MqttAcknowledgement
  | MqttSubscribe
  | MqttSuback
  | MqttUnsubscribe
  | MqttUnsuback
  | MqttDisconnect
  | MqttAuth
  | MqttSignal;

/** The types, each at the index of its number on the wire. */
export const MQTT_TYPES: readonly (MqttPacket['type'] | undefined)[] = [
  undefined,
  'connect',
  'connack',
  'publish',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'subscribe',
  'suback',
  'unsubscribe',
  'unsuback',
  'pingreq',
  'pingresp',
  'disconnect',
  'auth',
];

/** Returns the flags in the first byte of a type. A publish has flags of its own. */
export function mqttFlagsOf(type: MqttPacket['type']): number {
  return type === 'pubrel' || type === 'subscribe' || type === 'unsubscribe' ? 2 : 0;
}
