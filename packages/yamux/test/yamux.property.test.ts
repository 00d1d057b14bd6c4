import type { Channel, Context, Handler, ReadHold } from '@headrace/core';
import { SeededRandom } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { SubstreamProbe, type YamuxEnd, type YamuxPair, yamuxPair } from './yamux-pair.ts';

const WINDOW = 256 * 1024;

/** One end of a substream: what it has sent, and what came. */
interface Side {
  readonly channel: Channel;
  readonly probe: SubstreamProbe;
  readonly number: number;
  readonly isOpener: boolean;
  sent: number;
  isFinished: boolean;
  /** It was closed or reset here. */
  isDropped: boolean;
  hold: ReadHold | undefined;
}

/** The bytes of one direction of one substream, each known by its place. */
function bytesOf(number: number, isOpener: boolean, from: number, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  for (let i = 0; i < count; i++) {
    const at = from + i;
    bytes[i] = at < 4 ? number : (at * 31 + (at >> 8) + number * 17 + (isOpener ? 101 : 0)) & 255;
  }
  return bytes;
}

/** Cuts reads in pieces, so that a frame may end anywhere. */
function cutter(random: SeededRandom): Handler {
  return {
    channelRead(ctx: Context, bytes: Buffer) {
      for (let at = 0; at < bytes.length; ) {
        const count = random.pick([1, 5, 12, 13, 1000, 20_000]);
        ctx.fireChannelRead(bytes.subarray(at, at + count));
        at += count;
      }
    },
  };
}

class Run {
  readonly sides: Side[] = [];
  readonly pair: YamuxPair;
  private readonly random: SeededRandom;
  private opened = 0;

  constructor(seed: number) {
    this.random = new SeededRandom(seed, 'yamux');
    const { random } = this;
    const childOptions = { allowHalfOpen: true };
    this.pair = yamuxPair({
      client: { childOptions, maxSubstreams: random.integer(1, 8) },
      server: { childOptions, maxSubstreams: random.integer(1, 8), windowBytes: WINDOW * 2 },
      capacityBytes: random.pick([100, 5000, 65_536]),
      before: cutter(random),
    });
  }

  async step(): Promise<void> {
    const { random, sides } = this;
    const side = sides.length > 0 ? random.pick(sides) : undefined;
    const what = random.next();
    if (side === undefined || what < 0.1) await this.openOne();
    else if (what < 0.6) this.write(side, random.pick([0, 1, 50, 5000, 70_000]));
    else if (what < 0.7) this.finish(side);
    else if (what < 0.75) this.drop(side, what < 0.72);
    else this.toggle(side);
    this.learn();
    this.check();
  }

  private async openOne(): Promise<void> {
    const { near, far, open } = this.pair;
    this.opened += 1;
    const from = this.random.pick([near, far]);
    const [channel, probe] = await open(from, { allowHalfOpen: true });
    const side = sideOf(channel, probe, this.opened & 255, true);
    this.sides.push(side);
    this.write(side, 4);
  }

  private write(side: Side, count: number): void {
    if (!side.channel.isOpen || side.isFinished) return;
    const bytes = bytesOf(side.number, side.isOpener, side.sent, count);
    side.sent += count;
    this.pair.clock.run(() => side.channel.writeAndFlush(bytes).onSettled(() => {}));
  }

  private finish(side: Side): void {
    side.isFinished = true;
    this.pair.clock.run(() => side.channel.shutdown('output').onSettled(() => {}));
  }

  private drop(side: Side, isAbort: boolean): void {
    side.isDropped = true;
    this.pair.clock.run(() => {
      if (isAbort) side.channel.abort();
      else side.channel.close();
    });
  }

  private toggle(side: Side): void {
    this.pair.clock.run(() => {
      if (side.hold === undefined) side.hold = side.channel.holdReads('test');
      else side.hold.release();
    });
    if (side.hold !== undefined && !side.channel.isReadHeld) side.hold = undefined;
  }

  /** The accepted ends, known by the first bytes that they get. */
  private learn(): void {
    for (const end of [this.pair.near, this.pair.far]) this.learnOf(end);
  }

  private learnOf({ accepted, probes }: YamuxEnd): void {
    for (const [index, channel] of accepted.entries()) {
      const probe = probes[index]!;
      if (probe.bytes < 4 || this.sides.some((side) => side.channel === channel)) continue;
      this.sides.push(sideOf(channel, probe, Buffer.concat(probe.parts)[0]!, false));
    }
  }

  private check(): void {
    const { client, server } = this.pair;
    expect([client.isOpen, server.isOpen]).toEqual([true, true]);
  }

  private other(side: Side): Side | undefined {
    return this.sides.find((one) => one.number === side.number && one !== side);
  }

  end(): void {
    const { sides, pair } = this;
    for (const side of sides) pair.clock.run(() => side.hold?.release());
    this.learn();
    for (const side of sides) this.compare(side);
    for (const side of sides) if (side.channel.isOpen) this.finish(side);
    for (const { accepted } of [pair.near, pair.far])
      for (const channel of accepted)
        if (!channel.isOutputShutdown) pair.clock.run(() => channel.shutdown());
    expect([pair.near.handler.size, pair.far.handler.size]).toEqual([0, 0]);
    for (const { channel } of sides) expect(channel.isOpen).toBe(false);
  }

  private compare(side: Side): void {
    const got = Buffer.concat(side.probe.parts);
    expect(got.equals(bytesOf(side.number, !side.isOpener, 0, got.length))).toBe(true);
    const sender = this.other(side);
    if (sender === undefined) return;
    expect(got.length).toBeLessThanOrEqual(sender.sent);
    if (!side.isDropped && !sender.isDropped) expect(got.length).toBe(sender.sent);
  }
}

function sideOf(channel: Channel, probe: SubstreamProbe, number: number, isOpener: boolean): Side {
  const hold = undefined;
  return { channel, probe, number, isOpener, sent: 0, isFinished: false, isDropped: false, hold };
}

it('loses, doubles, mixes and keeps nothing, whatever both ends do', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const run = new Run(seed);
    try {
      for (let i = 0; i < 60; i++) await run.step();
      run.end();
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
