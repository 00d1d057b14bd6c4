import { Buffer } from 'node:buffer';
import type { ByteSource, Context, WriteFuture } from '@headrace/core';
import { SettableFuture } from '@headrace/core/authoring';
import type { AgreedDeflate } from './compression.ts';
import { frameLength, frameOf, writeHeader } from './message-frame.ts';
import { SharedMessage } from './shared-message.ts';
import { TextMessage, type WebSocketOutput } from './text-message.ts';

/** A message of the output, or one of a broadcast. */
export type Outgoing = WebSocketOutput | SharedMessage;

/** A payload alone in its flush is copied behind its header up to this length; a longer one is written as it is. */
const COPY_BYTES = 8 * 1024;

/**
 * The output of a server's WebSocket: frames its messages, and writes those of one flush as one message of the channel
 * that carries it, without a stream between.
 */
export class FrameOutput {
  private readonly below: Context;
  private readonly deflate: AgreedDeflate | undefined;

  /**
   * @param below - the place in the pipeline of the channel that carries the WebSocket
   * @param deflate - how messages are compressed, if they are
   */
  constructor(below: Context, deflate: AgreedDeflate | undefined) {
    this.below = below;
    this.deflate = deflate;
  }

  /** Settles when all of them are sent, or one is lost. Another call only after that. */
  write(messages: readonly unknown[]): WriteFuture {
    for (let i = 0; i < messages.length; i++) {
      if (this.isCompressedAlone(messages[i] as Outgoing)) return this.compress([...messages]);
    }
    return this.writeFrames(messages);
  }

  /** True if the message must be compressed for this WebSocket alone, in another thread. */
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

  /** Writes the messages from the place `from` on, each when those before it have been written. */
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
    if (at > from) this.below.write(new Frames(messages.slice(from, at), this.deflate));
    const message = messages[at]!;
    this.deflate!.own.compress(payloadOf(message), true, (error, bytes) => {
      if (error !== null) {
        future.fail(error);
        return;
      }
      const written = this.below.writeAndFlush(frameOf(isTextMessage(message), bytes, true));
      if (at === messages.length - 1) written.onSettled(settle);
      else this.compressFrom(at + 1, messages, future);
    });
  }

  private writeFrames(messages: readonly unknown[]): WriteFuture {
    const { below, deflate } = this;
    const message = messages[0] as Outgoing;
    if (messages.length > 1) {
      return below.writeAndFlush(new Frames(messages as readonly Outgoing[], deflate));
    }
    if (message instanceof SharedMessage) return below.writeAndFlush(message.frameFor(deflate));
    const isText = isTextMessage(message);
    const payload = payloadOf(message);
    const { length } = payload;
    if (length <= COPY_BYTES) return below.writeAndFlush(new Frame(isText, payload));
    const header = Buffer.allocUnsafe(frameLength(length) - length);
    writeHeader(header, 0, isText, length);
    below.write(header);
    return below.writeAndFlush(payload);
  }
}

/** The frame of one message. */
class Frame implements ByteSource {
  readonly byteLength: number;
  private readonly isText: boolean;
  private readonly payload: Uint8Array;
  private readonly payloadLength: number;

  constructor(isText: boolean, payload: Uint8Array) {
    this.byteLength = frameLength(payload.length);
    this.isText = isText;
    this.payload = payload;
    this.payloadLength = payload.length;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { payload, payloadLength } = this;
    if (payload.length !== payloadLength) throw resized();
    target.set(payload, writeHeader(target, offset, this.isText, payloadLength));
  }
}

/** The frames of one flush. */
class Frames implements ByteSource {
  readonly byteLength: number;
  private readonly messages: Exclude<Outgoing, string>[] = [];
  private readonly deflate: AgreedDeflate | undefined;

  constructor(messages: readonly Outgoing[], deflate: AgreedDeflate | undefined) {
    this.deflate = deflate;
    let bytes = 0;
    for (let i = 0; i < messages.length; i++) {
      const given = messages[i]!;
      const message = typeof given === 'string' ? TextMessage.of(given) : given;
      this.messages.push(message);
      if (message instanceof SharedMessage) bytes += message.frameFor(deflate).length;
      else bytes += frameLength(payloadLength(message));
    }
    this.byteLength = bytes;
  }

  writeTo(target: Uint8Array, offset: number): void {
    const { messages, deflate } = this;
    let at = offset;
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i]!;
      let bytes: Uint8Array;
      if (message instanceof SharedMessage) bytes = message.frameFor(deflate);
      else {
        const isText = message instanceof TextMessage;
        bytes = isText ? message.bytes : message;
        at = writeHeader(target, at, isText, bytes.length);
      }
      target.set(bytes, at);
      at += bytes.length;
    }
    if (at !== offset + this.byteLength) throw resized();
  }
}

/** What lies behind a shorter payload may be another connection's. */
function resized(): RangeError {
  return new RangeError('a message has changed its length since it was written');
}

/** False for a binary one. */
export function isTextMessage(message: Outgoing): boolean {
  return message instanceof SharedMessage ? message.isText : !(message instanceof Uint8Array);
}

/** The length of a message's payload, before it is compressed. */
export function payloadLength(message: Outgoing): number {
  if (typeof message === 'string') return Buffer.byteLength(message);
  return message instanceof Uint8Array ? message.length : message.byteLength;
}

/** The payload; a text message's is its UTF-8. */
export function payloadOf(message: Outgoing): Uint8Array {
  if (typeof message === 'string') return Buffer.from(message);
  if (message instanceof TextMessage) return message.bytes;
  return message instanceof SharedMessage ? message.payload : message;
}
