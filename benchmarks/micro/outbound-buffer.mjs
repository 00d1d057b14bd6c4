// From write to the transport, without handlers.
import { measure } from './measure.mjs';
import { nullChannel } from './null-channel.mjs';

const channel = nullChannel();
const small = Buffer.alloc(64);
const large = Buffer.alloc(16 * 1024);

measure('write and flush 64 bytes', 'ns per message', 300_000, (count) => {
  for (let i = 0; i < count; i += 1) channel.writeAndFlush(small);
});
measure('write 64 bytes, a flush each 64', 'ns per message', 640_000, (count) => {
  for (let i = 0; i < count; i += 1) {
    channel.write(small);
    if (i % 64 === 63) channel.flush();
  }
});
measure('write and flush 16 KiB', 'ns per message', 300_000, (count) => {
  for (let i = 0; i < count; i += 1) channel.writeAndFlush(large);
});
