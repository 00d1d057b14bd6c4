/** Quality of service of a delivery: at most once, at least once, exactly once. */
export type MqttQos = 0 | 1 | 2;

/** The message that the server publishes when the client's connection is lost. */
export interface MqttWill {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: MqttQos;
  readonly retain: boolean;
}

/** A client's first packet. */
export interface MqttConnect {
  readonly type: 'connect';
  /** 4 for MQTT 3.1.1 (`MQTT`), 3 for 3.1 (`MQIsdp`). */
  readonly protocolLevel: number;
  readonly cleanSession: boolean;
  /** 0 for none. */
  readonly keepAliveSeconds: number;
  readonly clientId: string;
  readonly will?: MqttWill;
  readonly username?: string;
  readonly password?: Uint8Array;
}

/** The server's answer; return code 0 accepts the connection. */
export interface MqttConnack {
  readonly type: 'connack';
  readonly sessionPresent: boolean;
  readonly returnCode: number;
}

/** A message. */
export interface MqttPublish {
  readonly type: 'publish';
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: MqttQos;
  readonly retain: boolean;
  readonly dup: boolean;
  /** With QoS 1 and 2 only. */
  readonly packetId?: number;
}

/** Packets that only name another one. */
export interface MqttAcknowledgement {
  readonly type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp' | 'unsuback';
  readonly packetId: number;
}

/** A client asks for the messages of some topics. */
export interface MqttSubscribe {
  readonly type: 'subscribe';
  readonly packetId: number;
  readonly subscriptions: readonly { readonly topic: string; readonly qos: MqttQos }[];
}

/** For each subscription the QoS that is granted, or 128 for none. */
export interface MqttSuback {
  readonly type: 'suback';
  readonly packetId: number;
  readonly granted: readonly number[];
}

/** A client gives up subscriptions. */
export interface MqttUnsubscribe {
  readonly type: 'unsubscribe';
  readonly packetId: number;
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
