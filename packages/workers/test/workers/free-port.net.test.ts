import { ServerBootstrap } from '@headrace/core';
import { freePort } from '@headrace/workers';
import { expect, it } from 'vitest';

const host = '127.0.0.1';

it('gives a port that can be listened on, or says why a given one cannot', async () => {
  const port = await freePort(host, 0);
  expect(await freePort(host, port)).toBe(port);
  const server = await new ServerBootstrap().childHandler(() => {}).bind({ host, port });
  await expect(freePort(host, port)).rejects.toMatchObject({ details: { code: 'EADDRINUSE' } });
  expect(await freePort(host, 0)).not.toBe(port);
  await server.close();
});
