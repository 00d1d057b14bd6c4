import {
  Bootstrap,
  MemoryNetwork,
  type Server,
  ServerBootstrap,
  silentLogger,
} from '@headrace/core';
import { expect, it } from 'vitest';

async function listening(): Promise<{ server: Server; dial: () => Promise<string> }> {
  const network = new MemoryNetwork();
  const server = await new ServerBootstrap()
    .options({ logger: silentLogger })
    .childHandler(() => {})
    .bind({ network, name: 'here' });
  const dial = async () => {
    const client = new Bootstrap().options({ logger: silentLogger }).handler(() => {});
    const channel = await client.connect({ network, name: 'here' });
    return (await channel.closed).reason;
  };
  return { server, dial };
}

it('a connection that comes after the input was shut down is reset, not forgotten', async () => {
  const { server, dial } = await listening();
  server.channel.shutdown('input');
  expect(await dial()).toBe('reset');
  await server.close();
});

it('end closes it at once: there is no peer to wait for', async () => {
  const { server } = await listening();
  server.channel.end({ reason: 'shutdown' });
  expect(server.channel.closeInfo?.reason).toBe('shutdown');
  await server.close();
});
