// How a device that speaks MQTT signs in: by its CONNECT, with its name as client identifier and the token as password.

import { type Channel, handler } from '@headrace/core';
import { type AuthReplies, IdleStateHandler } from '@headrace/handlers';
import { MQTT_REASONS, type MqttPacket, mqttPeerOf } from '@headrace/mqtt';
import { checkedLogin, type Login } from './protocol.ts';

/** The login in a client's first packet; `undefined` if it is none. */
export function readMqttLogin(packet: MqttPacket): Login | undefined {
  if (packet.type !== 'connect') return undefined;
  const { clientId, password = new Uint8Array(), properties } = packet;
  // A sign-in of several steps in MQTT 5, which this gateway does not have.
  if (properties?.authenticationMethod !== undefined) return undefined;
  return checkedLogin(clientId, new TextDecoder().decode(password));
}

/** The answers of the sign-in. */
export function mqttReplies(channel: Channel): AuthReplies<MqttPacket, string, MqttPacket> {
  const connack = { type: 'connack', sessionPresent: false } as const;
  return {
    // What a client of MQTT 5 cannot have here; a client of 3.1.1 is not told.
    accepted: () => ({
      ...connack,
      returnCode: MQTT_REASONS.success,
      properties: {
        maximumQos: 1,
        retainAvailable: false,
        wildcardSubscriptionAvailable: false,
        sharedSubscriptionAvailable: false,
      },
    }),
    refused: () => ({ ...connack, returnCode: MQTT_REASONS.badUserNameOrPassword }),
    // In MQTT 3.1.1, a server has no words for a client that it leaves.
    kicked: () =>
      mqttPeerOf(channel).protocolLevel === 5
        ? { type: 'disconnect', reasonCode: MQTT_REASONS.sessionTakenOver }
        : undefined,
  };
}

/** A client is offline after one and a half of the time that its CONNECT names. */
export const mqttKeepAlive = () =>
  handler<{ reads: MqttPacket; passesOn: MqttPacket }>({
    channelRead(ctx, packet) {
      if (packet.type === 'connect' && packet.keepAliveSeconds > 0) {
        const readerIdleMs = packet.keepAliveSeconds * 1500;
        ctx.pipeline.replace(IdleStateHandler, new IdleStateHandler({ readerIdleMs }));
      }
      ctx.fireChannelRead(packet);
    },
  });
