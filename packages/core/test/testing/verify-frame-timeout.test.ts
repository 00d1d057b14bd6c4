import type { Context, Handler } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { verifyFrameTimeout } from '../../src/testing/verify-frame-timeout.ts';

/** Has a limit for each frame of three bytes, with a fault for each test. */
class Threes implements Handler {
  private bytes = 0;
  private readonly isLate: (bytes: number) => boolean;

  constructor(isLate: (bytes: number) => boolean) {
    this.isLate = isLate;
  }

  channelRead(ctx: Context, { length }: Buffer): void {
    this.bytes = (this.bytes + length) % 3;
    ctx.clock.schedule(() => {
      if (this.isLate(this.bytes)) ctx.channel.end();
    }, 1000);
  }
}

describe('verifyFrameTimeout', () => {
  it('accepts a decoder that limits each beginning, and no whole frame', () => {
    verifyFrameTimeout(['abc'], () => new Threes((bytes) => bytes > 0));
  });

  it('names a beginning without a limit', () => {
    expect(() => verifyFrameTimeout(['abc'], () => new Threes((bytes) => bytes === 1))).toThrow(
      'Threes, 1 reads: 2 bytes (6162) begin a frame, which has no time limit',
    );
  });

  it('names a whole frame that ends the channel', () => {
    expect(() => verifyFrameTimeout(['abc'], () => new Threes(() => true))).toThrow(
      'Threes, 1 reads: the channel ended although the frame of 3 bytes (616263) was whole',
    );
  });
});
