import { once } from 'node:events';
import net from 'node:net';
import { silentLogger, systemClock } from '@headrace/core';
import { expect, it } from 'vitest';
import { type RedisBusOptions, redisBus } from '../../src/redis.ts';

/** Returns the user and the password with which a bus signs in. */
async function signsInWith(
  credentials: string,
  options: Omit<RedisBusOptions, 'url'>,
): Promise<readonly unknown[]> {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const words = bytes.toString('latin1').split('\r\n');
      const at = words.indexOf('AUTH');
      // The length of each word comes before the word.
      server.emit('signIn', at < 0 ? undefined : words[at + 2], words[at + 4]);
      socket.write('-WRONGPASS\r\n');
    });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as net.AddressInfo;
  const bus = redisBus({ url: `redis://${credentials}@127.0.0.1:${port}`, ...options });
  const signedIn = once(server, 'signIn');
  bus.open({ clock: systemClock, logger: silentLogger, random: Math.random, probe: 'hr.a.b.n' });
  try {
    return await signedIn;
  } finally {
    await bus.close();
    server.close();
  }
}

it('a bus over Redis signs in with the user and the password of its options, then with those of its URL', async () => {
  expect(await signsInWith('user:p%40ss', {})).toEqual(['user', 'p@ss']);
  expect(await signsInWith(':secret', {})).toEqual(['default', 'secret']);
  expect(await signsInWith('user:', { password: 'b' })).toEqual(['user', 'b']);
  expect(await signsInWith('user:secret', { password: 'b' })).toEqual(['user', 'b']);
  expect(await signsInWith('user:secret', { username: 'a' })).toEqual(['a', 'secret']);
  expect(await signsInWith('user:secret', { username: 'a', password: 'b' })).toEqual(['a', 'b']);
});
