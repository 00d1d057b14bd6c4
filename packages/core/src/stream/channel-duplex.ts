import { Duplex } from 'node:stream';
import { ByteBlocks } from '../bytes/byte-blocks.ts';
import type { Address } from '../contract/connection.ts';
import type { ByteSource } from '../contract/outbound-bytes.ts';
import type { Channel, Context } from '../contract.ts';
import { ReadGate } from '../hold/read-gate.ts';

const HIGH_WATER_BYTES = 64 * 1024;

/**
 * A channel as a Node stream, created by `DuplexHandler`, with the members of a `net.Socket` that Node's HTTP server and its
 * users need.
 *
 * - Reading: the stream pushes the messages that the pipeline passes on. While the reader is too slow, the stream holds the
 *   channel's reads. While the application has `autoRead` off, the stream requests each read that it needs.
 * - Writing: the callback of a write is called when the kernel has taken the bytes. The writes of one `cork` share one flush.
 * - Ending: `end()` shuts our half down. Destroying the stream afterwards lets the channel linger for the peer. Destroying it
 *   before, or with an error, closes the channel at once. `destroySoon()` ends and then destroys.
 * - Closing: when the channel closes, the stream ends and is then destroyed, or is destroyed with the error of the channel.
 */
export class ChannelDuplex extends Duplex {
  readonly channel: Channel;
  private readonly ctx: Context;
  /** Number of bytes read, as in `net.Socket`. */
  bytesRead = 0;
  private inputEnded = false;
  /** Input that the stream has not asked for. */
  private readonly input = new ByteBlocks();
  /** Whether the stream has asked for input and has received none. */
  private isWanted = false;
  private readonly gate = new ReadGate('stream');

  constructor(ctx: Context) {
    super({ readableHighWaterMark: HIGH_WATER_BYTES, writableHighWaterMark: HIGH_WATER_BYTES });
    this.ctx = ctx;
    this.channel = ctx.channel;
    // While the stream has no owner (HTTP released it, and the next owner has not taken it), an error must not end the process.
    this.on('error', () => {});
  }

  /** Host of the peer, or `undefined` if the connection has none. */
  get remoteAddress(): string | undefined {
    return host(this.channel.remoteAddress);
  }

  /** Port of the peer, or `undefined` if the connection has none. */
  get remotePort(): number | undefined {
    return port(this.channel.remoteAddress);
  }

  /** Host of our end, or `undefined` if the connection has none. */
  get localAddress(): string | undefined {
    return host(this.channel.localAddress);
  }

  /** Port of our end, or `undefined` if the connection has none. */
  get localPort(): number | undefined {
    return port(this.channel.localAddress);
  }

  /** Ends our half and then releases the channel, as `net.Socket` does. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  // --- from the pipeline ---

  /** Pushes or keeps input. Holds the channel's reads while the stream's buffer is full. */
  receive(bytes: Buffer): void {
    if (this.inputEnded || this.destroyed) return;
    this.bytesRead += bytes.length;
    if (this.isWanted) {
      this.isWanted = false;
      this.push(bytes);
    } else this.input.push(bytes);
    const waiting = this.input.size + this.readableLength;
    if (waiting >= HIGH_WATER_BYTES) this.gate.hold(this.channel);
  }

  /** Ends the readable half, because the peer has ended its half. */
  endInput(): void {
    if (this.inputEnded || this.destroyed) return;
    this.inputEnded = true;
    if (this.input.size > 0) this.push(this.input.takeAll());
    this.push(null);
  }

  /** Called when the channel has closed. A regular end is readable first, and a failure becomes the stream's error. */
  channelClosed(): void {
    const info = this.channel.closeInfo;
    if (info?.error !== undefined) this.destroy(info.error);
    else {
      this.endInput();
      setImmediate(() => this.destroy());
    }
  }

  // --- to the pipeline ---

  override _read(): void {
    if (this.input.size > 0) {
      this.push(this.input.takeAll());
      return;
    }
    this.isWanted = true;
    this.gate.release();
    if (!this.channel.autoRead && this.channel.isActive) this.ctx.read();
  }

  override _write(
    chunk: Buffer,
    _encoding: string,
    callback: (error?: Error | null) => void,
  ): void {
    this.ctx.writeAndFlush(chunk).onSettled(callback);
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this.ctx.writeAndFlush(new Chunks(chunks)).onSettled(callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.channel.isOutputShutdown) callback();
    else this.ctx.shutdown('output').onSettled(() => callback());
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const { channel } = this;
    this.input.clear();
    this.gate.release();
    if (channel.isOpen) {
      if (error !== null) this.ctx.close('error');
      else if (this.writableFinished) channel.end();
      else this.ctx.close();
    }
    callback(error);
  }
}

/** The writes of one cork as one message, which counts once against the channel's output limit. */
class Chunks implements ByteSource {
  readonly byteLength: number;
  private readonly chunks: readonly { chunk: Buffer }[];

  constructor(chunks: readonly { chunk: Buffer }[]) {
    let bytes = 0;
    for (const { chunk } of chunks) bytes += chunk.length;
    this.byteLength = bytes;
    this.chunks = chunks;
  }

  writeTo(target: Uint8Array, offset: number): void {
    let at = offset;
    for (const { chunk } of this.chunks) {
      target.set(chunk, at);
      at += chunk.length;
    }
  }
}

function host(address: Address | undefined): string | undefined {
  return address !== undefined && 'host' in address ? address.host : undefined;
}

function port(address: Address | undefined): number | undefined {
  return address !== undefined && 'port' in address ? address.port : undefined;
}
