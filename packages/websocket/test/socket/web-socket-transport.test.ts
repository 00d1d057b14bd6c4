import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { silentLogger } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { webSocketChannel } from '../../src/socket/web-socket-channel.ts';
import type { WsSocket } from '../../src/socket/ws-socket.ts';

/** An open WebSocket of the library, which notes what it is asked for. */
class FakeSocket extends EventEmitter implements WsSocket {
  readonly readyState = 1;
  readonly isPaused = false;
  readonly protocol = '';
  bufferedAmount = 0;
  readonly calls: string[] = [];

  send(data: string | Uint8Array, { binary }: { binary: boolean }, sent?: () => void): void {
    this.calls.push(`send ${binary ? 'binary' : 'text'} ${String(data)}`);
    if (sent !== undefined) process.nextTick(sent);
  }

  close(code: number): void {
    this.calls.push(`close ${code}`);
  }

  terminate(): void {
    this.calls.push('terminate');
  }

  pause(): void {}
  resume(): void {}
}

describe('a WebSocket by the library', () => {
  /** The library's callbacks, which come when the test says so. */
  function slowMember() {
    const callbacks: (() => void)[] = [];
    const ws = new FakeSocket();
    ws.send = (_data, _options, sent) => void callbacks.push(sent ?? (() => {}));
    const stream = new PassThrough();
    const channel = webSocketChannel(ws, () => {}, { logger: silentLogger, stream });
    return { ws, channel, callbacks, stream };
  }

  it('takes the late report of one write for none of the next', () => {
    const { ws, channel, callbacks } = slowMember();
    expect(channel.writeAndFlush('a').isSuccess).toBe(true);
    ws.bufferedAmount = 1000;
    const long = channel.writeAndFlush('long');
    callbacks[0]!();
    expect(long.isSuccess).toBe(false);
    expect(channel.pendingOutboundBytes).toBeGreaterThan(0);
    ws.bufferedAmount = 0;
    callbacks[1]!();
    expect(long.isSuccess).toBe(true);
  });

  it('has not sent what a stream reports after it was destroyed', () => {
    const { ws, channel, callbacks, stream } = slowMember();
    ws.bufferedAmount = 1000;
    const long = channel.writeAndFlush('long');
    stream.destroy();
    callbacks[0]!();
    expect(long.isSuccess).toBe(false);
  });

  it('waits for an empty message, which may be compressed though no byte waits', () => {
    const { channel, callbacks } = slowMember();
    const empty = channel.writeAndFlush('');
    const next = channel.writeAndFlush('next');
    expect([empty.isSuccess, callbacks.length]).toEqual([false, 1]);
    callbacks[0]!();
    expect([empty.isSuccess, next.isSuccess]).toEqual([true, true]);
  });

  it('says no goodbye after output that waits', () => {
    const { ws, channel } = slowMember();
    ws.bufferedAmount = 1000;
    channel.writeAndFlush('waits').onSettled(() => {});
    channel.close();
    expect(ws.calls).toEqual(['terminate']);
  });
});
