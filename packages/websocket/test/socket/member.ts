import { Buffer } from 'node:buffer';
import { type ChannelOptions, type Context, type Handler, silentLogger } from '@headrace/core';
import { rememberMethods } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import type { AgreedDeflate } from '../../src/socket/compression.ts';
import { FrameTransport } from '../../src/socket/frame-transport.ts';
import { openWebSocket, type WebSocketChannel } from '../../src/socket/web-socket-channel.ts';

/** A WebSocket on a channel without a connection. */
export interface Member {
  /** Carries the WebSocket. */
  readonly parent: EmbeddedChannel;
  readonly channel: WebSocketChannel;
}

export interface MemberOptions {
  /** The end that puts masks on its frames. @default false */
  readonly isClient?: boolean;
  readonly deflate?: AgreedDeflate | undefined;
  readonly handlers?: readonly Handler[];
  /** In the pipeline of the channel that carries it. */
  readonly before?: object;
  /** Of the WebSocket's channel. */
  readonly options?: ChannelOptions;
  readonly autoRead?: boolean;
  readonly allowHalfOpen?: boolean;
}

/** The handler that an endpoint is after the handshake. */
class Carrier implements Handler {
  static {
    rememberMethods(Carrier);
  }

  readonly frames: FrameTransport;
  private readonly deflate: AgreedDeflate | undefined;

  constructor({ deflate, isClient }: MemberOptions) {
    this.deflate = deflate;
    const limits = { maxMessageBytes: 65_536, maxFragments: 8 };
    this.frames = new FrameTransport(limits, isClient === true ? () => {} : undefined);
  }

  get keepsReads(): false {
    return false;
  }

  handlerAdded(ctx: Context): void {
    this.frames.carriedBy(ctx);
    this.frames.opened({ deflate: this.deflate, subprotocol: undefined });
  }

  channelRead(_ctx: Context, bytes: Buffer): void {
    this.frames.receive(bytes);
  }

  channelReadComplete(): void {
    this.frames.endRead();
  }

  channelShutdown(_ctx: Context, direction: 'input' | 'output'): void {
    if (direction === 'input') this.frames.inputEnded();
  }

  channelInactive(): void {
    this.frames.gone();
  }
}

export function member(options: MemberOptions = {}): Member {
  const { handlers = [], before = {}, autoRead = true, allowHalfOpen = false } = options;
  const carrier = new Carrier(options);
  const parent = EmbeddedChannel.with({ autoRead, allowHalfOpen }, before, carrier);
  const channel = openWebSocket(
    carrier.frames,
    ({ pipeline }) => void pipeline.addLast(...handlers),
    { logger: silentLogger, ...options.options },
    { parent, messageTimeoutMs: 1000 },
  );
  return { parent, channel };
}

/** What was written below since the last call. */
export function framesIn({ parent }: Member): Buffer[] {
  const frames: Buffer[] = [];
  for (let one = parent.readOutbound(Buffer); one !== undefined; ) {
    frames.push(one);
    one = parent.readOutbound(Buffer);
  }
  return frames;
}
