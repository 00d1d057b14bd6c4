// The two protocols of devices on one port: a CONNECT begins MQTT, everything else JSON lines.
import { jsonLines } from '@headrace/codec';
import { type Channel, pipeline } from '@headrace/core';
import {
  AuthHandler,
  type GuessLimiter,
  IdleCloseHandler,
  ProtocolDetector,
  type SessionRegistry,
  startsWith,
} from '@headrace/handlers';
import { MqttDecoder, MqttEncoder } from '@headrace/mqtt';
import type { ExchangeHandler, JsonRpcExchange } from '@headrace/rpc';
import { MqttDeviceCodec } from './mqtt-codec.ts';
import { mqttKeepAlive, mqttReplies, readMqttLogin } from './mqtt-sign-in.ts';
import { type Login, MAX_MESSAGE_BYTES, notice, readLogin } from './protocol.ts';

/** What the connections of all devices share. */
export interface DeviceParts {
  readonly authenticate: (device: string, token: string) => boolean;
  readonly guesses: GuessLimiter;
  readonly sessions: SessionRegistry<string>;
  /** The last handler of a connection: calls in both directions. */
  readonly exchange: (channel: Channel) => ExchangeHandler<JsonRpcExchange>;
}

/** Finds out which protocol a device speaks, and installs its handlers. */
export function protocolDetector(parts: DeviceParts): ProtocolDetector {
  return new ProtocolDetector({
    protocols: [
      {
        name: 'mqtt',
        matches: startsWith(Uint8Array.of(0x10)),
        install: (channel) => mqtt(parts).initialize(channel),
      },
    ],
    otherwise: (channel) => lines(parts).initialize(channel),
    timeoutMs: 5000,
    handleTimeout: () => 'otherwise',
  });
}

function lines(parts: DeviceParts) {
  const refused = (why: string) => notice('refused', { why });
  return pipeline().add(
    ...jsonLines({ maxLength: MAX_MESSAGE_BYTES }),
    () => new IdleCloseHandler(),
    () =>
      new AuthHandler({
        authenticate: checked(parts, readLogin),
        replies: {
          accepted: (device) => notice('welcome', { device }),
          refused,
          timedOut: () => refused('no login in time'),
          kicked: () => refused('logged in elsewhere'),
        },
        sessions: parts.sessions,
        duplicatePolicy: 'kick-older',
      }),
    parts.exchange,
  );
}

function mqtt(parts: DeviceParts) {
  return pipeline().add(
    () => new MqttDecoder({ protocolLevels: [3, 4, 5], maxPacketBytes: MAX_MESSAGE_BYTES }),
    () => new MqttEncoder(),
    mqttKeepAlive,
    () => new IdleCloseHandler(),
    (channel: Channel) =>
      new AuthHandler({
        authenticate: checked(parts, readMqttLogin),
        isCredentials: ({ type }) => type === 'connect',
        replies: mqttReplies(channel),
        sessions: parts.sessions,
        duplicatePolicy: 'kick-older',
      }),
    () => new MqttDeviceCodec(),
    parts.exchange,
  );
}

/** Checks the login that `read` finds in a message. A client that guesses must wait. */
function checked<Message, Reply>(
  { guesses, authenticate }: DeviceParts,
  read: (message: Message) => Login | undefined,
) {
  return guesses.protect<Message, string, Reply>(
    (message) => {
      const login = read(message);
      if (login === undefined || !authenticate(login.device, login.token)) {
        return { refused: 'wrong device or token' };
      }
      return { principal: login.device };
    },
    (message) => read(message)?.device,
  );
}
