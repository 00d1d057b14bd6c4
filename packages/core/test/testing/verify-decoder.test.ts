import type { Context, Handler } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { type DecoderPair, verifyDecoder } from '../../src/testing/verify-decoder.ts';

const pairs: DecoderPair[] = [
  { bytes: 'ab;', messages: [Buffer.from('ab')] },
  { bytes: ';c;', messages: [Buffer.alloc(0), Buffer.from('c')] },
];

/** Cuts at semicolons, with a fault for each test. */
class SemicolonDecoder implements Handler {
  protected rest: Buffer = Buffer.alloc(0);

  channelRead(ctx: Context, bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    for (let end = this.rest.indexOf(';'); end !== -1; end = this.rest.indexOf(';')) {
      this.found(ctx, this.rest.subarray(0, end));
      this.rest = this.rest.subarray(end + 1);
    }
  }

  handlerRemoved(ctx: Context): void {
    if (this.rest.length > 0) ctx.fireChannelRead(this.rest);
  }

  protected found(ctx: Context, frame: Buffer): void {
    ctx.fireChannelRead(frame);
  }
}

describe('verifyDecoder', () => {
  it('accepts a decoder that is right in every cut', () => {
    verifyDecoder(pairs, () => new SemicolonDecoder());
  });

  it('names the cut and the seed where messages are missing', () => {
    class Forgetful extends SemicolonDecoder {
      override channelRead(ctx: Context, bytes: Buffer): void {
        super.channelRead(ctx, bytes);
        this.rest = Buffer.alloc(0);
      }
    }
    expect(() => verifyDecoder(pairs, () => new Forgetful(), { seed: 7 })).toThrow(
      /^Forgetful, pair 0 byte by byte \(seed 7\), reads of 1, 1, .*: message 0 is <>, but <6162>/,
    );
  });

  it('finds a decoder that looks beyond the ends of its chunk', () => {
    class Curious extends SemicolonDecoder {
      override channelRead(ctx: Context, bytes: Buffer): void {
        super.channelRead(ctx, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length + 1));
      }
    }
    expect(() => verifyDecoder(pairs, () => new Curious())).toThrow(/left over <41>/);
  });

  it('finds what is left over, and a throw', () => {
    const open = [{ bytes: 'ab;c', messages: [Buffer.from('ab')] }];
    expect(() => verifyDecoder(open, () => new SemicolonDecoder())).toThrow(/left over <63>/);
    class Broken extends SemicolonDecoder {
      protected override found(): void {
        throw new Error('boom');
      }
    }
    expect(() => verifyDecoder(pairs, () => new Broken())).toThrow(/Broken, pair 0 .*boom/);
  });

  it('compares other messages than bytes by value', () => {
    const parsed = [{ bytes: '{"a":1};', messages: [{ a: 1 }] }];
    class Parsing extends SemicolonDecoder {
      protected override found(ctx: Context, frame: Buffer): void {
        ctx.fireChannelRead(JSON.parse(frame.toString()));
      }
    }
    verifyDecoder(parsed, () => new Parsing());
    expect(() => verifyDecoder([{ bytes: '1;', messages: [2] }], () => new Parsing())).toThrow(
      'message 0 is 1, but 2 was due',
    );
  });
});
