import type { OtherMessagesOptions } from '@headrace/codec';
import { MessageToMessageEncoder } from '@headrace/codec';
import { BYTES_AND_VALUES, encodeErrorOf } from '@headrace/codec/authoring';
import type { Context, OutboundBytes, WriteFuture } from '@headrace/core';
import { encodeOnce } from '@headrace/core/authoring';
import { type MqttConnection, mqttConnectionOf } from './mqtt-connection.ts';
import { refuse } from './mqtt-fields.ts';
import { MQTT_TYPES, type MqttPacket } from './mqtt-packet.ts';
import type { MqttProperties } from './mqtt-properties.ts';
import { tooLong, writeMqttPacket } from './write-mqtt-packet.ts';

/** Level of a channel that has seen no CONNECT: 3.1.1. */
export const DEFAULT_LEVEL = 4;

/**
 * Writes control packets of MQTT 3.1, 3.1.1 and 5, at the level of the connection's CONNECT.
 *
 * ```text
 *  BEFORE { type: 'pingreq' }   →  AFTER c0 00
 * ```
 *
 * - **Place** Next to {@link MqttDecoder}.
 * - **In** Outbound {@link MqttPacket}. Other messages are refused (`otherMessages`).
 * - **Out** `Buffer`.
 * - **Events** All pass.
 * - **Errors** `HR_ERR_MESSAGE_NOT_ENCODABLE` for a missing field, which the error names, and for fields that the format does not
 *   allow, for example a QoS of 3, or a wildcard in a topic to publish to. In MQTT 5, also for packets that the peer does not accept: a topic alias
 *   over its maximum, or more publishes with QoS 1 and 2 than its receive maximum ({@link mqttPeerOf}).
 *   `HR_ERR_MESSAGE_TOO_LONG` for a packet over 268,435,455 bytes, or over the size that the peer announced. Both errors fail the
 *   write.
 * - **State** None. One instance can serve all channels. The channel keeps the level and the limits of both sides.
 * - **Cost** One copy of the payload. A broadcast to a group is encoded once for each version of the protocol.
 * - **Pitfalls** QoS 1 and 2 need a packet identifier for each receiver, so that such a message cannot be broadcast. In MQTT 3.1.1,
 *   the properties of a publish, and the reason codes and properties of answers, are left out. In MQTT 5, a CONNECT and a CONNACK
 *   get the limits of the {@link MqttDecoder} on the channel, unless they have smaller ones. The reason and the user properties of
 *   an answer are left out if the client did not request them, or if they make the packet too large. A server of MQTT 3.1 cannot
 *   refuse a subscription: the encoder writes a code of 128 and above as 0, as its specification demands.
 *
 * @example
 * ```ts run
 * import { MqttEncoder } from '@headrace/mqtt';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new MqttEncoder());
 * channel.writeOutbound({ type: 'pingreq' });
 * console.log(channel.readOutbound<Buffer>()?.toString('hex')); // prints c000
 * ```
 * @see Netty's `MqttEncoder`
 */
export class MqttEncoder extends MessageToMessageEncoder<MqttPacket, OutboundBytes> {
  override readonly sharable = true;

  constructor(options: OtherMessagesOptions = {}) {
    super(options, BYTES_AND_VALUES);
  }

  override encodes(message: unknown): boolean {
    if (typeof message !== 'object' || message === null) return false;
    return MQTT_TYPES.indexOf((message as MqttPacket).type) > 0;
  }

  override write(ctx: Context, message: unknown): WriteFuture {
    if (!this.encodes(message)) return super.write(ctx, message);
    const connection = mqttConnectionOf(ctx.channel);
    const packet = connection.announcing(message as MqttPacket);
    let bytes: Uint8Array;
    try {
      bytes = this.bytesFor(connection, packet);
    } catch (thrown) {
      throw encodeErrorOf(this.constructor.name, thrown);
    }
    connection.note(packet, 'out');
    return ctx.write(bytes);
  }

  /**
   * Returns the bytes of a packet, without the checks of a connection.
   *
   * @param level - level of the protocol, for packets other than CONNECT
   */
  override encode(packet: MqttPacket, level: number = DEFAULT_LEVEL): OutboundBytes {
    return writeMqttPacket(packet, level);
  }

  private bytesFor(connection: MqttConnection, packet: MqttPacket): Uint8Array {
    const violation = connection.violation(packet, 'out');
    if (violation !== undefined) throw refuse(violation.why);
    const level = connection.level || DEFAULT_LEVEL;
    const encode = (one: MqttPacket) => writeMqttPacket(one, level);
    if (packet.type === 'publish') {
      const bytes = encodeOnce(`MqttEncoder ${level}`, packet, encode);
      return checkSize(bytes, connection);
    }
    const bytes = encode(connection.mustNotExplain(packet) ? unexplained(packet) : packet);
    const isLong = bytes.length > connection.limit('out').maximumPacketBytes;
    return isLong ? checkSize(encode(unexplained(packet)), connection) : bytes;
  }
}

function checkSize(bytes: Uint8Array, connection: MqttConnection): Uint8Array {
  const { maximumPacketBytes } = connection.limit('out');
  if (bytes.length <= maximumPacketBytes) return bytes;
  throw tooLong(bytes.length, maximumPacketBytes, 'are accepted by the peer');
}

/** Returns the packet without the texts that only help to find a fault. */
function unexplained(packet: MqttPacket): MqttPacket {
  const given = (packet as { readonly properties?: MqttProperties }).properties;
  if (given === undefined || packet.type === 'connect') return packet;
  const { userProperties, reasonString, ...properties } = given;
  return { ...packet, properties } as MqttPacket;
}
