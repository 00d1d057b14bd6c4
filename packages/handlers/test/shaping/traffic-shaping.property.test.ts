import { EmbeddedChannel, VirtualClock } from '@headrace/core/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GlobalTraffic } from '../../src/shaping/global-traffic.ts';
import { TrafficShapingHandler } from '../../src/shaping/traffic-shaping-handler.ts';

it('keeps the order of every channel, loses nothing, and never exceeds the common limit', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          channel: fc.integer({ min: 0, max: 2 }),
          size: fc.integer({ min: 4, max: 500 }),
          pause: fc.integer({ min: 0, max: 400 }),
        }),
        { maxLength: 60 },
      ),
      fc.integer({ min: 100, max: 5000 }),
      (writes, bytesPerSecond) => {
        const clock = new VirtualClock();
        const global = new GlobalTraffic({ clock, writeBytesPerSecond: bytesPerSecond });
        const channels = [0, 1, 2].map(() =>
          EmbeddedChannel.with({ clock }, new TrafficShapingHandler({ global })),
        );
        let total = 0;
        for (const [index, { channel, size, pause }] of writes.entries()) {
          const message = Buffer.alloc(size);
          message.writeUInt32BE(index, 0);
          channels[channel]!.run(() => void channels[channel]!.writeAndFlush(message));
          total += size;
          clock.advance(pause);
          const sent = global.counter.totalWrittenBytes;
          // Waits below 10 ms are not waited for; one interval of unused time counts as credit.
          const most = (bytesPerSecond * (clock.now() + 1010)) / 1000;
          expect(sent).toBeLessThanOrEqual(most);
        }
        clock.advance((total * 1000) / 100 + 20_000);
        expect(global.queuedBytes).toBe(0);
        for (const [at, channel] of channels.entries()) {
          const expected = [...writes.keys()].filter((index) => writes[index]!.channel === at);
          const got = channel.finish().outbound as Buffer[];
          expect(got.map((message) => message.readUInt32BE(0))).toEqual(expected);
        }
      },
    ),
    { numRuns: 200 },
  );
});
