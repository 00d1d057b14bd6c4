import { constants } from 'node:buffer';
import type { Context } from '@headrace/core';
import { describeOptions, rememberMethods, whole } from '@headrace/core/authoring';
import type { ByteInput } from '../base/byte-input.ts';
import {
  BYTE_DECODER_OPTIONS,
  ByteToMessageDecoder,
  type ByteToMessageDecoderOptions,
} from '../base/byte-to-message-decoder.ts';

/** Options of {@link FixedLengthFrameDecoder}. */
export interface FixedLengthFrameDecoderOptions extends ByteToMessageDecoderOptions {
  /** Length of each frame, in bytes. */
  readonly frameLength: number;
}

const OPTIONS = describeOptions(
  'FixedLengthFrameDecoder',
  {
    frameLength: whole({ min: 1, max: constants.MAX_LENGTH, required: true }),
  },
  BYTE_DECODER_OPTIONS,
);

/**
 * Cuts the stream into frames of one length.
 *
 * ```text
 * frameLength: 3
 *  BEFORE 61 | 62 63 64 | 65 66   →  AFTER "abc", "def"
 * ```
 *
 * - **Place** First after the transport.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** `Buffer` of exactly `frameLength` bytes.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_TIMEOUT_READ` for a frame that is not complete in time.
 * - **State** The unfinished frame. Each channel needs its own decoder.
 * - **Cost** No copy for frames that lie within one read.
 * - **Pitfalls** A lost byte is not detected. All frames after a lost byte are wrong.
 *
 * @example
 * ```ts run
 * import { FixedLengthFrameDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new FixedLengthFrameDecoder({ frameLength: 3 }));
 * channel.writeInbound(Buffer.from('abcd'), Buffer.from('ef'));
 * console.log(String(channel.readInbound()), String(channel.readInbound())); // prints abc def
 * ```
 * @see Netty's `FixedLengthFrameDecoder`
 */
export class FixedLengthFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly frameLength: number;

  constructor(options: FixedLengthFrameDecoderOptions) {
    const { frameLength } = OPTIONS.resolve(options);
    super(options, undefined, OPTIONS);
    this.frameLength = frameLength;
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
    const { frameLength } = this;
    if (input.length >= frameLength) return input.take(frameLength);
    input.wanted = frameLength;
    return undefined;
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(FixedLengthFrameDecoder);
