// Bursts of 64 frames of 64 bytes, whole and cut in the middle of a frame.
import { LengthFieldFrameDecoder } from '@headrace/codec';
import { measure } from './measure.mjs';
import { nullTransport } from './null-channel.mjs';

const FRAMES = 64;
const BYTES = 64;
const burst = Buffer.alloc(FRAMES * (4 + BYTES), 'x');
for (let i = 0; i < FRAMES; i += 1) burst.writeUInt32BE(BYTES, i * (4 + BYTES));
const half = burst.length / 2 + 10;
const parts = [burst.subarray(0, half), burst.subarray(half)];
let arrived = 0;
const last = {
  channelRead() {
    arrived += 1;
  },
};
const options = { maxFrameLength: 1 << 20, lengthFieldLength: 4, initialBytesToStrip: 4 };
const { sink } = nullTransport(new LengthFieldFrameDecoder(options), last);

function run(chunks, count) {
  for (let i = 0; i < count; i += FRAMES) {
    for (const chunk of chunks) {
      sink.received(chunk);
      sink.readComplete();
    }
  }
}

measure('decode frames, 64 in a read', 'ns per frame', 640_000, (count) => run([burst], count));
measure('decode frames, reads that end within one', 'ns per frame', 640_000, (count) =>
  run(parts, count),
);
if (arrived === 0) throw new Error('no frame arrived');
