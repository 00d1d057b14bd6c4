// What the calls and the items of a peer hold, if it sends the values that take the most memory for their text.
import { contentLengthPrefixed, JsonCodec } from '@headrace/codec';
import { EmbeddedChannel } from '@headrace/core/testing';
import { ExchangeHandler, jsonRpcExchange } from '@headrace/rpc';
import { expect, it } from 'vitest';

const collect = (globalThis as { gc?: () => void }).gc!;
const FRAME = 256 * 1024;
const NASTY = `[${'[],'.repeat(FRAME / 3 - 100)}[]]`;

function bytesAlive(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

it('256 calls whose bodies are small arrays hold less than 4 times what a table of calls counts', () => {
  const bodies: unknown[] = [];
  const channel = new EmbeddedChannel(
    ...contentLengthPrefixed({ maxFrameLength: FRAME }),
    new JsonCodec(),
    new ExchangeHandler({
      format: jsonRpcExchange(),
      handle: (body) => {
        bodies.push(body);
        return new Promise(() => {});
      },
    }),
  );
  const before = bytesAlive();
  for (let id = 0; id < 256; id++) {
    const text = `{"jsonrpc":"2.0","id":${id},"method":"m","params":${NASTY}}`;
    channel.writeInbound(Buffer.from(`Content-Length: ${text.length}\r\n\r\n${text}`));
    if (channel.isReadHeld) break;
  }
  expect(channel.isReadHeld).toBe(true);
  // Sixteen mebibytes, the first eight calls, and the last one.
  const most = 16 * 1024 * 1024 + 9 * 65 * FRAME;
  expect(bytesAlive() - before).toBeLessThan(4 * most);
  expect(bodies.length).toBeLessThan(20);
});
