import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { unacknowledgedBytes } from '../../src/channel/unacknowledged-bytes.ts';
import type { Address } from '../../src/index.ts';
import { addressOf } from '../../src/transport/socket-address.ts';

const cleanUps: (() => void)[] = [];

afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

async function connected(host: string, to = host): Promise<[net.Socket, net.Socket]> {
  const server = net.createServer().listen(0, host);
  await new Promise((resolve) => server.once('listening', resolve));
  const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  const client = net.connect((server.address() as net.AddressInfo).port, to);
  const near = await accepted;
  cleanUps.push(
    () => server.close().unref(),
    () => client.destroy(),
    () => near.destroy(),
  );
  return [near, client.pause()];
}

const ends = (socket: net.Socket): [Address | undefined, Address | undefined] => [
  addressOf(socket.localAddress, socket.localPort, socket.remoteFamily),
  addressOf(socket.remoteAddress, socket.remotePort, socket.remoteFamily),
];

const ask = (socket: net.Socket): Promise<number | undefined> =>
  new Promise((resolve) => unacknowledgedBytes(...ends(socket), resolve));

describe.runIf(process.platform === 'linux')('what a peer has not acknowledged', () => {
  it.each([
    ['IPv4', '127.0.0.1', '127.0.0.1'],
    ['IPv6', '::1', '::1'],
    ['IPv4 on an IPv6 socket', '::', '127.0.0.1'],
  ])('is counted for %s', async (_what, host, to) => {
    const [near, far] = await connected(host, to);
    expect(await ask(near)).toBe(0);
    near.write(Buffer.alloc(16 * 1024 * 1024));
    await expect.poll(() => ask(near)).toBeGreaterThan(64 * 1024);
    // Several ask at once, for both ends.
    expect((await Promise.all([ask(near), ask(far), ask(near)])).map((one) => one! > 0)).toEqual([
      true,
      false,
      true,
    ]);
    far.resume();
    await expect.poll(() => ask(near)).toBe(0);
  });
});

it('is not known for a connection that is not TCP', async () => {
  const answers = await Promise.all(
    [undefined, { path: '/nowhere' }, addressOf('192.0.2.1', 1, 'IPv4')].map(
      (address) =>
        new Promise((resolve) => {
          unacknowledgedBytes(address, address, resolve);
        }),
    ),
  );
  expect(answers).toEqual([undefined, undefined, undefined]);
});
