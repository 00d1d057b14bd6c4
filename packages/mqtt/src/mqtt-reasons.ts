/** Reason codes of MQTT 5, by the names of the specification (2.4). Codes from 128 are errors. */
export const MQTT_REASONS = {
  success: 0x00,
  grantedQos1: 0x01,
  grantedQos2: 0x02,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdentifierNotValid: 0x85,
  badUserNameOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdentifierInUse: 0x91,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedSubscriptionsNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdentifiersNotSupported: 0xa1,
  wildcardSubscriptionsNotSupported: 0xa2,
} as const;

/** The packets with a reason code. */
export type ReasonedType =
  | 'connack'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'suback'
  | 'unsuback'
  | 'disconnect'
  | 'auth';

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);

const OF_PUBLISH = [0, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const OF_RELEASE = [0, 0x92];
/** Codes of a DISCONNECT or an AUTH that one side never sends (tables of 3.14.2.1 and 3.15.2.1). */
const NOT_BY_CLIENT = {
  disconnect: [0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, ...range(0x9a, 0xa2)],
  auth: [0],
};
const NOT_BY_SERVER = { disconnect: [4], auth: [0x19] };

/** The codes of each packet (2.4). */
const CODES: Readonly<Record<ReasonedType, readonly number[]>> = {
  connack: [0, ...range(0x80, 0x8a), 0x8c, 0x90, 0x95, 0x97, ...range(0x99, 0x9d), 0x9f],
  puback: OF_PUBLISH,
  pubrec: OF_PUBLISH,
  pubrel: OF_RELEASE,
  pubcomp: OF_RELEASE,
  suback: [0, 1, 2, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  unsuback: [0, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
  disconnect: [0, 4, ...range(0x80, 0x83), ...NOT_BY_CLIENT.disconnect, 0x90, ...range(0x93, 0x99)],
  auth: [0, 0x18, 0x19],
};

/** Returns true if a packet of this type can have this reason code. */
export function isReasonOf(type: ReasonedType, code: number): boolean {
  return CODES[type].includes(code);
}

/** Returns true if this side can send this code in a DISCONNECT or an AUTH. */
export function isReasonBy(
  side: 'client' | 'server',
  type: 'disconnect' | 'auth',
  code: number,
): boolean {
  return !(side === 'client' ? NOT_BY_CLIENT : NOT_BY_SERVER)[type].includes(code);
}

/** The highest return code of 3.1.1 and 3.1. Code 0 accepts, and 1 to 5 are reasons for a refusal. */
const MAX_RETURN_CODE = 5;
/** The reason code of MQTT 5 with the same meaning as each return code of 3.1.1. */
const OF_RETURN_CODE = [0, 0x84, 0x85, 0x88, 0x86, 0x87];
/** Further reason codes of MQTT 5 that a return code of 3.1.1 includes. */
const RETURN_CODES = new Map([
  [0x89, 3],
  [0x97, 3],
  [0x9f, 3],
  [0x8a, 5],
  [0x8c, 5],
]);

/** Returns true for a return code of 3.1.1. */
export function isReturnCode(code: number): boolean {
  return Number.isInteger(code) && code >= 0 && code <= MAX_RETURN_CODE;
}

/** Returns the code of a CONNACK at this level for the code of any level, or `undefined` if this level has none. */
export function connackCodeAt(level: number, code: number): number | undefined {
  if (level !== 5) {
    const found = isReturnCode(code) ? code : OF_RETURN_CODE.indexOf(code);
    return found < 0 ? RETURN_CODES.get(code) : found;
  }
  const here = isReturnCode(code) ? OF_RETURN_CODE[code]! : code;
  return isReasonOf('connack', here) ? here : undefined;
}

const PLANNED: ReadonlySet<number | undefined> = new Set([
  MQTT_REASONS.serverShuttingDown,
  MQTT_REASONS.useAnotherServer,
  MQTT_REASONS.serverMoved,
  MQTT_REASONS.maximumConnectTime,
]);

/** Whether a server sends a DISCONNECT with this code to clients without a fault, so that they connect again, here or elsewhere. */
export function isPlannedEnd(reasonCode: number | undefined): boolean {
  return PLANNED.has(reasonCode);
}
