import { Buffer } from 'node:buffer';
import { constants, deflateRawSync } from 'node:zlib';
import type { AgreedDeflate } from './compression.ts';
import { shorter } from './message-deflate.ts';
import { firstByte, frameOf } from './message-frame.ts';
import { TextMessage } from './text-message.ts';

/**
 * A message of a broadcast. A server's frames have no mask, so all members share the same bytes. The frame is built once, and
 * compressed once for each window size.
 */
export class SharedMessage {
  readonly isText: boolean;
  readonly payload: Uint8Array;
  private plain: Buffer | undefined = undefined;
  private compressed: Map<number, Buffer> | undefined = undefined;

  private constructor(isText: boolean, payload: Uint8Array) {
    this.isText = isText;
    this.payload = payload;
  }

  /**
   * Returns a shared message. A value that the transport does not accept is returned unchanged, so that the transport refuses it.
   */
  static of(message: unknown): unknown {
    if (typeof message === 'string') return new SharedMessage(true, Buffer.from(message));
    if (message instanceof TextMessage) return new SharedMessage(true, message.bytes);
    return message instanceof Uint8Array ? new SharedMessage(false, message) : message;
  }

  get byteLength(): number {
    return this.payload.length;
  }

  /** Returns the message for a member that needs its own frame. */
  alone(): TextMessage | Uint8Array {
    return this.isText ? new TextMessage(this.payload as Buffer) : this.payload;
  }

  /** Returns the frame for a member with this agreed compression. */
  frameFor(deflate: AgreedDeflate | undefined): Buffer {
    if (deflate === undefined || this.payload.length < deflate.thresholdBytes) {
      return this.plainFrame();
    }
    const { windowBits } = deflate;
    this.compressed ??= new Map();
    let frame = this.compressed.get(windowBits);
    if (frame === undefined) {
      const options = { windowBits, finishFlush: constants.Z_SYNC_FLUSH };
      const bytes = shorter(deflateRawSync(this.payload, options), this.payload);
      frame = bytes ? frameOf(firstByte(this.isText, true), bytes, false) : this.plainFrame();
      this.compressed.set(windowBits, frame);
    }
    return frame;
  }

  private plainFrame(): Buffer {
    this.plain ??= frameOf(firstByte(this.isText), this.payload, false);
    return this.plain;
  }
}
