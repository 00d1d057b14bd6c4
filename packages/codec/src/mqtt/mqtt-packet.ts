/** Quality of service of a delivery: at most once, at least once, exactly once. */
export type MqttQos = 0 | 1 | 2;

/** The message that the server publishes when the client's connection is lost. */
export interface MqttWill {
  /** The topic, without wildcards. */
  readonly topic: string;
  /** The content of the message. */
  readonly payload: Uint8Array;
  readonly qos: MqttQos;
  /** The server keeps it for later subscribers. */
  readonly retain: boolean;
}

/** A client's first packet. */
export interface MqttConnect {
  readonly type: 'connect';
  /** 4 for MQTT 3.1.1 (`MQTT`), 3 for 3.1 (`MQIsdp`). */
  readonly protocolLevel: number;
  /** The server forgets an older session of the client, and keeps none. */
  readonly cleanSession: boolean;
  /** The longest time without a packet of the client, in seconds; 0 for no limit. */
  readonly keepAliveSeconds: number;
  /** The name of the client. */
  readonly clientId: string;
  /** Published if the connection is lost. Without it, nothing is. */
  readonly will?: MqttWill;
  /** For the sign-in. Without it, there is none. */
  readonly username?: string;
  /** Goes with `username`. */
  readonly password?: Uint8Array;
}

/** The server's answer; return code 0 accepts the connection. */
export interface MqttConnack {
  readonly type: 'connack';
  /** The server has kept a session of the client. */
  readonly sessionPresent: boolean;
  /** 0 accepts; 1 to 5 are the protocol's reasons for a refusal. */
  readonly returnCode: number;
}

/** A message. */
export interface MqttPublish {
  readonly type: 'publish';
  /** The topic, without wildcards. */
  readonly topic: string;
  /** The content of the message. */
  readonly payload: Uint8Array;
  readonly qos: MqttQos;
  /** The server keeps it for later subscribers, or has kept it. */
  readonly retain: boolean;
  /** It may have been sent before. */
  readonly dup: boolean;
  /** With QoS 1 and 2 only. */
  readonly packetId?: number;
}

/** Packets that only name another one. */
export interface MqttAcknowledgement {
  readonly type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp' | 'unsuback';
  /** The id of the packet that it is about, 1 to 65535. */
  readonly packetId: number;
}

/** A client asks for the messages of some topics. */
export interface MqttSubscribe {
  readonly type: 'subscribe';
  /** The id of the packet, 1 to 65535. */
  readonly packetId: number;
  /** The topics, wildcards included, each with the highest QoS of its messages. */
  readonly subscriptions: readonly { readonly topic: string; readonly qos: MqttQos }[];
}

/** For each subscription the QoS that is granted, or 128 for none. */
export interface MqttSuback {
  readonly type: 'suback';
  /** The id of the packet that it answers, 1 to 65535. */
  readonly packetId: number;
  /** For each subscription the QoS, or 128 for none. */
  readonly granted: readonly number[];
}

/** A client gives up subscriptions. */
export interface MqttUnsubscribe {
  readonly type: 'unsubscribe';
  /** The id of the packet, 1 to 65535. */
  readonly packetId: number;
  /** The topics as they were subscribed to. */
  readonly topics: readonly string[];
}

/** Packets without anything in them. */
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

/** The types by their number on the wire. */
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

/** The flags in the first byte of a type; those of publish are its own. */
export function mqttFlagsOf(type: MqttPacket['type']): number {
  return type === 'pubrel' || type === 'subscribe' || type === 'unsubscribe' ? 2 : 0;
}
