import { Buffer } from 'node:buffer';
import {
  type ByteSource,
  type Context,
  EncodeError,
  type Handler,
  type MessageKinds,
  type MessageLimits,
  type OutboundBytes,
  type Types,
  type WriteFuture,
} from '@headrace/core';
import {
  appendTo,
  byteLengthOf,
  describeOptions,
  encodeOnce,
  isOutboundBytes,
  whole,
} from '@headrace/core/authoring';
import {
  OTHER_MESSAGES,
  type OtherMessages,
  type OtherMessagesOptions,
  unwritable,
} from '../base/other-messages.ts';
import { BYTES_AND_BYTES } from '../base/usual-kinds.ts';

/** Options of the prependers whose header can hold any length. */
export interface BodyPrependerOptions extends OtherMessagesOptions {
  /** Maximum length of a body, in bytes. Use the same limit as the peer's decoder. @default 2147483647 */
  readonly maxBodyLength?: number;
}

const INT_MAX = 2 ** 31 - 1;
export const BODY_PREPENDER_OPTIONS = describeOptions('BodyPrepender', {
  maxBodyLength: whole({ max: INT_MAX, default: INT_MAX }),
  otherMessages: OTHER_MESSAGES,
});

/** Writes a length before each body, and refuses bodies outside its limits. */
export abstract class LengthHeader {
  /** The key of broadcasts. A broadcast is encoded once for all members whose headers have the same key. */
  readonly key: string;
  readonly minBodyLength: number;
  readonly maxBodyLength: number;

  constructor(key: string, maxBodyLength: number, minBodyLength = 0) {
    this.key = key;
    this.minBodyLength = minBodyLength;
    this.maxBodyLength = maxBodyLength;
  }

  abstract sizeOf(bodyBytes: number): number;
  /** Writes the header. Returns the offset at which the body begins. */
  abstract write(target: Uint8Array, offset: number, bodyBytes: number): number;

  readonly prepend = (body: OutboundBytes): OutboundBytes => {
    const bytes = byteLengthOf(body);
    if (bytes < this.minBodyLength || bytes > this.maxBodyLength) throw this.refuse(bytes);
    return new Prefixed(this, body);
  };

  /** Returns the error for a body that is too short or too long. */
  protected refuse(bytes: number): EncodeError {
    const { maxBodyLength } = this;
    return new EncodeError(
      'MESSAGE_TOO_LONG',
      `a body of ${bytes} bytes is longer than maxBodyLength, ${maxBodyLength}`,
      { bytes, maxBodyLength },
    );
  }
}

/**
 * A header and the body that it counts, not yet copied together. The object has only two fields, because each message needs its
 * own.
 */
class Prefixed implements ByteSource {
  private readonly header: LengthHeader;
  private readonly body: OutboundBytes;

  constructor(header: LengthHeader, body: OutboundBytes) {
    this.header = header;
    this.body = body;
  }

  get byteLength(): number {
    const bytes = byteLengthOf(this.body);
    return this.header.sizeOf(bytes) + bytes;
  }

  get ownsMemory(): boolean {
    return !(this.body instanceof Uint8Array) && this.body.ownsMemory === true;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { body } = this;
    const at = this.header.write(target, offset, byteLengthOf(body));
    if (body instanceof Uint8Array) target.set(body, at);
    else body.writeTo(target, at);
  }

  appendTo(buffers: Uint8Array[]): void {
    const { header, body } = this;
    const bytes = byteLengthOf(body);
    const head = Buffer.allocUnsafe(header.sizeOf(bytes));
    header.write(head, 0, bytes);
    buffers.push(head);
    appendTo(buffers, body);
  }
}

/** Writes the length of each message before it. This class is the base of the prependers. */
export abstract class BodyPrepender implements Handler {
  declare readonly types: Types<{ accepts: OutboundBytes; writes: OutboundBytes }>;
  readonly sharable = true;
  readonly messageKinds: MessageKinds | undefined;
  private readonly header: LengthHeader;

  /** @internal */
  constructor(header: LengthHeader, otherMessages: OtherMessages) {
    this.header = header;
    this.messageKinds = otherMessages === 'refuse' ? BYTES_AND_BYTES : undefined;
  }

  get messageLimits(): MessageLimits {
    return { outbound: this.header.maxBodyLength };
  }

  /**
   * Returns the length and the body, which is not copied, for an encoder that writes several frames as one message.
   *
   * @throws EncodeError `HR_ERR_MESSAGE_TOO_LONG`, `HR_ERR_MESSAGE_NOT_ENCODABLE`, as for a failed write
   */
  prepend(body: OutboundBytes): OutboundBytes {
    return this.header.prepend(body);
  }

  write(ctx: Context, message: unknown): WriteFuture {
    if (!isOutboundBytes(message)) {
      if (this.messageKinds === undefined) return ctx.write(message);
      throw unwritable(ctx, message);
    }
    const { key, prepend } = this.header;
    return ctx.write(encodeOnce(key, message, prepend));
  }
}
