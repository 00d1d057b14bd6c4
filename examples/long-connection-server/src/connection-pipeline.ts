// The pipeline of one connection, from bytes to the echo.
import { textLines } from '@headrace/codec';
import { type Channel, type ChannelGroup, handler, type OutboundBytes } from '@headrace/core';
import {
  AuthHandler,
  EchoHandler,
  HeartbeatHandler,
  IdleCloseHandler,
  IdleStateHandler,
  type SessionRegistry,
  TrafficShapingHandler,
} from '@headrace/handlers';

export interface ConnectionOptions {
  readonly readerIdleMs: number;
  readonly authTimeoutMs: number;
  readonly bytesPerSecond: number;
  readonly clients: ChannelGroup;
  readonly sessions: SessionRegistry<string>;
}

/** Trims each line and drops the empty ones. */
const trimmed = handler<{ reads: string; passesOn: string }>({
  sharable: true,
  channelRead(ctx, line) {
    const text = line.trim();
    if (text !== '') ctx.fireChannelRead(text);
  },
});

export function buildPipeline(
  channel: Channel<Buffer, OutboundBytes>,
  { readerIdleMs, authTimeoutMs, bytesPerSecond, clients, sessions }: ConnectionOptions,
): void {
  channel.pipeline.addLast(
    new TrafficShapingHandler({
      readBytesPerSecond: bytesPerSecond,
      writeBytesPerSecond: bytesPerSecond,
    }),
    ...textLines({ maxLength: 8192, failFast: true }),
    new IdleStateHandler({ readerIdleMs }),
    new IdleCloseHandler({ lastWord: () => 'ERR:IDLE_TIMEOUT' }),
    trimmed,
    new HeartbeatHandler(),
    new AuthHandler({
      isCredentials: (text) => text.startsWith('AUTH:'),
      authenticate: (text) => {
        const [, id = ''] = text.split(':');
        if (id.trim() !== '') return { principal: id.trim() };
        return { refused: 'empty id', reply: 'ERR:EMPTY_CLIENT_ID', stays: true };
      },
      replies: {
        accepted: () => 'AUTH_OK',
        unauthenticated: () => 'ERR:UNAUTH',
        timedOut: () => 'ERR:UNAUTH',
        kicked: () => 'ERR:KICKED',
      },
      timeoutMs: authTimeoutMs,
      group: clients,
      sessions,
      duplicatePolicy: 'kick-older',
      again: 'move',
    }),
    new EchoHandler({ reply: (text: string) => `ECHO:${text}` }),
  );
}
