import { describe, expect, it } from 'vitest';

describe('an entry that is a package now', () => {
  it.each([
    ['durable', 'the package @headrace/durable now: npm install @headrace/durable'],
    ['gateway', 'the package @headrace/gateway now: npm install @headrace/gateway'],
    [
      'http',
      '@headrace/gateway/http of the package @headrace/gateway now: npm install @headrace/gateway',
    ],
    ['workers', 'the package @headrace/workers now: npm install @headrace/workers'],
  ])('%s names it', async (entry, place) => {
    const error = await import(`../../src/moved/${entry}.ts`).catch((thrown) => thrown);
    expect(error.message).toBe(`@headrace/cluster/${entry} is ${place}`);
  });
});
