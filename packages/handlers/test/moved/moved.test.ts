import { expect, it } from 'vitest';

it('an entry that became a package names the package', async () => {
  await expect(import('@headrace/handlers/yamux')).rejects.toThrow(
    '@headrace/handlers/yamux is the package @headrace/yamux now: npm install @headrace/yamux',
  );
});
