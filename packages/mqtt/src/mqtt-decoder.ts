import type { ByteInput } from '@headrace/codec';
import {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '@headrace/codec';
import { BYTES_AND_VALUES, describeFirstBytes, frameTooLong } from '@headrace/codec/authoring';
import { type Context, DecodeError } from '@headrace/core';
import { describeOptions, markPeerLeaving, value, whole } from '@headrace/core/authoring';
import { type MqttConnection, type MqttViolation, mqttConnectionOf } from './mqtt-connection.ts';
import { DEFAULT_LEVEL, MqttEncoder } from './mqtt-encoder.ts';
import type { MqttPacket, MqttProtocolLevel, MqttPublish } from './mqtt-packet.ts';
import { type FaultCode, mqttCorrupt } from './mqtt-reader.ts';
import { isPlannedEnd, MQTT_REASONS } from './mqtt-reasons.ts';
import { parseMqttPacket } from './parse-mqtt-packet.ts';

/** Options of {@link MqttDecoder}. */
export interface MqttDecoderOptions extends ByteToMessageDecoderOptions {
  /**
   * Maximum length of a packet in bytes, without the type and the length. The bytes of a packet with a list, plus 64 for each
   * topic or code, must not exceed twice this limit. The default allows about 1,500 subscriptions to topics of 20 characters.
   * @default 65_536
   */
  readonly maxPacketBytes?: number;
  /**
   * Versions that a server accepts in a CONNECT: 3 for MQTT 3.1, 4 for 3.1.1, 5 for MQTT 5. Other versions are answered with a
   * CONNACK. A client does not need this option, because its CONNECT decides.
   * @default [3, 4]
   */
  readonly protocolLevels?: readonly MqttProtocolLevel[];
  /**
   * Number of topic aliases that the decoder keeps, at most 65,535. The encoder announces this number in its CONNECT or CONNACK of
   * MQTT 5, and the decoder replaces each alias by its topic. With 0, no alias is announced or replaced.
   * @default 0
   */
  readonly maxTopicAliases?: number;
}

const LEVELS: readonly number[] = [3, 4, 5];
const OLDER_LEVELS: readonly MqttProtocolLevel[] = [3, 4];

const OPTIONS = describeOptions(
  'MqttDecoder',
  {
    maxPacketBytes: whole({ default: 65_536 }),
    protocolLevels: value(
      'a list of 3, 4 and 5',
      (given: readonly MqttProtocolLevel[]) =>
        Array.isArray(given) && given.length > 0 && given.every((one) => LEVELS.includes(one)),
      { default: OLDER_LEVELS },
    ),
    maxTopicAliases: whole({ max: 65_535, default: 0 }),
  },
  BYTE_DECODER_OPTIONS,
);

const MAX_LENGTH_BYTES = 4;

/** The options with their defaults. */
interface MqttSettings {
  readonly maxPacketBytes: number;
  readonly protocolLevels: readonly MqttProtocolLevel[];
  readonly maxTopicAliases: number;
}

/**
 * Reads control packets of MQTT 3.1, 3.1.1 and 5. The CONNECT of the channel decides about the version: a server's decoder reads it, and
 * a client's {@link MqttEncoder} writes it. Sends the answer to a packet that it refuses, if the specification has one.
 *
 * ```text
 *  BEFORE 30 06 00 01 61 68 69 21   →  AFTER { type: 'publish', topic: 'a', payload: 'hi!', qos: 0, … }
 * ```
 *
 * - **Place** First after the transport, next to {@link MqttEncoder}.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** {@link MqttPacket}, discriminated by `type`. Outbound: the CONNACK or DISCONNECT of a refusal.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_FRAME_CORRUPT` for a packet that the specification does not allow, `HR_ERR_TEXT_NOT_UTF8`,
 *   `HR_ERR_FRAME_TOO_LONG` and `HR_ERR_TIMEOUT_READ`. MQTT requires that the connection is closed after each error, as the default
 *   policy does. In MQTT 3.1.1, `error.details.returnCode` is the code of the CONNACK for some CONNECT packets: 1 for a protocol
 *   or version that is not accepted, 2 for an empty client identifier with a kept session, or in MQTT 3.1. In MQTT 5,
 *   `error.details.reasonCode` is the code of a CONNACK or DISCONNECT. With the default policy, the decoder sends this packet.
 *   With another policy, the application answers.
 * - **State** The unfinished packet, at most `maxPacketBytes` and one read, and up to `maxTopicAliases` topics of at most
 *   `maxPacketBytes`. Each channel needs its own decoder. A decoded packet uses at most four times `maxPacketBytes`, including its
 *   topics as strings.
 * - **Cost** One object for each packet. Payloads are not copied.
 * - **Pitfalls** In MQTT 3.1.1, the decoder checks single packets, and not their order. In MQTT 5, it also checks what both sides
 *   announced: sizes, aliases, and publishes without an acknowledgement. Sessions and subscriptions are the application's.
 *
 * @example
 * ```ts run
 * import { MqttDecoder, type MqttPacket } from '@headrace/mqtt';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new MqttDecoder());
 * channel.writeInbound(Buffer.from('3006000161686921', 'hex'));
 * const packet = channel.readInbound<MqttPacket>();
 * if (packet?.type === 'publish') console.log(packet.topic, String(packet.payload)); // prints a hi!
 * ```
 * @see Netty's `MqttDecoder`, MQTT 3.1.1 and MQTT 5 (OASIS)
 */
export class MqttDecoder extends ByteToMessageDecoder<MqttPacket> {
  private readonly options: MqttSettings;
  private aliases: Map<number, string> | undefined = undefined;
  /** Number of the type of the last packet. */
  private lastType = 0;
  private hasPackets = false;

  constructor(options: MqttDecoderOptions = {}) {
    super(options, BYTES_AND_VALUES, OPTIONS);
    this.options = OPTIONS.resolve(options);
  }

  override handlerAdded(ctx: Context): void {
    super.handlerAdded(ctx);
    mqttConnectionOf(ctx.channel).accepts = this.options;
  }

  protected override decode(ctx: Context, input: ByteInput): MqttPacket | undefined {
    if (input.toDiscard > 0) input.discard();
    let length = 0;
    for (let i = 1; i < input.length; i++) {
      const byte = input.at(i);
      length += (byte & 0x7f) * 128 ** (i - 1);
      if (byte < 0x80) return this.packet(ctx, input, i + 1, length);
      if (i === MAX_LENGTH_BYTES) throw this.badLength(ctx, input);
    }
    return undefined;
  }

  private packet(
    ctx: Context,
    input: ByteInput,
    header: number,
    length: number,
  ): MqttPacket | undefined {
    const connection = mqttConnectionOf(ctx.channel);
    this.lastType = input.at(0) >> 4;
    this.checkLength(connection, input, header, length);
    if (input.length < header + length) {
      input.wanted = header + length;
      return undefined;
    }
    const first = input.at(0);
    const isShortest = header === 2 || length >= 128 ** (header - 2);
    input.skip(header);
    const { maxPacketBytes, protocolLevels: levels } = this.options;
    const level = connection.level || DEFAULT_LEVEL;
    const parsing = { level, levels, maxPacketBytes };
    const packet = parseMqttPacket(first, input.take(length), parsing);
    const isNew = packet.type === 'connect' ? packet.protocolLevel === 5 : level === 5;
    if (isNew && !isShortest) throw malformed('a length of more bytes than it needs');
    const violation = connection.violation(packet, 'in');
    if (violation !== undefined) throw mqttCorrupt(violation.why, codeOf(violation, connection));
    connection.note(packet, 'in');
    this.hasPackets = true;
    if (packet.type === 'disconnect' && isPlannedEnd(packet.reasonCode)) {
      markPeerLeaving(ctx.channel);
    }
    return packet.type === 'publish' ? this.withTopic(packet) : packet;
  }

  private checkLength(
    connection: MqttConnection,
    input: ByteInput,
    header: number,
    length: number,
  ): void {
    const { maxPacketBytes } = this.options;
    const { maximumPacketBytes } = connection.limit('in');
    if (length <= maxPacketBytes && header + length <= maximumPacketBytes) return;
    const code = connection.level === 5 ? { reasonCode: MQTT_REASONS.packetTooLarge } : {};
    const error =
      length > maxPacketBytes
        ? frameTooLong(input, 'a packet', length, 'maxPacketBytes', maxPacketBytes, code)
        : frameTooLong(
            input,
            'a packet',
            header + length,
            'the announced maximumPacketBytes',
            maximumPacketBytes,
            code,
          );
    input.discard(header + length);
    throw error;
  }

  private badLength(ctx: Context, input: ByteInput): DecodeError {
    const text = `a length of more than 4 bytes${describeFirstBytes(input)}`;
    this.lastType = input.at(0) >> 4;
    input.skip(MAX_LENGTH_BYTES + 1);
    const isNew = mqttConnectionOf(ctx.channel).level === 5;
    const code = isNew ? { reasonCode: MQTT_REASONS.malformedPacket } : {};
    return new DecodeError('FRAME_CORRUPT', text, code);
  }

  /** Replaces an alias by its topic. The next receiver has other aliases (MQTT-3.3.2-7). */
  private withTopic(packet: MqttPublish): MqttPublish {
    const { topicAlias, ...others } = packet.properties ?? {};
    if (topicAlias === undefined || this.options.maxTopicAliases === 0) return packet;
    this.aliases ??= new Map();
    if (packet.topic !== '') this.aliases.set(topicAlias, packet.topic);
    const topic = this.aliases.get(topicAlias);
    if (topic === undefined) {
      const reasonCode = MQTT_REASONS.protocolError;
      throw mqttCorrupt(`topic alias ${topicAlias} has no topic`, { reasonCode });
    }
    const { properties, ...fields } = packet;
    const hasOthers = Object.keys(others).length > 0;
    return { ...fields, topic, ...(hasOthers ? { properties: others } : {}) };
  }

  /** Sends the answer to a refused packet before the channel ends. */
  override failStream(ctx: Context, error: Error): void {
    if (error instanceof DecodeError) this.answer(ctx, error);
    super.failStream(ctx, error);
  }

  private answer(ctx: Context, error: DecodeError): void {
    const connection = mqttConnectionOf(ctx.channel);
    const { returnCode, reasonCode = codeOfLimit(error, connection) } = error.details as FaultCode;
    if (this.lastType === CONNECT && !this.hasPackets) {
      if (reasonCode !== undefined) connection.level = 5;
      const code = reasonCode ?? returnCode;
      if (code === undefined) return;
      refuse(ctx, { type: 'connack', sessionPresent: false, returnCode: code }, connection.level);
    } else if (reasonCode !== undefined && connection.canDisconnect) {
      refuse(ctx, { type: 'disconnect', reasonCode }, connection.level);
    }
  }
}

/** Number of the type of a CONNECT. */
const CONNECT = 1;

/** The limit on the values of a packet has no code of MQTT in its error. */
function codeOfLimit({ code }: DecodeError, { level }: MqttConnection): number | undefined {
  return level === 5 && code === 'HR_ERR_FRAME_TOO_LONG' ? MQTT_REASONS.packetTooLarge : undefined;
}

function malformed(why: string): DecodeError {
  return mqttCorrupt(why, { reasonCode: MQTT_REASONS.malformedPacket });
}

function codeOf({ reasonCode }: MqttViolation, { level }: MqttConnection): FaultCode {
  return level === 5 ? { reasonCode } : {};
}

function refuse(ctx: Context, packet: MqttPacket, level: number): void {
  const handlers = [...ctx.pipeline].map(([, handler]) => handler);
  const before = handlers.slice(0, handlers.indexOf(ctx.handler));
  // An encoder before the decoder accepts only packets. An encoder after the decoder does not see what the decoder writes.
  const isEncoded = before.some((handler) => handler instanceof MqttEncoder);
  const answer = isEncoded ? packet : new MqttEncoder().encode(packet, level || DEFAULT_LEVEL);
  ctx.writeAndFlush(answer).onSettled(() => {});
}
