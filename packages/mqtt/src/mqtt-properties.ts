/**
 * The properties of MQTT 5 (2.2.2.2). Each packet has some of them: see {@link MqttPropertiesOf}. Without a property, its default of
 * the specification holds.
 */
export interface MqttProperties {
  /** Whether the payload is bytes (0) or UTF-8 text (1). @default 0 */
  readonly payloadFormatIndicator?: 0 | 1;
  /** Time in seconds after which the server discards the message. Without it, the message does not expire. */
  readonly messageExpirySeconds?: number;
  /** Description of the payload, such as a media type. Without it, the receiver has no description. */
  readonly contentType?: string;
  /** Topic for the answer to this message. Without it, the message is not a request. */
  readonly responseTopic?: string;
  /** Bytes that the answer repeats. Without it, the requester does not need any. */
  readonly correlationData?: Uint8Array;
  /** Number that the server adds to the messages of this subscription, 1 to 268,435,455. Without it, it adds none. */
  readonly subscriptionIdentifier?: number;
  /** Numbers of the subscriptions that match the message. Without them, no such subscription has a number. */
  readonly subscriptionIdentifiers?: readonly number[];
  /**
   * Time in seconds for which the server keeps the session after the connection, or 4,294,967,295 for ever.
   * @default 0, or in a DISCONNECT the time of the CONNECT
   */
  readonly sessionExpirySeconds?: number;
  /** Client identifier that the server has chosen. Without it, the client's own identifier holds. */
  readonly assignedClientIdentifier?: string;
  /** Keep-alive time in seconds that the client must use. Without it, the time of the CONNECT holds. */
  readonly serverKeepAliveSeconds?: number;
  /** Name of the method of the extended sign-in. Without it, there is no extended sign-in. */
  readonly authenticationMethod?: string;
  /** Data of the extended sign-in. Without it, this step has no data. */
  readonly authenticationData?: Uint8Array;
  /** Whether the server may send reasons and user properties in all packets. @default true */
  readonly requestProblemInformation?: boolean;
  /** Time in seconds between the end of the connection and the will. @default 0 */
  readonly willDelaySeconds?: number;
  /** Whether the server may send `responseInformation`. @default false */
  readonly requestResponseInformation?: boolean;
  /** Beginning of the topics for answers to this client. Without it, the client chooses them. */
  readonly responseInformation?: string;
  /** Another server for the client. Without it, the client knows the server itself. */
  readonly serverReference?: string;
  /** Text for diagnostics. Without it, only the code tells the reason. */
  readonly reasonString?: string;
  /** Maximum number of publishes with QoS 1 and 2 without an acknowledgement, from 1. @default 65_535 */
  readonly receiveMaximum?: number;
  /** Highest topic alias that the sender of this packet accepts. @default 0 */
  readonly topicAliasMaximum?: number;
  /** Number that stands for the topic on this connection, from 1. Without it, the topic has no alias. */
  readonly topicAlias?: number;
  /** Highest QoS of the publishes that the server accepts. Without it, the server accepts QoS 2. */
  readonly maximumQos?: 0 | 1;
  /** Whether the server keeps messages for later subscribers. @default true */
  readonly retainAvailable?: boolean;
  /** Names and values for the application, in order. A name can occur more than once. Without them, there are none. */
  readonly userProperties?: readonly (readonly [name: string, value: string])[];
  /** Maximum size of a whole packet in bytes that the sender of this packet accepts. Without it, the format is the limit. */
  readonly maximumPacketBytes?: number;
  /** Whether the server accepts subscriptions with wildcards. @default true */
  readonly wildcardSubscriptionAvailable?: boolean;
  /** Whether the server accepts subscription identifiers. @default true */
  readonly subscriptionIdentifierAvailable?: boolean;
  /** Whether the server accepts shared subscriptions. @default true */
  readonly sharedSubscriptionAvailable?: boolean;
}

/** The names of the properties of each packet. `puback` stands for all acknowledgements of publishes. */
export interface MqttPropertyNames {
  connect:
    | 'authenticationMethod'
    | 'authenticationData'
    | 'receiveMaximum'
    | 'maximumPacketBytes'
    | 'topicAliasMaximum'
    | 'sessionExpirySeconds'
    | 'requestProblemInformation'
    | 'requestResponseInformation'
    | 'userProperties';
  will:
    | 'payloadFormatIndicator'
    | 'messageExpirySeconds'
    | 'contentType'
    | 'responseTopic'
    | 'correlationData'
    | 'userProperties'
    | 'willDelaySeconds';
  connack:
    | 'authenticationMethod'
    | 'authenticationData'
    | 'receiveMaximum'
    | 'maximumPacketBytes'
    | 'topicAliasMaximum'
    | 'reasonString'
    | 'userProperties'
    | 'sessionExpirySeconds'
    | 'assignedClientIdentifier'
    | 'serverKeepAliveSeconds'
    | 'responseInformation'
    | 'serverReference'
    | 'maximumQos'
    | 'retainAvailable'
    | 'wildcardSubscriptionAvailable'
    | 'subscriptionIdentifierAvailable'
    | 'sharedSubscriptionAvailable';
  publish:
    | 'payloadFormatIndicator'
    | 'messageExpirySeconds'
    | 'contentType'
    | 'responseTopic'
    | 'correlationData'
    | 'userProperties'
    | 'topicAlias'
    | 'subscriptionIdentifiers';
  puback: 'reasonString' | 'userProperties';
  subscribe: 'subscriptionIdentifier' | 'userProperties';
  suback: 'reasonString' | 'userProperties';
  unsubscribe: 'userProperties';
  unsuback: 'reasonString' | 'userProperties';
  disconnect: 'reasonString' | 'userProperties' | 'sessionExpirySeconds' | 'serverReference';
  auth: 'authenticationMethod' | 'authenticationData' | 'reasonString' | 'userProperties';
}

/** A packet with properties, or the will. */
export type MqttPropertiesOwner = keyof MqttPropertyNames;

/**
 * The properties of one packet.
 *
 * @typeParam T - type of the packet. `will` is the will of a CONNECT, and `puback` stands for all acknowledgements of publishes.
 */
export type MqttPropertiesOf<T extends keyof MqttPropertyNames> = Pick<
  MqttProperties,
  MqttPropertyNames[T]
>;

/** The format of a value. A `flag` is a byte with 0 or 1 for `false` and `true`, and a `bit` is such a byte as a number. */
type Format = 'flag' | 'bit' | 'uint16' | 'uint32' | 'varint' | 'text' | 'binary' | 'pair';

export interface MqttProperty<Name extends keyof MqttProperties = keyof MqttProperties> {
  /** Number of the property on the wire. */
  readonly id: number;
  readonly format: Format;
  readonly owners: readonly {
    [T in keyof MqttPropertyNames]: Name extends MqttPropertyNames[T] ? T : never;
  }[keyof MqttPropertyNames][];
  /** Smallest value that the specification allows. @default 0 */
  readonly min?: number;
  /** Whether the property can occur more than once. @default false */
  readonly isList?: boolean;
  /** Whether the text is a topic to publish to. @default false */
  readonly isTopic?: boolean;
}

const OF_MESSAGE = ['publish', 'will'] as const;
const OF_BOTH = ['connect', 'connack'] as const;
const WITH_REASON = ['connack', 'puback', 'suback', 'unsuback', 'disconnect', 'auth'] as const;
const ALL = [...OF_MESSAGE, ...WITH_REASON, 'connect', 'subscribe', 'unsubscribe'] as const;

export const MQTT_PROPERTIES: { readonly [Name in keyof MqttProperties]-?: MqttProperty<Name> } = {
  payloadFormatIndicator: { id: 1, format: 'bit', owners: OF_MESSAGE },
  messageExpirySeconds: { id: 2, format: 'uint32', owners: OF_MESSAGE },
  contentType: { id: 3, format: 'text', owners: OF_MESSAGE },
  responseTopic: { id: 8, format: 'text', owners: OF_MESSAGE, isTopic: true },
  correlationData: { id: 9, format: 'binary', owners: OF_MESSAGE },
  subscriptionIdentifier: { id: 11, format: 'varint', owners: ['subscribe'], min: 1 },
  subscriptionIdentifiers: {
    id: 11,
    format: 'varint',
    owners: ['publish'],
    min: 1,
    isList: true,
  },
  sessionExpirySeconds: { id: 17, format: 'uint32', owners: [...OF_BOTH, 'disconnect'] },
  assignedClientIdentifier: { id: 18, format: 'text', owners: ['connack'] },
  serverKeepAliveSeconds: { id: 19, format: 'uint16', owners: ['connack'] },
  authenticationMethod: { id: 21, format: 'text', owners: [...OF_BOTH, 'auth'] },
  authenticationData: { id: 22, format: 'binary', owners: [...OF_BOTH, 'auth'] },
  requestProblemInformation: { id: 23, format: 'flag', owners: ['connect'] },
  willDelaySeconds: { id: 24, format: 'uint32', owners: ['will'] },
  requestResponseInformation: { id: 25, format: 'flag', owners: ['connect'] },
  responseInformation: { id: 26, format: 'text', owners: ['connack'] },
  serverReference: { id: 28, format: 'text', owners: ['connack', 'disconnect'] },
  reasonString: { id: 31, format: 'text', owners: WITH_REASON },
  receiveMaximum: { id: 33, format: 'uint16', owners: OF_BOTH, min: 1 },
  topicAliasMaximum: { id: 34, format: 'uint16', owners: OF_BOTH },
  topicAlias: { id: 35, format: 'uint16', owners: ['publish'], min: 1 },
  maximumQos: { id: 36, format: 'bit', owners: ['connack'] },
  retainAvailable: { id: 37, format: 'flag', owners: ['connack'] },
  userProperties: { id: 38, format: 'pair', owners: ALL, isList: true },
  maximumPacketBytes: { id: 39, format: 'uint32', owners: OF_BOTH, min: 1 },
  wildcardSubscriptionAvailable: { id: 40, format: 'flag', owners: ['connack'] },
  subscriptionIdentifierAvailable: { id: 41, format: 'flag', owners: ['connack'] },
  sharedSubscriptionAvailable: { id: 42, format: 'flag', owners: ['connack'] },
};

/** Returns the property with this number of this packet, with its name. */
export function mqttPropertyOf(
  owner: MqttPropertiesOwner,
  id: number,
): readonly [name: keyof MqttProperties, property: MqttProperty] | undefined {
  return BY_OWNER.get(owner)?.get(id);
}

const BY_OWNER = new Map(
  ALL.map((owner) => {
    const rows = Object.entries(MQTT_PROPERTIES) as [keyof MqttProperties, MqttProperty][];
    const own = rows.filter(([, { owners }]) => (owners as readonly string[]).includes(owner));
    return [owner, new Map(own.map((row) => [row[1].id, row]))];
  }),
);
