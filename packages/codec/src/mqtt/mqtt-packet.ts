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
}

/** A client's first packet. */
export interface MqttConnect {
  readonly type: 'connect';
  /** Version of the protocol: 4 for MQTT 3.1.1 (`MQTT`), 3 for 3.1 (`MQIsdp`). */
  readonly protocolLevel: number;
  /** Whether the server discards an older session of the client, and keeps no session. */
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
}

/** The server's answer to a connect. */
export interface MqttConnack {
  readonly type: 'connack';
  /** Whether the server has kept a session of the client. */
  readonly sessionPresent: boolean;
  /** Result: 0 accepts the connection, and 1 to 5 are the protocol's reasons for a refusal. */
  readonly returnCode: number;
}

/** A message that is published to a topic. */
export interface MqttPublish {
  readonly type: 'publish';
  /** Topic of the message, without wildcards. */
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: MqttQos;
  /** Whether the server keeps the message for later subscribers, or has kept it. */
  readonly retain: boolean;
  /** Whether the packet was possibly sent before. */
  readonly dup: boolean;
  /** Identifier of the packet, only with QoS 1 and 2. */
  readonly packetId?: number;
}

/** A packet that acknowledges another packet. */
export interface MqttAcknowledgement {
  readonly type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp' | 'unsuback';
  /** Identifier of the acknowledged packet, 1 to 65535. */
  readonly packetId: number;
}

/** A client's request for the messages of some topics. */
export interface MqttSubscribe {
  readonly type: 'subscribe';
  /** Identifier of the packet, 1 to 65535. */
  readonly packetId: number;
  /** Topics, which can contain wildcards, each with the highest QoS of its messages. */
  readonly subscriptions: readonly { readonly topic: string; readonly qos: MqttQos }[];
}

/** The server's answer to a subscribe. */
export interface MqttSuback {
  readonly type: 'suback';
  /** Identifier of the answered packet, 1 to 65535. */
  readonly packetId: number;
  /** Granted QoS of each subscription, or 128 for a refused subscription. */
  readonly granted: readonly number[];
}

/** A client's request to end subscriptions. */
export interface MqttUnsubscribe {
  readonly type: 'unsubscribe';
  /** Identifier of the packet, 1 to 65535. */
  readonly packetId: number;
  /** Topics, as in the subscriptions. */
  readonly topics: readonly string[];
}

/** A packet without content. */
export interface MqttSignal {
  readonly type: 'pingreq' | 'pingresp' | 'disconnect';
}

/** Any control packet of MQTT 3.1 and 3.1.1. */
export type MqttPacket =
  | MqttConnect
  | MqttConnack
  | MqttPublish
  | MqttAcknowledgement
  | MqttSubscribe
  | MqttSuback
  | MqttUnsubscribe
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
];

/** Returns the flags in the first byte of a type. A publish has flags of its own. */
export function mqttFlagsOf(type: MqttPacket['type']): number {
  return type === 'pubrel' || type === 'subscribe' || type === 'unsubscribe' ? 2 : 0;
}
