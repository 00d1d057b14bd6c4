import { expect, it } from 'vitest';
import * as handlers from '../../src/index.ts';
import * as moved from '../../src/moved/calls.ts';
import * as opentelemetry from '../../src/opentelemetry/index.ts';

it.each([
  ['yamux', 'yamux'],
  ['service', 'rpc'],
  ['service/cli', 'service-check'],
])('the entry %s names the package that it became', async (entry, name) => {
  await expect(import(`@headrace/handlers/${entry}`)).rejects.toThrow(
    `@headrace/handlers/${entry} is the package @headrace/${name} now: npm install @headrace/${name}`,
  );
});

it.each(Object.keys(moved))('the export %s names the package that has it', (name) => {
  const { [name]: refuse } = { ...handlers, ...opentelemetry } as unknown as Record<
    string,
    new () => unknown
  >;
  const entry = name.startsWith('trace') ? '@headrace/rpc/opentelemetry' : '@headrace/rpc';
  const text = `${name} is an export of ${entry} now: npm install @headrace/rpc`;
  expect(() => new refuse!()).toThrow(text);
  expect(() => (refuse as unknown as () => void)()).toThrow(text);
});
