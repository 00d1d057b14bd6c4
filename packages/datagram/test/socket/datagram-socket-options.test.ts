import { isHeadraceError } from '@headrace/core';
import { CHANNEL_OPTIONS } from '@headrace/core/authoring';
import { DatagramBootstrap } from '@headrace/datagram';
import { expect, it } from 'vitest';
import { canReusePort, settingsOf } from '../../src/socket/datagram-socket-options.ts';

it('knows the versions of Node that share ports', () => {
  const versions = ['20.20.2', '22.11.0', '22.12.0', '23.0.0', '23.1.0', '24.0.0', '26.1.0'];
  expect(versions.map((version) => canReusePort(version))).toEqual([
    false,
    false,
    true,
    false,
    true,
    true,
    true,
  ]);
});

it('takes the family of the host, unless another one is asked for', () => {
  expect(settingsOf({}, undefined).family).toBe(4);
  expect(settingsOf({}, '127.0.0.1').family).toBe(4);
  expect(settingsOf({}, '::1').family).toBe(6);
  expect(settingsOf({ family: 6 }, undefined).family).toBe(6);
});

it.runIf(!canReusePort())(
  'refuses reusePort on a Node that does not have it, before a socket exists',
  async () => {
    const bind = new DatagramBootstrap()
      .options({ reusePort: true })
      .handler(() => {})
      .bind({ port: 0 });
    const error = await bind.catch((thrown: unknown) => thrown);
    expect(isHeadraceError(error, 'OPTION_INVALID')).toBe(true);
    expect(String(error)).toMatch(/reusePort needs Node 22.12 or 23.1/);
  },
);

it('refuses options of channels that have no meaning for datagrams', () => {
  for (const name of Object.keys(CHANNEL_OPTIONS.kinds)) {
    const options = () => new DatagramBootstrap().options({ [name]: undefined });
    if (name === 'allowHalfOpen') expect(options).toThrow('no end of a half');
    else if (name === 'outboundStallMs') expect(options).toThrow('has no time limit');
    else expect(options).not.toThrow();
  }
});

it('refuses invalid options and places', async () => {
  const bootstrap = () => new DatagramBootstrap().handler(() => {});
  expect(() => bootstrap().options({ tll: 3 } as never)).toThrow('did you mean ttl?');
  await expect(bootstrap().options({ ttl: 0 }).bind({ port: 0 })).rejects.toThrow('ttl is 0');
  await expect(bootstrap().bind({ port: 70_000 })).rejects.toThrow('port is 70000');
  await expect(bootstrap().connect({ port: 0 })).rejects.toThrow('port is 0');
  await expect(new DatagramBootstrap().bind({ port: 0 })).rejects.toThrow('.handler(…) is missing');
  await expect(bootstrap().bind({ port: 0, network: {} as never })).rejects.toThrow('network is');
});
