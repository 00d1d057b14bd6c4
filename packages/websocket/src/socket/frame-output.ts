import { Buffer } from 'node:buffer';
import type { ByteSource, Context, WriteFuture } from '@headrace/core';
import { COPY_BYTES, SettableFuture } from '@headrace/core/authoring';
import type { AgreedDeflate } from './compression.ts';
import { firstByte, frameLength, frameOf, writeFrame, writeHeader } from './message-frame.ts';
import { SharedMessage } from './shared-message.ts';
import { TextMessage } from './text-message.ts';

/** An outbound message, or a shared message of a broadcast. */
export type Outgoing = string | TextMessage | Uint8Array | SharedMessage;

/** The kinds of messages that a WebSocket accepts, as text. */
export const ACCEPTED = 'strings, TextMessages and bytes';

/** Returns true for a value that a WebSocket accepts. */
export function isOutgoing(message: unknown): message is Outgoing {
  return (
    typeof message === 'string' ||
    message instanceof Uint8Array ||
    message instanceof TextMessage ||
    message instanceof SharedMessage
  );
}

/**
 * The output of a WebSocket, which frames messages, with masks for a client. The frames of one flush are written as one message
 * of the channel that carries the WebSocket, without an intermediate stream.
 */
export class FrameOutput {
  private readonly below: Context;
  private readonly deflate: AgreedDeflate | undefined;
  private readonly isMasked: boolean;

  /**
   * @param below - place in the pipeline of the channel that carries the WebSocket
   * @param deflate - agreed compression, if any
   * @param isMasked - whether this end is a client
   */
  constructor(below: Context, deflate: AgreedDeflate | undefined, isMasked: boolean) {
    this.below = below;
    this.deflate = deflate;
    this.isMasked = isMasked;
  }

  /** Writes messages. Settles when all messages are sent, or when a message is lost. Call `write` again only after that. */
  write(messages: readonly unknown[]): WriteFuture {
    for (let i = 0; i < messages.length; i++) {
      if (this.isCompressedAlone(messages[i] as Outgoing)) return this.compress([...messages]);
    }
    return this.writeFrames(messages);
  }

  /** Returns true if the message must be compressed for this WebSocket alone, in another thread. */
  private isCompressedAlone(message: Outgoing): boolean {
    const { deflate } = this;
    if (deflate === undefined) return false;
    const most =
      message instanceof SharedMessage ? deflate.maxSharedBytes : deflate.thresholdBytes - 1;
    return payloadLength(message) > most;
  }

  private compress(messages: readonly unknown[]): WriteFuture {
    const future = new SettableFuture();
    this.compressFrom(0, messages as readonly Outgoing[], future);
    return future;
  }

  /** Writes the messages from the index `from` on, each after the messages before it. */
  private compressFrom(from: number, messages: readonly Outgoing[], future: SettableFuture): void {
    const at = messages.findIndex((message, i) => i >= from && this.isCompressedAlone(message));
    const settle = (error?: Error): void => {
      if (error === undefined) future.succeed();
      else future.fail(error);
    };
    if (at < 0) {
      this.writeFrames(messages.slice(from)).onSettled(settle);
      return;
    }
    if (at > from) {
      this.below.write(new Frames(messages.slice(from, at), this.deflate, this.isMasked));
    }
    const message = messages[at]!;
    const payload = payloadOf(message);
    this.deflate!.own.compress(payload, (error, bytes) => {
      if (error !== null) {
        future.fail(error);
        return;
      }
      const first = firstByte(isTextMessage(message), bytes !== undefined);
      const written = this.below.writeAndFlush(frameOf(first, bytes ?? payload, this.isMasked));
      if (at === messages.length - 1) written.onSettled(settle);
      else this.compressFrom(at + 1, messages, future);
    });
  }

  private writeFrames(messages: readonly unknown[]): WriteFuture {
    const { below, deflate, isMasked } = this;
    const message = messages[0] as Outgoing;
    if (messages.length > 1) {
      return below.writeAndFlush(new Frames(messages as readonly Outgoing[], deflate, isMasked));
    }
    if (message instanceof SharedMessage && !isMasked) {
      return below.writeAndFlush(message.frameFor(deflate));
    }
    const first = firstByte(isTextMessage(message));
    const length = payloadLength(message);
    // A longer payload without a mask is written without a copy.
    if (length <= COPY_BYTES || isMasked) {
      return below.writeAndFlush(new Frame(first, framedPayload(message), length, isMasked));
    }
    const payload = payloadOf(message);
    const header = Buffer.allocUnsafe(frameLength(length, false) - length);
    writeHeader(header, 0, first, length, false);
    below.write(header);
    return below.writeAndFlush(payload);
  }
}

class Frame implements ByteSource {
  readonly byteLength: number;
  private readonly first: number;
  private readonly payload: Uint8Array | TextMessage;
  private readonly length: number;
  private readonly isMasked: boolean;

  constructor(first: number, payload: Uint8Array | TextMessage, length: number, isMasked: boolean) {
    this.byteLength = frameLength(length, isMasked);
    this.first = first;
    this.payload = payload;
    this.length = length;
    this.isMasked = isMasked;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { payload } = this;
    if (payloadLength(payload) !== this.length) throw resized();
    writeFrame(target, offset, this.first, payload, this.isMasked);
  }
}

/** The frames of one flush. */
class Frames implements ByteSource {
  readonly byteLength: number;
  private readonly messages: Exclude<Outgoing, string>[] = [];
  private readonly deflate: AgreedDeflate | undefined;
  private readonly isMasked: boolean;

  constructor(
    messages: readonly Outgoing[],
    deflate: AgreedDeflate | undefined,
    isMasked: boolean,
  ) {
    this.deflate = deflate;
    this.isMasked = isMasked;
    let bytes = 0;
    for (let i = 0; i < messages.length; i++) {
      const given = messages[i]!;
      let message = typeof given === 'string' ? TextMessage.of(given) : given;
      if (isMasked && message instanceof SharedMessage) message = message.alone();
      this.messages.push(message);
      if (message instanceof SharedMessage) bytes += message.frameFor(deflate).length;
      else bytes += frameLength(payloadLength(message), isMasked);
    }
    this.byteLength = bytes;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { messages, deflate, isMasked } = this;
    let at = offset;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      if (message instanceof SharedMessage) {
        const frame = message.frameFor(deflate);
        target.set(frame, at);
        at += frame.length;
      } else {
        const isText = message instanceof TextMessage;
        at = writeFrame(target, at, firstByte(isText), message, isMasked);
      }
    }
    if (at !== offset + this.byteLength) throw resized();
  }
}

/** Creates the error for a payload that became shorter. The bytes after the payload could belong to another connection. */
function resized(): RangeError {
  return new RangeError('a message has changed its length since it was written');
}

/** Returns false for a binary message. */
export function isTextMessage(message: Outgoing): boolean {
  return message instanceof SharedMessage ? message.isText : !(message instanceof Uint8Array);
}

/** Returns the length of a message's payload, before compression. */
export function payloadLength(message: Outgoing): number {
  if (typeof message === 'string') return Buffer.byteLength(message);
  return message instanceof Uint8Array ? message.length : message.byteLength;
}

/** Returns the payload as a frame takes it: a text is encoded into the frame. */
function framedPayload(message: Outgoing): Uint8Array | TextMessage {
  if (typeof message === 'string') return new TextMessage(message);
  return message instanceof SharedMessage ? message.payload : message;
}

/** Returns the payload; for text, its UTF-8. */
export function payloadOf(message: Outgoing): Uint8Array {
  if (typeof message === 'string') return Buffer.from(message);
  if (message instanceof TextMessage) return message.bytes;
  return message instanceof SharedMessage ? message.payload : message;
}
