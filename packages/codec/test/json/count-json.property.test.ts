import fc from 'fast-check';
import { expect, it } from 'vitest';
import { SEED } from '../../../core/test/fixture/seed.ts';
import { countJson } from '../../src/json/count-json.ts';

/** Number of values in a text that is JSON, as its reader sees them; keys that occur twice are made twice. */
function made(text: string): number {
  let values = 0;
  JSON.parse(text, (_key, value: unknown) => {
    values += 1;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      values += Object.keys(value).length;
    }
    return value;
  });
  return values;
}

/** Texts of JSON, in which characters are changed, left out or doubled. */
const texts = fc
  .tuple(
    fc.jsonValue(),
    fc.constantFrom(undefined, 1),
    fc.array(fc.tuple(fc.nat(200), fc.constantFrom(...'"\\[]{},: 0u\n'), fc.nat(2)), {
      maxLength: 3,
    }),
  )
  .map(([value, indent, damages]) =>
    damages.reduce(
      (text, [at, character, cut]) => text.slice(0, at) + character + text.slice(at + cut),
      JSON.stringify(value, null, indent),
    ),
  );

it('never counts less than JSON.parse makes', () => {
  let parsed = 0;
  fc.assert(
    fc.property(texts, (text) => {
      let values: number;
      try {
        values = made(text);
      } catch {
        return;
      }
      parsed += 1;
      expect(values).toBeLessThanOrEqual(countJson(Buffer.from(text)));
    }),
    { seed: SEED, numRuns: 3000 },
  );
  expect(parsed).toBeGreaterThan(500);
});
