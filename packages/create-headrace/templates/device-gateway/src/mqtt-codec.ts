// The same gateway for devices that speak MQTT 3.1.1 or 5: topics instead of methods.
//
//   → PUBLISH   devices/pump-7/telemetry   {"celsius":21.5}
//   ← PUBLISH   devices/pump-7/commands    {"jsonrpc":"2.0","id":1,"method":"open","params":{"valve":2}}
//   → PUBLISH   devices/pump-7/results     {"jsonrpc":"2.0","id":1,"result":"opened"}
import { encodeJson, MessageToMessageCodec, parseJson } from '@headrace/codec';
import { type Context, DecodeError } from '@headrace/core';
import { principalOf } from '@headrace/handlers';
import {
  MQTT_REASONS,
  type MqttPacket,
  type MqttPublish,
  type MqttSubscribe,
  type MqttUnsubscribe,
} from '@headrace/mqtt';
import { MAX_MESSAGE_BYTES, notice } from './protocol.ts';

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
        this.unsubscribe(ctx, packet);
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

  private unsubscribe(ctx: Context, { packetId, topics }: MqttUnsubscribe): void {
    // Only MQTT 5 has the codes, one for each topic.
    const reasonCodes = topics.map((topic) => {
      if (topic !== this.commands) return MQTT_REASONS.noSubscriptionExisted;
      this.commands = undefined;
      return MQTT_REASONS.success;
    });
    answer(ctx, { type: 'unsuback', packetId, reasonCodes });
  }
}

/** @throws DecodeError `MESSAGE_INVALID`, which ends the connection */
function objectIn(payload: Uint8Array): object {
  let value: unknown;
  try {
    value = parseJson(payload, MAX_MESSAGE_BYTES);
  } catch {
    // Told below.
  }
  if (typeof value === 'object' && value !== null) return value;
  throw new DecodeError('MESSAGE_INVALID', 'the payload of a publish is not a JSON object');
}

function topicOf({ channel }: Context, name: 'telemetry' | 'commands' | 'results'): string {
  return `devices/${principalOf<string>(channel)}/${name}`;
}

/** A device that gets no answer waits for it, or sends again: its connection ends, and the log has the failure. */
function answer(ctx: Context, packet: MqttPacket): void {
  ctx.writeAndFlush(packet).peekSettled((error) => {
    if (error !== undefined) ctx.close('error');
  });
}
