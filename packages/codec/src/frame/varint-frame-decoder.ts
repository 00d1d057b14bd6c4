import { constants } from 'node:buffer';
import { type Context, DecodeError, type MessageLimits } from '@headrace/core';
import { describeOptions, rememberMethods, whole } from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';
import { describeFirstBytes, frameTooLong } from './first-bytes.ts';

/** Options of {@link VarintFrameDecoder}. */
export interface VarintFrameDecoderOptions extends ByteToMessageDecoderOptions {
  /** Maximum length of a frame without its length field, in bytes. */
  readonly maxFrameLength: number;
}

const OPTIONS = describeOptions(
  'VarintFrameDecoder',
  {
    maxFrameLength: whole({ required: true }),
  },
  BYTE_DECODER_OPTIONS,
);

const MAX_VARINT_BYTES = 5;

/**
 * Cuts the stream into frames by the varint before each frame, as in the delimited streams of Protocol Buffers.
 *
 * ```text
 *  BEFORE ac 02 (300) and 300 bytes   →  AFTER the 300 bytes
 * ```
 *
 * - **Place** First after the transport.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** One `Buffer` for each frame, without its length.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG`, once, for a frame over `maxFrameLength`. Exactly that frame is skipped.
 *   `HR_ERR_FRAME_CORRUPT` for a varint of more than 5 bytes, or a negative varint. `HR_ERR_TIMEOUT_READ` for a frame that is not
 *   complete in time.
 * - **State** The unfinished frame, at most `maxFrameLength` bytes and one read. Each channel needs its own decoder.
 * - **Cost** No copy for frames that lie within one read.
 * - **Pitfalls** The length is a signed number of 32 bits. Higher bits are ignored, as in Protocol Buffers.
 *
 * @example
 * ```ts run
 * import { VarintFrameDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new VarintFrameDecoder({ maxFrameLength: 1000 }));
 * channel.writeInbound(Buffer.from('\x02hi\x03'));
 * console.log(String(channel.readInbound())); // prints hi
 * ```
 * @see Netty's `ProtobufVarint32FrameDecoder`
 */
export class VarintFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly maxFrameLength: number;

  constructor(options: VarintFrameDecoderOptions) {
    const { maxFrameLength } = OPTIONS.resolve(options);
    super(options, undefined, OPTIONS);
    this.maxFrameLength = Math.min(maxFrameLength, constants.MAX_LENGTH);
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  /** Returns a decoder with the same options. A `pipeline()` calls `fresh` for each channel. */
  fresh(): VarintFrameDecoder {
    return new VarintFrameDecoder(this.givenOptions as VarintFrameDecoderOptions);
  }

  get messageLimits(): MessageLimits {
    return { inbound: this.maxFrameLength };
  }

  protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
    if (input.toDiscard > 0) input.discard();
    const { start, end, buffer } = input;
    let value = 0;
    for (let i = 0; start + i < end; i++) {
      const byte = buffer[start + i]!;
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) return this.frame(input, i + 1, value);
      if (i === MAX_VARINT_BYTES - 1) throw this.corrupt(input, 'a length of more than 5 bytes');
    }
    return undefined;
  }

  private frame(input: ByteInput, header: number, length: number): Buffer | undefined {
    if (length < 0) throw this.corrupt(input, `a negative length, ${length}`);
    if (length > this.maxFrameLength) throw this.exceeded(input, header, length);
    const { start } = input;
    if (input.end - start < header + length) {
      input.wanted = header + length;
      return undefined;
    }
    input.start = start + header + length;
    return input.view(start + header, length);
  }

  private exceeded(input: ByteInput, header: number, length: number): DecodeError {
    const error = frameTooLong(input, 'a frame', length, 'maxFrameLength', this.maxFrameLength);
    input.discard(header + length);
    return error;
  }

  private corrupt(input: ByteInput, what: string): DecodeError {
    const error = new DecodeError('FRAME_CORRUPT', what + describeFirstBytes(input));
    input.skip(MAX_VARINT_BYTES);
    return error;
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(VarintFrameDecoder);
