// What strangers make both ends of a tunnel hold by bytes that arrive in small pieces.
import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { type FetchedAnswer, TunnelEnd } from '../../src/client/tunnel-end.ts';
import { HttpEndpoint, WebSocketTextCodec } from '../../src/index.ts';
import { bytesEvents, namedEvent } from '../../src/tunnel/event-stream.ts';

const CONNECTIONS = 20;
const BYTES = 60 * 1024;

const collect = (globalThis as { gc?: () => void }).gc!;

function bytesAlive(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const turns = async (): Promise<void> => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** What one connection holds, of many that are kept. */
async function heldByEach(make: () => Promise<unknown>): Promise<number> {
  await make();
  const all: unknown[] = [];
  const before = bytesAlive();
  for (let i = 0; i < CONNECTIONS; i++) all.push(await make());
  return (bytesAlive() - before) / all.length;
}

it('a request in chunks of one byte holds less than twice its length', async () => {
  const endpoint = new HttpEndpoint({
    httpTunnel: true,
    webSocket: ({ pipeline }) => pipeline.addLast(new WebSocketTextCodec()),
  });
  const chunks = Buffer.from('1\r\nx\r\n'.repeat(4096));
  const head = Buffer.from('POST /ws HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n');
  const held = await heldByEach(async () => {
    const channel = new EmbeddedChannel(endpoint.handler());
    channel.writeInbound(head);
    await turns();
    for (let at = 0; at < BYTES; at += 4096) {
      channel.writeInbound(chunks);
      await turns();
    }
    expect(channel.isActive).toBe(true);
    return channel;
  });
  expect(held).toBeLessThan(2 * BYTES);
});

it('an answer of events of one byte holds less than twice the bytes', async () => {
  const held = await heldByEach(async () => {
    let stream!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        stream = controller;
      },
    });
    const clock = new VirtualClock();
    const end = new TunnelEnd({
      clock,
      url: 'http://host/ws',
      headers: {},
      subprotocols: [],
      answerTimeoutMs: 5000,
      fetch: async (_url, request) =>
        request.body[0] === 1
          ? { status: 200, body: body as unknown as FetchedAnswer['body'] }
          : { status: 204, body: null },
    });
    end.user = { wake: () => {} };
    end.dial();
    const session = Buffer.alloc(24, 7).toString('base64url');
    stream.enqueue(Buffer.from(namedEvent('open', JSON.stringify({ session }))));
    await turns();
    const events = Buffer.from(bytesEvents(Buffer.of(1)).repeat(BYTES));
    stream.enqueue(events);
    await turns();
    return [end, stream];
  });
  expect(held).toBeLessThan(2 * BYTES);
});
