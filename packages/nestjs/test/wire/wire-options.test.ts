import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { wireSettings } from '../../src/wire/wire-options.ts';

it('refuses a codec that is a promise, and its rejection is not unhandled', async () => {
  const codec = (): never => Promise.reject(new Error('no codec')) as never;
  const { handlers } = wireSettings({ codec });
  expect(handlers).toThrow('codec gave a promise, but must give its answer at once');
  await turn();
});
