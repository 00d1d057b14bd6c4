import { type Channel, type Context, type Direction, isHeadraceError } from '@headrace/core';
import { connectedPair, type VirtualChannel, VirtualClock } from '@headrace/core/testing';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pipeChannels } from '../../src/routing/relay-handler.ts';

/** One of the two peers between which the relay stands. */
class Peer {
  sent = 0;
  received = 0;
  hasEnded = false;
  isInOrder = true;
  readonly channel: VirtualChannel;

  constructor(channel: VirtualChannel) {
    this.channel = channel;
    channel.pipeline.addLast({
      channelRead: (_ctx: Context, bytes: Buffer) => {
        for (const byte of bytes) {
          this.isInOrder &&= byte === this.received % 251;
          this.received += 1;
        }
      },
      channelShutdown: (ctx: Context, direction: Direction) => {
        if (direction === 'input') this.hasEnded = true;
        ctx.fireChannelShutdown(direction);
      },
    });
  }

  do(step: Step): void {
    const { channel } = this;
    if (step === 'end half') channel.shutdown('output');
    else if (step === 'end') channel.end();
    else if (step === 'reset') channel.abort('reset');
    else if (step === 'pause' || step === 'resume') channel.autoRead = step === 'resume';
    else if (channel.isActive && !channel.isOutputShutdown && !channel.isEnding) {
      const bytes = Buffer.alloc(step);
      for (let i = 0; i < step; i++) bytes[i] = (this.sent + i) % 251;
      this.sent += step;
      channel.writeAndFlush(bytes).onSettled(() => {});
    }
  }
}

type Step = number | 'end half' | 'end' | 'reset' | 'pause' | 'resume';

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 6000 }) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Step>('end half', 'pause', 'resume', 'resume'),
  },
  { weight: 1, arbitrary: fc.constantFrom<Step>('end', 'reset') },
);
const script = fc.array(
  fc.record({ peer: fc.constantFrom(0, 1), step, waitMs: fc.constantFrom(0, 0, 1, 100) }),
  { maxLength: 25 },
);

it('carries all bytes, ends and resets over, in whatever order they come', () => {
  fc.assert(
    fc.property(script, fc.boolean(), (steps, allowHalfOpen) => {
      const clock = new VirtualClock();
      const options = { writeBufferHighBytes: 2000, writeBufferLowBytes: 1000, allowHalfOpen };
      const ends = { clock, capacityBytes: 1500, options };
      const [near, far] = [connectedPair(ends), connectedPair(ends)];
      const peers = [new Peer(near.client), new Peer(far.server)] as const;
      const relays = pipeChannels(near.server, far.client);
      for (const { peer, step: what, waitMs } of steps) {
        clock.run(() => peers[peer as 0 | 1].do(what));
        clock.advance(waitMs);
        for (const channel of [near.server, far.client]) {
          expect(channel.pendingOutboundBytes).toBeLessThan(2000 + 1500 + 200);
        }
      }
      for (const { channel } of peers) channel.autoRead = true;
      clock.advance(1000);
      const isCut = steps.some(({ step: what }) => what === 'end' || what === 'reset');
      for (const one of [0, 1] as const) {
        const [from, to] = [peers[one], peers[one === 0 ? 1 : 0]];
        expect(to.isInOrder).toBe(true);
        expect(to.received).toBeLessThanOrEqual(relays[one].relayedBytes);
        expect(relays[one].relayedBytes).toBeLessThanOrEqual(from.sent);
        // Without half-closures one end closes both.
        if (isCut || !allowHalfOpen) continue;
        expect(to.received).toBe(from.sent);
        expect(to.hasEnded || !to.channel.isOpen).toBe(from.channel.isOutputShutdown);
      }
      for (const { channel } of peers) clock.run(() => void channel.shutdown('output'));
      clock.advance(60_000);
      const all: Channel[] = [near.client, near.server, far.client, far.server];
      expect(all.map(({ isOpen }) => isOpen)).toEqual([false, false, false, false]);
    }),
    { numRuns: 300 },
  );
});

it('carries a reset over as a reset', () => {
  const clock = new VirtualClock();
  const [near, far] = [connectedPair({ clock }), connectedPair({ clock })];
  pipeChannels(near.server, far.client);
  clock.run(() => near.client.abort('reset'));
  clock.advance(1);
  expect(far.server.closeInfo?.reason).toBe('reset');
  expect(isHeadraceError(far.server.closeInfo?.error, 'CHANNEL_RESET')).toBe(true);
});
