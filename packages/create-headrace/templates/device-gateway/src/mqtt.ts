// The same gateway for devices that speak MQTT 3.1.1 or 5: topics instead of methods.
//
//   CONNECT     client identifier: the device; password: the token
//   → PUBLISH   devices/pump-7/telemetry   {"celsius":21.5}
//   ← PUBLISH   devices/pump-7/commands    {"jsonrpc":"2.0","id":1,"method":"open","params":{"valve":2}}
//   → PUBLISH   devices/pump-7/results     {"jsonrpc":"2.0","id":1,"result":"opened"}
import {
  encodeJson,
  MessageToMessageCodec,
  MQTT_REASONS,
  type MqttPacket,
  type MqttPublish,
  type MqttSubscribe,
  mqttPeerOf,
  parseJson,
} from '@headrace/codec';
import { type Channel, type Context, DecodeError, handler } from '@headrace/core';
import { type AuthReplies, IdleStateHandler, principalOf } from '@headrace/handlers';
import { checkedLogin, type Login, notice } from './protocol.ts';

export const MAX_PAYLOAD_BYTES = 16_384;

/** The login in a client's first packet; `undefined` if it is none. */
export function readMqttLogin(packet: MqttPacket): Login | undefined {
  if (packet.type !== 'connect') return undefined;
  const { clientId, password = new Uint8Array() } = packet;
  return checkedLogin(clientId, new TextDecoder().decode(password));
}

/** The answers of the sign-in. */
export function mqttReplies(channel: Channel): AuthReplies<string, MqttPacket, MqttPacket> {
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

/** Turns publishes on the topics of a device into messages of the gateway, and commands into publishes. */
export class MqttDeviceCodec extends MessageToMessageCodec<MqttPacket, object> {
  /** Where the device wants its commands; without a subscription, it gets none. */
  private commands: string | undefined = undefined;

  override decode(ctx: Context, packet: MqttPacket): object | undefined {
    switch (packet.type) {
      case 'publish':
        return this.published(ctx, packet);
      case 'subscribe':
        this.subscribe(ctx, packet);
        return undefined;
      case 'unsubscribe':
        if (packet.topics.includes(topicOf(ctx, 'commands'))) this.commands = undefined;
        answer(ctx, { type: 'unsuback', packetId: packet.packetId });
        return undefined;
      case 'pingreq':
        answer(ctx, { type: 'pingresp' });
        return undefined;
      default:
        // DISCONNECT, and packets that a client must not send here, as a second CONNECT.
        ctx.close();
        return undefined;
    }
  }

  override encode(message: object): MqttPacket {
    if (this.commands === undefined) throw new Error('the device has not subscribed to commands');
    const payload = encodeJson(message);
    // The result tells that a command has arrived: QoS 0 is enough.
    return { type: 'publish', topic: this.commands, payload, qos: 0, retain: false, dup: false };
  }

  private published(ctx: Context, packet: MqttPublish): object | undefined {
    const { topic, payload, qos, packetId } = packet;
    if (qos === 2) {
      ctx.close();
      return undefined;
    }
    const value = objectIn(payload);
    if (packetId !== undefined) answer(ctx, { type: 'puback', packetId });
    if (topic === topicOf(ctx, 'telemetry')) return notice('telemetry', value);
    return topic === topicOf(ctx, 'results') ? value : undefined;
  }

  private subscribe(ctx: Context, { packetId, subscriptions }: MqttSubscribe): void {
    const commands = topicOf(ctx, 'commands');
    const granted = subscriptions.map(({ topic }) =>
      topic === commands ? MQTT_REASONS.success : MQTT_REASONS.notAuthorized,
    );
    if (granted.includes(MQTT_REASONS.success)) this.commands = commands;
    answer(ctx, { type: 'suback', packetId, granted });
  }
}

/** @throws DecodeError `MESSAGE_INVALID`, which ends the connection */
function objectIn(payload: Uint8Array): object {
  let value: unknown;
  try {
    value = parseJson(payload, MAX_PAYLOAD_BYTES);
  } catch {
    // Told below.
  }
  if (typeof value === 'object' && value !== null) return value;
  throw new DecodeError('MESSAGE_INVALID', 'the payload of a publish is not a JSON object');
}

function topicOf({ channel }: Context, name: 'telemetry' | 'commands' | 'results'): string {
  return `devices/${principalOf<string>(channel)}/${name}`;
}

function answer(ctx: Context, packet: MqttPacket): void {
  void ctx.writeAndFlush(packet);
}
