import { type Channel, type Handler, openChannel } from '@headrace/core';
import { BareSocket, VirtualClock } from '@headrace/core/testing';
import { EchoHandler } from '@headrace/handlers';
import { expect, it, onTestFinished, vi } from 'vitest';

const clock = new VirtualClock();

/** What the copies of core know of each other. */
const copies = (globalThis as unknown as Record<symbol, { isReported: boolean }>)[
  Symbol.for('headrace.core')
]!;

it('a decoder that came with another copy of core sees its bytes whole', async () => {
  vi.resetModules();
  copies.isReported = true;
  onTestFinished(() => {
    copies.isReported = false;
  });
  const { LengthFieldFrameDecoder } = await import('@headrace/codec');
  const connect = (): BareSocket => {
    const socket = new BareSocket();
    openChannel(socket, {
      clock,
      outboundStallMs: false,
      initialize: ({ pipeline }: Channel) => {
        (pipeline as { addLast(...all: Handler[]): unknown }).addLast(
          new LengthFieldFrameDecoder({
            maxFrameLength: 1 << 20,
            lengthFieldLength: 4,
            initialBytesToStrip: 4,
          }) as Handler,
          new EchoHandler() as Handler,
        );
      },
    });
    return socket;
  };
  const [one, other] = [connect(), connect()];
  const frame = Buffer.alloc(6004, 'a');
  frame.writeUInt32BE(6000);
  one.read(frame.subarray(0, 5000));
  const second = Buffer.alloc(6004, 'b');
  second.writeUInt32BE(6000);
  other.read(second);
  one.read(frame.subarray(5000));
  expect(one.taken).toBe('a'.repeat(6000));
});
