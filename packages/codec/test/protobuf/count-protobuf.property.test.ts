import { type DescMessage, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { SEED } from '../../../core/test/fixture/seed.ts';
import { ProtobufCount } from '../../src/protobuf/count-protobuf.ts';
import { messageIn, schemaAndBytes } from './wire-input.ts';

/** Number of values in what the library made: objects, lists, texts and numbers, keys and unknown fields. */
function made(value: unknown): number {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return 1;
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + made(one), 1);
  let sum = 1;
  for (const [key, part] of Object.entries(value)) {
    // The names of the type and of the chosen field are constants, and the list of the unknown fields has no value of its own.
    if (key === '$unknown') sum += (part as unknown[]).length;
    else if (key !== '$typeName' && key !== 'case') sum += made(part);
  }
  return sum;
}

/** What the library makes of bytes, and the number of keys of the objects that it converts from JSON and to JSON. */
function read(schema: DescMessage, bytes: Uint8Array): { values: number; keys: number } {
  let keys = 0;
  const { keys: keysOf } = Object;
  const spy = vi.spyOn(Object, 'keys').mockImplementation((of: object) => {
    const found = keysOf(of);
    keys += found.length;
    return found;
  });
  try {
    return { values: made(fromBinary(schema, bytes)), keys };
  } catch {
    return { values: 0, keys };
  } finally {
    spy.mockRestore();
  }
}

it('never counts less than the library makes', () => {
  const outcomes = { refused: 0, counted: 0 };
  fc.assert(
    fc.property(schemaAndBytes('proto2', 'proto3', 'editions'), ([file, bytes]) => {
      const schema = messageIn(file);
      let counted: number;
      try {
        counted = new ProtobufCount(schema).values(bytes);
      } catch {
        outcomes.refused++;
        return;
      }
      outcomes.counted++;
      const { values, keys } = read(schema, bytes);
      expect(values).toBeLessThanOrEqual(counted);
      expect(keys).toBeLessThanOrEqual(counted);
    }),
    { seed: SEED, numRuns: 500 },
  );
  expect(outcomes.refused).toBeGreaterThan(100);
  expect(outcomes.counted).toBeGreaterThan(100);
});
