import { type ByteInput, ByteToMessageDecoder } from '@headrace/codec';
import { type Context, MemoryTransport } from '@headrace/core';
import { describe, expect, it } from 'vitest';
import { bytesOf, type DecoderTarget } from '../../packages/codec/test/decoder-target.ts';
import { ENDS, type EndsTarget, fuzzEnds } from '../fuzz/ends.ts';
import { fuzz, fuzzInTurn, loadTargets } from '../fuzz/run.ts';

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
  it('knows every target of the property tests', async () => {
    expect((await loadTargets()).length).toBeGreaterThan(30);
  });

  it('passes a decoder without a fault', () => {
    expect(
      fuzz(
        faulty(() => undefined),
        1,
      ),
    ).toBe(200);
  });

  it('finds a decoder that depends on the cut, and the shortest input', () => {
    const whole = faulty((input) => input.takeAll());
    expect(() => fuzz(whole, 1)).toThrow(/Faulty, close, reads \w\w \w\w\n {2}the cut matters/);
  });

  it('finds a decoder that throws an error of its own', () => {
    const throwing = faulty((input) => {
      if (input.length > 10) throw new RangeError('boom');
      return undefined;
    });
    expect(() => fuzz(throwing, 1)).toThrow(/an error that is not about the input: .*boom/);
  });

  it('gives every target a turn, even when the time is over before', async () => {
    const targets = ['a', 'b', 'c'].map((name) => ({ ...faulty(() => undefined), name }));
    const turnsOf = async (limit: number) => {
      const turns: string[] = [];
      const feed = ({ name }: { readonly name: string }, seed: number) =>
        turns.push(`${name} ${seed}`);
      await fuzzInTurn(targets, 7, () => turns.length >= limit, feed);
      return turns;
    };
    expect(await turnsOf(1)).toEqual(['a 7', 'b 7', 'c 7']);
    expect(await turnsOf(4)).toEqual(['a 7', 'b 7', 'c 7', 'a 8']);
  });

  it('passes the ends of connections without a socket', async () => {
    for (const target of ENDS) expect(await fuzzEnds(target, 1, 40)).toBeGreaterThan(0);
  });

  it('finds an end that drops what it has taken, and the shortest program', async () => {
    const dropping: EndsTarget = {
      name: 'Dropping',
      open: async (connect, { clock, capacityBytes }) => {
        const [one, other] = MemoryTransport.pair({ clock, capacityBytes });
        one.write = () => true;
        await Promise.all([connect(0, one), connect(1, other)]);
      },
    };
    await expect(fuzzEnds(dropping, 1, 200)).rejects.toThrow(/Dropping, .*\n {2}0 bytes arrived/);
  });
});
