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

/** Options of {@link ContentLengthFrameDecoder}. */
export interface ContentLengthFrameDecoderOptions extends ByteToMessageDecoderOptions {
  /** Maximum length of a body, in bytes. */
  readonly maxFrameLength: number;
  /** Maximum length of a header, in bytes, including the empty line at its end. At least 36. @default 4096 */
  readonly maxHeaderLength?: number;
}

/** Options of the decoder, also used by the preset. */
export const CONTENT_LENGTH_OPTIONS = describeOptions(
  'ContentLengthFrameDecoder',
  {
    maxFrameLength: whole({ required: true }),
    maxHeaderLength: whole({ min: 36, default: 4096 }),
  },
  BYTE_DECODER_OPTIONS,
);

const [TAB, LF, CR, SPACE, COLON, ZERO, NINE, DEL] = [9, 10, 13, 32, 58, 48, 57, 127] as const;
/** Maximum number of digits of a length. A larger number is not exact. */
const MAX_DIGITS = 15;
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const LENGTH_NAME = 'content-length';
/** The first bytes of nearly every header. */
const COMMON: Buffer = Buffer.from('Content-Length: ');

/** The position while a header is dropped: at the start of a line, after a CR at that start, or within a line. */
const [LINE_START, START_CR, WITHIN] = [0, 1, 2] as const;

/**
 * Cuts the stream into frames. A header in the form of an HTTP header, with `Content-Length`, precedes each frame. The Language
 * Server Protocol and the Debug Adapter Protocol use this format.
 *
 * ```text
 *  BEFORE Content-Length: 2 CR LF CR LF { }   →  AFTER "{}"
 *  BEFORE Content-Type: application/vscode-jsonrpc; charset=utf-8 CR LF
 *         content-length:2 CR LF CR LF { }    →  AFTER "{}"
 * ```
 *
 * - **Place** First after the transport.
 * - **In** `Buffer`, in reads of any size.
 * - **Out** One `Buffer` for each body. Headers of other names are checked for their form and dropped.
 * - **Events** See {@link ByteToMessageDecoder}.
 * - **Errors** `HR_ERR_FRAME_TOO_LONG`, once, for a body over `maxFrameLength` or a header over `maxHeaderLength`. If a body is
 *   too long, exactly that frame is skipped. `HR_ERR_FRAME_CORRUPT` for a line that is not a header or ends in a bare LF, and for
 *   a length that is missing, not a number, or given twice. After each header error, the decoder skips the rest of that header,
 *   up to its empty line. `HR_ERR_TIMEOUT_READ` for a frame that is not complete in time.
 * - **State** The unfinished frame, at most both limits and one read. Each channel needs its own decoder.
 * - **Cost** No copy for frames that lie within one read, and no text for a header that is only `Content-Length: N`.
 * - **Pitfalls** `Content-Length` counts bytes. If a peer counts characters, the frame is cut at the wrong byte after the first
 *   character that is not ASCII.
 *
 * @example
 * ```ts run
 * import { ContentLengthFrameDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new ContentLengthFrameDecoder({ maxFrameLength: 65_536 }));
 * channel.writeInbound(Buffer.from('Content-Length: 2\r\n\r\nhiContent-'));
 * console.log(String(channel.readInbound())); // prints hi
 * ```
 * @see the Language Server Protocol, "Base Protocol"
 */
export class ContentLengthFrameDecoder extends ByteToMessageDecoder<Buffer> {
  private readonly maxFrameLength: number;
  private readonly maxHeaderLength: number;
  private searched = 0;
  private lineStart = 0;
  /** The announced length, or -1 before it is known. */
  private bodyLength = -1;
  /** 0 before the end of the header has arrived. */
  private headerLength = 0;
  private isDroppingHeader = false;
  private dropState: number = LINE_START;

  constructor(options: ContentLengthFrameDecoderOptions) {
    const { maxFrameLength, maxHeaderLength } = CONTENT_LENGTH_OPTIONS.resolve(options);
    super(options, undefined, CONTENT_LENGTH_OPTIONS);
    this.maxFrameLength = Math.min(maxFrameLength, constants.MAX_LENGTH);
    this.maxHeaderLength = maxHeaderLength;
  }

  /** The handler keeps no views. */
  get keepsReads(): false {
    return KEEPS_READS;
  }

  /** Returns a decoder with the same options. A `pipeline()` calls `fresh` for each channel. */
  fresh(): ContentLengthFrameDecoder {
    return new ContentLengthFrameDecoder(this.givenOptions as ContentLengthFrameDecoderOptions);
  }

  override isWithinFrame(): boolean {
    return super.isWithinFrame() || this.isDroppingHeader;
  }

  get messageLimits(): MessageLimits {
    return { inbound: this.maxFrameLength };
  }

  protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
    if (input.toDiscard > 0) input.discard();
    if (this.isDroppingHeader) this.dropHeader(input);
    if (input.end === input.start) return undefined;
    if (this.headerLength === 0 && !this.readCommonHeader(input) && !this.readHeader(input)) {
      return undefined;
    }
    return this.frame(input);
  }

  private frame(input: ByteInput): Buffer | undefined {
    const { headerLength, bodyLength } = this;
    if (bodyLength > this.maxFrameLength) throw this.bodyTooLong(input);
    const { start } = input;
    if (input.end - start < headerLength + bodyLength) {
      input.wanted = headerLength + bodyLength;
      return undefined;
    }
    this.beginHeader();
    input.start = start + headerLength + bodyLength;
    return input.view(start + headerLength, bodyLength);
  }

  private beginHeader(): void {
    this.searched = 0;
    this.lineStart = 0;
    this.bodyLength = -1;
    this.headerLength = 0;
  }

  // --- headers ---

  /** Reads a whole header that is only `Content-Length: N`. Returns false for any other header. */
  private readCommonHeader(input: ByteInput): boolean {
    if (this.searched > 0) return false;
    const { buffer, start, end } = input;
    let at = start + COMMON.length;
    if (end < at + 5) return false;
    for (let i = 0; i < COMMON.length; i++) if (buffer[start + i] !== COMMON[i]) return false;
    const digits = at;
    let value = 0;
    for (; at < end; at++) {
      const byte = buffer[at]!;
      if (byte < ZERO || byte > NINE) break;
      value = value * 10 + (byte - ZERO);
    }
    if (at === digits || at - digits > MAX_DIGITS || end - at < 4) return false;
    const isEnd =
      buffer[at] === CR && buffer[at + 1] === LF && buffer[at + 2] === CR && buffer[at + 3] === LF;
    if (!isEnd) return false;
    this.bodyLength = value;
    this.headerLength = at + 4 - start;
    return true;
  }

  /** Reads the lines that have arrived. Returns true after the empty line has arrived. */
  private readHeader(input: ByteInput): boolean {
    if (this.searched === 0 && !isNameByte(input.at(0))) {
      throw this.corrupt(input, 'a header cannot begin like this');
    }
    for (;;) {
      const lf = input.indexOf(LF, this.searched);
      const length = lf === -1 ? input.length : lf + 1;
      if (length > this.maxHeaderLength) throw this.headerTooLong(input);
      this.searched = length;
      if (lf === -1) return false;
      if (lf === this.lineStart || input.at(lf - 1) !== CR) {
        throw this.corrupt(input, 'a line of the header ends in LF without CR');
      }
      if (lf - 1 === this.lineStart) break;
      this.readLine(input, this.lineStart, lf - 1);
      this.lineStart = lf + 1;
    }
    if (this.bodyLength === -1) throw this.corrupt(input, 'a header without Content-Length');
    this.headerLength = this.searched;
    return true;
  }

  private readLine(input: ByteInput, from: number, to: number): void {
    const { buffer, start } = input;
    let colon = from;
    for (let at = from; at < to; at++) {
      const byte = buffer[start + at]!;
      if (byte === COLON && colon === from) colon = at;
      if ((byte < SPACE && byte !== TAB) || byte === DEL) {
        throw this.corrupt(input, `a header with the byte ${byte}`);
      }
    }
    const name = buffer.toString('latin1', start + from, start + colon);
    if (!NAME.test(name)) throw this.corrupt(input, 'a line that is not a header');
    if (name.toLowerCase() !== LENGTH_NAME) return;
    const value = buffer.toString('latin1', start + colon + 1, start + to).trim();
    if (this.bodyLength !== -1) throw this.corrupt(input, 'Content-Length comes twice');
    if (!/^[0-9]+$/.test(value) || value.length > MAX_DIGITS) {
      throw this.corrupt(input, 'Content-Length is not a number of bytes');
    }
    this.bodyLength = Number(value);
  }

  // --- bad input ---

  private dropHeader(input: ByteInput): void {
    const { buffer, start, end } = input;
    let at = start;
    while (at < end && this.isDroppingHeader) {
      const byte = buffer[at]!;
      at += 1;
      if (byte === LF) {
        if (this.dropState !== WITHIN) this.isDroppingHeader = false;
        this.dropState = LINE_START;
      } else this.dropState = byte === CR && this.dropState === LINE_START ? START_CR : WITHIN;
    }
    input.skip(at - start);
  }

  private bodyTooLong(input: ByteInput): DecodeError {
    const { headerLength, bodyLength: length, maxFrameLength } = this;
    const error = frameTooLong(input, 'a frame', length, 'maxFrameLength', maxFrameLength);
    this.beginHeader();
    input.discard(headerLength + length);
    return error;
  }

  private headerTooLong(input: ByteInput): DecodeError {
    const { maxHeaderLength } = this;
    const error = new DecodeError(
      'FRAME_TOO_LONG',
      `a header is longer than maxHeaderLength, ${maxHeaderLength}${describeFirstBytes(input)}`,
      { maxHeaderLength },
    );
    this.beginDropping(input);
    return error;
  }

  private corrupt(input: ByteInput, what: string): DecodeError {
    const error = new DecodeError('FRAME_CORRUPT', what + describeFirstBytes(input));
    this.beginDropping(input);
    return error;
  }

  private beginDropping(input: ByteInput): void {
    this.beginHeader();
    this.isDroppingHeader = true;
    this.dropState = LINE_START;
    this.dropHeader(input);
  }
}

const KEEPS_READS = /* @__PURE__ */ rememberMethods(ContentLengthFrameDecoder);

/** Returns true if the name of a header can begin with this byte. */
function isNameByte(byte: number): boolean {
  return NAME.test(String.fromCharCode(byte));
}
