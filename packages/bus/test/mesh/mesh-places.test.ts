import { VirtualClock } from '@headrace/core/testing';
import { expect, it } from 'vitest';
import { RegisteredPlaces } from '../../src/mesh/mesh-places.ts';

it('logs the refusal of a register once for each reason, not for each attempt', () => {
  const lines: string[] = [];
  const client = { on: () => {}, start: () => {}, close: () => {} };
  const register = new RegisteredPlaces(
    { host: 'r', port: 7700 },
    {} as never,
    { client: () => client } as never,
    {
      clock: new VirtualClock(),
      connectTimeoutMs: 1000,
      logger: { log: (_level, line) => void lines.push(line) },
      placesChanged: () => {},
    },
  );
  for (const why of ['it has another key', 'it has no keys']) {
    for (let i = 0; i < 100; i++) register.refused({} as never, why);
  }
  expect(lines).toEqual([
    'no answer of the register r:7700: it has another key',
    'no answer of the register r:7700: it has no keys',
  ]);
});
