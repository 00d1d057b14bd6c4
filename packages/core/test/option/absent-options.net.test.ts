// An option that is undefined is absent, everywhere.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Bootstrap,
  type Channel,
  MemoryNetwork,
  openChannel,
  ServerBootstrap,
  TlsServerContext,
} from '@headrace/core';
import { placeText, present } from '@headrace/core/authoring';
import { EmbeddedChannel } from '@headrace/core/testing';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { BareSocket } from '../../src/testing/index.ts';
import { makeAuthority } from '../fixture/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'absent-'));
const open: { close(): unknown }[] = [];

afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** All options of places, each of them undefined. */
const NONE = {
  port: undefined,
  host: undefined,
  path: undefined,
  network: undefined,
  name: undefined,
  listener: undefined,
  transport: undefined,
  tls: undefined,
  signal: undefined,
  backlog: undefined,
  exclusive: undefined,
  replaceStale: undefined,
  lookup: undefined,
  family: undefined,
  place: undefined,
};
const only = (names: readonly string[], place: object): never =>
  ({ ...Object.fromEntries(names.map((name) => [name, undefined])), ...place }) as never;
const BIND = Object.keys(NONE).filter((name) => !['lookup', 'family', 'place'].includes(name));
const CONNECT = Object.keys(NONE).filter(
  (name) => !['listener', 'signal', 'backlog', 'exclusive', 'replaceStale'].includes(name),
);

describe('an option of a place that is undefined is absent', () => {
  const network = new MemoryNetwork();
  const path = join(folder, 's');

  it.each<[string, object, (address: unknown) => void]>([
    [
      'a port',
      { port: 0, host: '127.0.0.1' },
      (address) => expect(address).toMatchObject({ host: '127.0.0.1' }),
    ],
    [
      'a path',
      { path },
      (address) => expect([address, existsSync(path)]).toEqual([{ path }, true]),
    ],
    ['a name', { network, name: 'a' }, (address) => expect(String(address)).not.toBe('')],
  ])('%s', async (_name, place, check) => {
    const accepted: Channel[] = [];
    const server = await new ServerBootstrap()
      .childHandler((channel) => void accepted.push(channel))
      .bind(only(BIND, place));
    open.push(server);
    check(server.address);
    const target = 'port' in place ? { ...place, port: server.port } : place;
    const client = await new Bootstrap().handler(() => {}).connect(only(CONNECT, target));
    open.push(client);
    await expect.poll(() => accepted.length).toBe(1);
    expect(placeText(only(CONNECT, target))).toBe(placeText(target as never));
  });
});

it('an undefined option of a bootstrap does not undo an earlier call', async () => {
  const network = new MemoryNetwork();
  const accepted: Channel[] = [];
  const server = await new ServerBootstrap()
    .childOptions({ autoRead: false })
    .childOptions({ autoRead: undefined } as never)
    .options({ autoRead: true })
    .options({ autoRead: undefined, logger: undefined } as never)
    .childHandler((channel) => void accepted.push(channel))
    .bind({ network, name: 'a' });
  open.push(server);
  const client = await new Bootstrap()
    .options({ autoRead: false })
    .options({ autoRead: undefined } as never)
    .handler(() => {})
    .connect({ network, name: 'a' });
  open.push(client);
  await expect.poll(() => accepted.length).toBe(1);
  expect([client.autoRead, accepted[0]!.autoRead]).toEqual([false, false]);
});

it('a channel has the logger and the clock of its parent, if its own are undefined', () => {
  const parent = new EmbeddedChannel();
  const none = { parent, logger: undefined, clock: undefined, initialize: () => {} };
  const child = openChannel(new BareSocket(), none as never);
  expect([child.clock, child.logger]).toEqual([parent.clock, parent.logger]);
});

it('a reload of TLS keeps what is undefined', async () => {
  const authority = await makeAuthority('ours');
  const identity = await authority.sign('localhost');
  const side = new TlsServerContext({ ...identity, handshakeTimeoutMs: 1234 });
  const next = { cert: undefined, key: undefined, alpn: ['a'], handshakeTimeoutMs: undefined };
  side.reload(next as never);
  expect(side.handshakeTimeoutMs).toBe(1234);
});

it('present() copies only what has undefined members', () => {
  const whole = { a: 1, b: null, c: 0, d: false };
  expect(present(whole)).toBe(whole);
  expect(Object.keys(present({ ...whole, a: undefined, c: undefined, e: 1 }))).toEqual([
    'b',
    'd',
    'e',
  ]);
  const url = new URL('tcp://a');
  expect([present(url), present(undefined), present(null)]).toEqual([url, undefined, null]);
  class Config {
    path = 'a';
    port: number | undefined = undefined;
  }
  expect(Object.keys(present(new Config()))).toEqual(['path']);
});
