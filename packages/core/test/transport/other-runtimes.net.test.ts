import { Bootstrap, ServerBootstrap } from '@headrace/core';
import { afterEach, expect, it, vi } from 'vitest';
import { makeAuthority } from '../fixture/certificates.ts';

const authority = await makeAuthority('ours');
const own = await authority.sign('localhost');

/** Files that run after this one in the same worker must still know where they are. */
const real = { ...process.versions };

/** The modules as they load on another runtime: here its ways run on Node. */
async function loadedOn(runtime: 'bun' | 'deno'): Promise<typeof import('@headrace/core')> {
  Object.defineProperty(process.versions, runtime, { value: '1.0.0', configurable: true });
  vi.resetModules();
  return import('@headrace/core');
}

afterEach(() => {
  for (const name of ['bun', 'deno']) {
    Reflect.deleteProperty(process.versions, name);
    if (real[name] === undefined) continue;
    Object.defineProperty(process.versions, name, { value: real[name], configurable: true });
  }
  vi.resetModules();
});

it('a TLS server on Bun has a server of Node for each connection, and verifies clients', async () => {
  const { PEER_CERTIFICATE, ServerBootstrap: BunServer } = await loadedOn('bun');
  const subjects: (string | undefined)[] = [];
  const server = await new BunServer()
    .childHandler((channel) => {
      channel.pipeline.addLast({
        channelActive(ctx) {
          subjects.push(ctx.channel.attributes.get(PEER_CERTIFICATE)?.subject);
          ctx.close();
        },
      });
    })
    .bind({
      port: 0,
      host: '127.0.0.1',
      tls: { ...own, ca: authority.ca, clientCertificate: 'require' },
    });
  const client = new Bootstrap().handler(() => {});
  for (const name of ['ann', 'bob']) {
    const tls = { ca: authority.ca, servername: 'localhost', ...(await authority.sign(name)) };
    const channel = await client.connect({ port: server.port, host: '127.0.0.1', tls });
    await channel.closed;
  }
  expect(subjects).toEqual(['CN=ann', 'CN=bob']);
  await server.close();
});

it('a client on Deno reads without a buffer of its own', async () => {
  const server = await new ServerBootstrap()
    .childHandler((channel) => {
      channel.pipeline.addLast({
        channelRead: (ctx, bytes: Buffer) => void ctx.writeAndFlush(bytes),
      });
    })
    .bind({ port: 0, host: '127.0.0.1' });
  const { Bootstrap: DenoClient } = await loadedOn('deno');
  const channel = await new DenoClient()
    .handler(() => {})
    .connect({ port: server.port, host: '127.0.0.1' });
  await channel.writeAndFlush(Buffer.from('hello'));
  for await (const bytes of channel) {
    expect(String(bytes)).toBe('hello');
    break;
  }
  await server.close();
});
