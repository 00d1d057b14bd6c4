import { Buffer } from 'node:buffer';
import { type Context, DrainEvent, DrainStartEvent, type Handler } from '@headrace/core';
import { ReadGate, transportOf } from '@headrace/core/authoring';
import { type EnginePacket, packetLength } from './engine-packet.ts';
import type { EngineSession, Wire } from './engine-session.ts';

/** The WebSocket of a session, as the last handler of its pipeline. */
export class SocketWire implements Handler, Wire {
  readonly name = 'websocket';
  readonly hasInput = false;
  /** Called once. It refers to the request, which is not kept. */
  private start: ((wire: SocketWire) => void) | undefined;
  private readonly gate = new ReadGate('engine.io');
  private session: EngineSession | undefined = undefined;
  private ctx: Context | undefined = undefined;
  private sending = 0;

  /** @param start - called when the WebSocket is open, attaches its session. A WebSocket without a session is closed. */
  constructor(start: (wire: SocketWire) => void) {
    this.start = start;
  }

  attach(session: EngineSession): void {
    this.session = session;
  }

  get isReady(): boolean {
    return this.sending === 0 && this.ctx?.channel.isActive === true;
  }

  get isSending(): boolean {
    return this.sending > 0;
  }

  get unsentBytes(): number {
    // Only changes count. The progress of one long message is that of the WebSocket.
    return this.sending - (this.ctx?.channel.outboundProgress ?? 0);
  }

  get unacknowledgedBytes(): number | undefined {
    return transportOf(this.ctx?.channel)?.unacknowledgedBytes;
  }

  flushSoon(): void {
    this.session?.flush();
  }

  send(packets: EnginePacket[]): void {
    const ctx = this.ctx!;
    const last = packets.length - 1;
    let bytes = 0;
    for (let i = 0; i < last; i++) {
      bytes += packetLength(packets[i]!);
      ctx.write(packets[i]!);
    }
    const future = ctx.writeAndFlush(packets[last]!);
    if (future.isSuccess) return;
    this.sending = bytes + packetLength(packets[last]!) + 1;
    future.onSettled((error) => {
      this.sending = 0;
      // A failed write ends the WebSocket.
      if (error === undefined) this.session?.wireSent(this);
    });
  }

  hold(): void {
    this.gate.hold(this.ctx!.channel);
  }

  release(): void {
    this.gate.release();
  }

  /** Ends the WebSocket after everything that was sent. */
  end(): void {
    this.gate.release();
    this.ctx?.channel.end().onSettled(() => {});
  }

  // --- the WebSocket ---

  handlerAdded(ctx: Context): void {
    this.ctx = ctx;
  }

  channelActive(ctx: Context): void {
    const { start } = this;
    this.start = undefined;
    start?.(this);
    if (this.session === undefined) ctx.channel.end().onSettled(() => {});
    ctx.fireChannelActive();
  }

  channelRead(_ctx: Context, message: string | Uint8Array): void {
    const packet = typeof message === 'string' ? message : bytesOf(message);
    this.session?.receive(this, packet);
  }

  channelReadComplete(ctx: Context): void {
    this.session?.endBurst();
    ctx.fireChannelReadComplete();
  }

  userEventTriggered(ctx: Context, event: unknown): void {
    if (event instanceof DrainStartEvent || event instanceof DrainEvent) {
      this.session?.drained(this, event);
    }
    ctx.fireUserEventTriggered(event);
  }

  channelInactive(ctx: Context): void {
    const { channel } = ctx;
    const info = channel.closeInfo!;
    const isFault = info.error !== undefined;
    this.session?.wireLost(this, isFault ? 'transport error' : 'transport close', info);
    ctx.fireChannelInactive();
  }

  handlerRemoved(): void {
    this.gate.release();
  }
}

function bytesOf(bytes: Uint8Array): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
