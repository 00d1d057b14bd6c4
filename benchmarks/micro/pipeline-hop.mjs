// One message through 20 handlers that only pass it on, in both directions.
import { measure } from './measure.mjs';
import { nullChannel, PassThroughHandler } from './null-channel.mjs';

const HANDLERS = 20;
let arrived = 0;
const last = {
  channelRead() {
    arrived += 1;
  },
};
const handlers = Array.from({ length: HANDLERS }, () => new PassThroughHandler());
const channel = nullChannel(...handlers, last);
const message = Buffer.from('x');

measure(
  `read through ${HANDLERS} pass-through handlers`,
  'ns per handler',
  200_000,
  (count) => {
    for (let i = 0; i < count; i += 1) channel.pipeline.fireChannelRead(message);
  },
  { divideBy: HANDLERS, goal: 25 },
);
measure(
  `write through ${HANDLERS} pass-through handlers, a flush each 64`,
  'ns per handler',
  200_000,
  (count) => {
    for (let i = 0; i < count; i += 1) {
      channel.write(message);
      if (i % 64 === 63) channel.flush();
    }
    channel.flush();
  },
  { divideBy: HANDLERS, goal: 25 },
);
if (arrived === 0) throw new Error('no message arrived');
