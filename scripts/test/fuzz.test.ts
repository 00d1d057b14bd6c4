import { type ByteInput, ByteToMessageDecoder } from '@headrace/codec';
import type { Context } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { bytesOf, type DecoderTarget } from '../../packages/codec/test/decoder-target.ts';
import { fuzz, loadTargets } from '../fuzz/run.ts';

const INPUTS = 50;
const never = Number.POSITIVE_INFINITY;

/** One decoder with a fault, under the fuzzer. */
function faulty(decode: (input: ByteInput) => Buffer | undefined): DecoderTarget {
  class Faulty extends ByteToMessageDecoder<Buffer> {
    protected override decode(_ctx: Context, input: ByteInput): Buffer | undefined {
      return decode(input);
    }
  }
  return { name: 'Faulty', alphabet: bytesOf('ab;'), make: () => new Faulty() };
}

describe('fuzzing', () => {
  it('runs every target of the property tests', async () => {
    const targets = await loadTargets();
    expect(targets.length).toBeGreaterThan(30);
    for (const target of targets) {
      const seed = Math.floor(Math.random() * 0x7fff_ffff);
      const limits = { untilMs: never, inputs: INPUTS };
      await expect(fuzz([target], seed, limits), `seed ${seed}`).resolves.toBe(INPUTS);
    }
  });

  it('finds a decoder that depends on the cut', async () => {
    const whole = faulty((input) => input.takeAll());
    const found = fuzz([whole], 1, { untilMs: never, inputs: 1000 });
    await expect(found).rejects.toThrow(/the cut matters/);
  });

  it('finds a decoder that throws something of its own', async () => {
    const throwing = faulty((input) => {
      if (input.length > 10) throw new RangeError('boom');
      return undefined;
    });
    const found = fuzz([throwing], 1, { untilMs: never, inputs: 1000 });
    await expect(found).rejects.toThrow(/an error that is not about the input: .*boom/);
  });
});
