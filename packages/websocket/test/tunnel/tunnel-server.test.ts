// What strangers can do with the sessions of a tunnel, in virtual time.
import { EmbeddedChannel } from '@headrace/core/testing';
import { describe, expect, it } from 'vitest';
import { HttpEndpoint, WebSocketTextCodec } from '../../src/index.ts';
import { openBody } from '../../src/tunnel/tunnel-request.ts';

const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

describe('the sessions of a server', () => {
  it('have no channel, and end after ten seconds, for clients that ask for one and do no more', async () => {
    let opened = 0;
    const endpoint = new HttpEndpoint({
      httpTunnel: true,
      webSocket: (channel) => {
        opened += 1;
        return channel.pipeline.addLast(new WebSocketTextCodec());
      },
    });
    const channel = new EmbeddedChannel(endpoint.handler());
    const body = openBody({ subprotocols: [] });
    const head = `POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n`;
    channel.writeInbound(Buffer.from(head));
    await turns();
    channel.writeInbound(body);
    await turns();
    channel.runPendingTasks();
    expect(String(channel.readOutbound())).toContain('200 OK');
    channel.advance(9_999);
    await turns();
    expect([channel.isOpen, opened]).toEqual([true, 0]);
    channel.advance(1);
    await turns();
    channel.runPendingTasks();
    expect([channel.isActive && !channel.isOutputShutdown, opened]).toEqual([false, 0]);
  });
});
