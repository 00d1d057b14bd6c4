import { Bootstrap, MemoryNetwork, ServerBootstrap } from '@headrace/core';
import { expect, it, vi } from 'vitest';
import type { TransportChoice } from '../../src/transport/listener.ts';

it('a server logs what its connections are and why: at level info if others are not available, and again when that changes', async () => {
  const network = new MemoryNetwork();
  const listener = network.listen('here');
  const lines: string[] = [];
  const logger = { log: (level: string, text: string) => void lines.push(`${level} ${text}`) };
  const server = await new ServerBootstrap()
    .options({ logger })
    .childHandler(() => {})
    .bind({ listener });
  const connect = async () => {
    const accepted = new Promise((resolve) => server.once('connection', resolve));
    await new Bootstrap().handler(() => {}).connect({ network, name: 'here' });
    await accepted;
  };
  await connect();
  const way: TransportChoice = { kind: 'socket', why: 'a promise was broken', isFallback: true };
  Object.defineProperty(listener, 'way', { value: way });
  await connect();
  await connect();
  const own = lines.map((line) => line.replace(/ .* takes /, ' takes '));
  expect(own).toEqual([
    'debug takes memorys: a network in memory',
    'info takes sockets: a promise was broken',
  ]);
  await server.close();
});

it('a server whose logger throws is bound anyway', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  const logger = {
    log() {
      throw new Error('no log');
    },
  };
  const server = await new ServerBootstrap()
    .options({ logger })
    .childHandler(() => {})
    .bind({ listener: new MemoryNetwork().listen('here') });
  expect(server.channel.isActive).toBe(true);
  expect(warned).toHaveBeenCalledOnce();
  await server.close();
  vi.restoreAllMocks();
});
