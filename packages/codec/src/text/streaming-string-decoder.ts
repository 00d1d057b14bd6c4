import { Buffer, isUtf8 } from 'node:buffer';
import {
  type Context,
  type DecodeError,
  type Handler,
  TlsUpgradeEvent,
  type Types,
} from '@headrace/core';
import { TakenReads, toBuffer } from '@headrace/core/authoring';
import { refuseSharing } from '../base/decoder-failure.ts';
import { unreadable } from '../base/other-messages.ts';
import { BYTES_AND_TEXT } from '../base/usual-kinds.ts';
import { begunLength, notUtf8, validLength } from '../base/utf8.ts';

const EMPTY: Buffer = Buffer.alloc(0);

/**
 * Turns a stream of bytes into strings, as UTF-8. A character whose bytes arrive in two reads stays one character.
 *
 * ```text
 *  BEFORE 68 c3 | a9 21   →  AFTER "h", "é!"
 * ```
 *
 * - **Place** In a pipeline without frames: a terminal, a log, or a text that is only forwarded.
 * - **In** `Buffer`. Other messages are refused.
 * - **Out** `string`, of any length except 0.
 * - **Events** All pass. A truncated character at the end of the input is an error. The decoder reports the bytes of an
 *   unfinished character to a `TlsUpgradeEvent`, so that the upgrade is refused.
 * - **Errors** `HR_ERR_TEXT_NOT_UTF8`, and `HR_ERR_MESSAGE_UNREADABLE` for a value that is not bytes. After either error, the
 *   channel is ended.
 * - **State** The unfinished character, at most 3 bytes. Each channel needs its own decoder.
 * - **Cost** One string for each read.
 * - **Pitfalls** The strings are not messages. The end of a string depends on how the stream is cut. Messages need a frame
 *   decoder and {@link StringCodec}.
 *
 * @example
 * ```ts run
 * import { StreamingStringDecoder } from '@headrace/codec';
 * import { EmbeddedChannel } from '@headrace/core/testing';
 *
 * const channel = new EmbeddedChannel(new StreamingStringDecoder());
 * channel.writeInbound(Buffer.from([0x68, 0xc3]), Buffer.from([0xa9]));
 * console.log(channel.readInbound(), channel.readInbound()); // prints h é
 * ```
 * @see Node's `StringDecoder`, the Encoding Standard's `TextDecoder`
 */
export class StreamingStringDecoder implements Handler {
  declare readonly types: Types<{ reads: Buffer; passesOn: string }>;
  declare readonly sharable?: false;
  readonly messageKinds = BYTES_AND_TEXT;
  /** The first bytes of a character whose other bytes have not arrived. */
  private begun: Buffer = EMPTY;
  private readonly reads = new TakenReads();
  private failed = false;

  /** @throws PipelineError `PIPELINE_NOT_SHARABLE` for a subclass that is `sharable` */
  constructor() {
    refuseSharing(this);
  }

  channelRead(ctx: Context, message: unknown): void {
    if (this.failed) return;
    if (!(message instanceof Uint8Array)) this.fail(ctx, unreadable(ctx, message));
    else this.decode(ctx, toBuffer(message));
  }

  channelReadComplete(ctx: Context): void {
    this.reads.complete(ctx);
    ctx.fireChannelReadComplete();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    // These bytes arrived unencrypted. They must not become the beginning of an encrypted character.
    if (event instanceof TlsUpgradeEvent) event.holding(this.begun.length);
    ctx.fireUserEventTriggered(event);
  }

  channelShutdown(ctx: Context, direction: 'input' | 'output'): void {
    ctx.fireChannelShutdown(direction);
    if (direction === 'input') this.inputEnded(ctx);
  }

  channelInactive(ctx: Context): void {
    ctx.fireChannelInactive();
    this.inputEnded(ctx);
  }

  private inputEnded(ctx: Context): void {
    const { begun } = this;
    this.begun = EMPTY;
    if (begun.length > 0 && !this.failed) this.fail(ctx, notUtf8(begun, 0));
  }

  private decode(ctx: Context, chunk: Buffer): void {
    const bytes = this.begun.length === 0 ? chunk : Buffer.concat([this.begun, chunk]);
    const end = bytes.length - begunLength(bytes);
    const whole = bytes.subarray(0, end);
    const length = isUtf8(whole) ? end : validLength(whole);
    // A copy, because these few bytes must not keep the whole read alive.
    this.begun = end === bytes.length ? EMPTY : Buffer.from(bytes.subarray(end));
    if (length > 0) {
      this.reads.passed();
      ctx.fireChannelRead(bytes.toString('utf8', 0, length));
    } else this.reads.took();
    if (length < end) this.fail(ctx, notUtf8(bytes, length));
  }

  private fail(ctx: Context, error: DecodeError): void {
    this.failed = true;
    ctx.fireExceptionCaught(error);
    ctx.channel.end({ reason: 'bad-input' });
  }
}
