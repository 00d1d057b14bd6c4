// The echo pipeline without a socket: bursts of 64 small frames, of 16 larger ones, and of one.
import { EchoHandler } from '@headrace/handlers';
import { frameHandlers } from '../servers/frames.mjs';
import { measure } from './measure.mjs';
import { nullTransport, PassThroughHandler } from './null-channel.mjs';
import { keepRead, readBuffer } from './revision.mjs';

const CHANNELS = 50;

export function echoBursts(frames, bytes) {
  const transports = Array.from({ length: CHANNELS }, () =>
    nullTransport(...frameHandlers(), new PassThroughHandler(), new EchoHandler()),
  );
  readBuffer.fill('x');
  for (let i = 0; i < frames; i += 1) readBuffer.writeUInt32BE(bytes, i * (4 + bytes));
  const length = frames * (4 + bytes);
  return (count) => {
    for (let i = 0; i < count; i += frames) {
      const { sink } = transports[(i / frames) % CHANNELS];
      sink.received(keepRead(length));
      sink.readComplete();
    }
  };
}

if (process.argv[1] === import.meta.filename) {
  for (const [frames, bytes] of [
    [64, 64],
    [1, 64],
    [16, 1024],
  ]) {
    const run = echoBursts(frames, bytes);
    measure(
      `echo without a socket, bursts of ${frames} x ${bytes}`,
      'ns per message',
      128_000,
      run,
    );
  }
}
