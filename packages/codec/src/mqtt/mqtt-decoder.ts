import { type Context, DecodeError } from '@headrace/core';
import { describeOptions, whole } from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import { BYTES_AND_VALUES } from '../base/usual-kinds.ts';
import { describeFirstBytes, frameTooLong } from '../frame/first-bytes.ts';
import { MqttEncoder } from './mqtt-encoder.ts';
import type { MqttPacket } from './mqtt-packet.ts';
import { parseMqttPacket } from './parse-mqtt-packet.ts';

/** Options of {@link MqttDecoder}. */
export interface MqttDecoderOptions extends ByteToMessageDecoderOptions {
  /**
   * Maximum length of a packet in bytes, without the type and the length. The bytes of a packet with a list, plus 64 for each
   * topic or code, must not exceed twice this limit. The default allows about 1,500 subscriptions to topics of 20 characters.
   * @default 65_536
   */
  readonly maxPacketBytes?: number;
}

const OPTIONS = describeOptions(
  'MqttDecoder',
  {
    maxPacketBytes: whole({ default: 65_536 }),
  },
  BYTE_DECODER_OPTIONS,
);

const MAX_LENGTH_BYTES = 4;

/**
 * Reads control packets of MQTT 3.1 and 3.1.1. Answers the first packet of a client with a CONNACK if the specification requires
 * this answer to a refusal.
 *
 * ```text
 *  BEFORE 30 06 00 01 61 68 69 21   →  AFTER { type: 'publish', topic: 'a', payload: 'hi!', qos: 0, … }
 * ```
 *
 * - **Place** First after the transport, next to {@link MqttEncoder}.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** {@link MqttPacket}, discriminated by `type`. Outbound: the CONNACK of a refusal.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_FRAME_CORRUPT` for a packet that the specification does not allow. For some CONNECT packets,
 *   `error.details.returnCode` is the code of the CONNACK: 1 for another protocol or version (MQTT 5, the private levels of
 *   bridges), 2 for an empty client identifier with a kept session, or in MQTT 3.1. With the default policy, the decoder sends
 *   this CONNACK if the packet is the first. With another policy, the application answers. Also `HR_ERR_TEXT_NOT_UTF8`,
 *   `HR_ERR_FRAME_TOO_LONG` and `HR_ERR_TIMEOUT_READ`. MQTT requires that the connection is closed after each error, as the
 *   default policy does.
 * - **State** The unfinished packet, at most `maxPacketBytes` and one read. Each channel needs its own decoder. A decoded packet
 *   uses at most four times `maxPacketBytes`, including its topics as strings.
 * - **Cost** One object for each packet. Payloads are not copied.
 * - **Pitfalls** The decoder checks single packets, and not their order. The application must check the order.
 *
 * @example
 * ```ts run
 * import { MqttDecoder, type MqttPacket } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new MqttDecoder());
 * channel.writeInbound(Buffer.from('3006000161686921', 'hex'));
 * const packet = channel.readInbound<MqttPacket>();
 * if (packet?.type === 'publish') console.log(packet.topic, String(packet.payload)); // prints a hi!
 * ```
 * @see Netty's `MqttDecoder`, MQTT 3.1.1 (OASIS)
 */
export class MqttDecoder extends ByteToMessageDecoder<MqttPacket> {
  private readonly maxPacketBytes: number;
  private hasPackets = false;

  constructor(options: MqttDecoderOptions = {}) {
    const { maxPacketBytes } = OPTIONS.resolve(options);
    super(options, BYTES_AND_VALUES, OPTIONS);
    this.maxPacketBytes = maxPacketBytes;
  }

  protected override decode(_ctx: Context, input: ByteInput): MqttPacket | undefined {
    if (input.toDiscard > 0) input.discard();
    let length = 0;
    for (let i = 1; i < input.length; i++) {
      const byte = input.at(i);
      length += (byte & 0x7f) * 128 ** (i - 1);
      if (byte < 0x80) return this.packet(input, i + 1, length);
      if (i === MAX_LENGTH_BYTES) throw this.badLength(input);
    }
    return undefined;
  }

  private packet(input: ByteInput, header: number, length: number): MqttPacket | undefined {
    if (length > this.maxPacketBytes) throw this.tooLong(input, header, length);
    if (input.length < header + length) {
      input.wanted = header + length;
      return undefined;
    }
    const first = input.at(0);
    input.skip(header);
    const packet = parseMqttPacket(first, input.take(length), this.maxPacketBytes);
    this.hasPackets = true;
    return packet;
  }

  /** @internal Sends the CONNACK of a refused CONNECT before the channel ends. */
  override failStream(ctx: Context, error: Error): void {
    const returnCode = error instanceof DecodeError ? error.details['returnCode'] : undefined;
    if (typeof returnCode === 'number' && !this.hasPackets) refuse(ctx, returnCode);
    super.failStream(ctx, error);
  }

  private tooLong(input: ByteInput, header: number, length: number): DecodeError {
    const error = frameTooLong(input, 'a packet', length, 'maxPacketBytes', this.maxPacketBytes);
    input.discard(header + length);
    return error;
  }

  private badLength(input: ByteInput): DecodeError {
    const text = `a length of more than 4 bytes${describeFirstBytes(input)}`;
    input.skip(MAX_LENGTH_BYTES + 1);
    return new DecodeError('FRAME_CORRUPT', text);
  }
}

function refuse(ctx: Context, returnCode: number): void {
  const handlers = [...ctx.pipeline].map(([, handler]) => handler);
  const before = handlers.slice(0, handlers.indexOf(ctx.handler));
  const packet: MqttPacket = { type: 'connack', sessionPresent: false, returnCode };
  // An encoder before the decoder accepts only packets. An encoder after the decoder does not see what the decoder writes.
  const isEncoded = before.some((handler) => handler instanceof MqttEncoder);
  const answer = isEncoded ? packet : new MqttEncoder().encode(packet);
  ctx.writeAndFlush(answer).onSettled(() => {});
}
